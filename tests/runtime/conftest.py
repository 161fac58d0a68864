"""Tiny encoders, and pipelines around them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from spacy.language import Language
from thinc.api import fix_random_seed

from scripts.runtime import transformer
from scripts.runtime.batches import Batch
from tests import encoders
from tests.pipelines import LINES, SEED, build

OURS = ("bert", "albert")  # kinds that have layers of ours, and configs


@pytest.fixture(scope="session")
def make_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("encoders")

    def make(name: str) -> Path:
        if not (folder / name).exists():
            (folder / name).mkdir()
            fix_random_seed(SEED)
            encoders.BUILD[name](LINES, folder / name)
        return folder / name

    return make


@pytest.fixture(scope="session", params=OURS)
def encoder(request: pytest.FixtureRequest, make_encoder: Callable[[str], Path]) -> Path:
    return make_encoder(request.param)


@pytest.fixture(scope="session")
def bert(make_encoder: Callable[[str], Path]) -> Path:
    """For tests in which one kind of encoder is enough."""
    return make_encoder("bert")


@pytest.fixture(scope="module")
def nlp(encoder: Path) -> Language:
    return build(encoder)


@pytest.fixture
def set_tiles(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the CPU have tiles for bfloat16, or none, as far as the code can see."""
    others = {name: has for name, has in torch.cpu.get_capabilities().items() if name != "amx_bf16"}

    def set_tiles(there: bool) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {**others, "amx_bf16": there})

    return set_tiles


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The widths of the batches of each call of the encoder layer from now on, of joined windows the longest."""
    compute, found = transformer.compute, []

    def record(encoder: Any, cores: Any, batches: list[Batch]) -> Any:
        found.append([batch.widths[-1][1] if batch.widths else batch.ids.shape[1] for batch in batches])
        return compute(encoder, cores, batches)

    monkeypatch.setattr(transformer, "compute", record)
    return found
