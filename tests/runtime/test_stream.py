"""A stream is read ahead: nothing is lost, mixed up or left running."""

import threading
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy_transformers.data_classes import HFObjects
from spacy_transformers.layers.hf_shim import HFShim

from scripts.runtime import stream
from scripts.runtime.stream import count_tokens, create_read_ahead
from tests.paths import ROOT
from tests.pipelines import LINES, build, shim_of, transformer_of

TEXTS = [f"{' '.join(LINES[i % 4 : i % 4 + i % 9])} pain {i}" * (1 + i % 3) for i in range(60)] + ["", "\n"]


@pytest.fixture(scope="module")
def nlp(bert: Path) -> Language:
    return create_read_ahead()(build(bert, keep_output=True))


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def set_batch(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the tokens that are encoded together."""
    return lambda tokens: monkeypatch.setitem(transformer_of(nlp).cfg, "max_batch_items", tokens)


def vectors(doc: Doc) -> np.ndarray:
    return doc._.trf_data.tensors[0][0] if len(doc) else np.empty(0)


@pytest.mark.parametrize("tokens", [1, 100, 100_000])
def test_a_stream_gives_what_single_notes_give(nlp: Language, threads: int, tokens: int, set_batch):
    set_batch(tokens)
    docs = list(nlp.pipe(TEXTS, batch_size=7))
    assert [doc.text for doc in docs] == TEXTS
    for doc in docs:
        np.testing.assert_allclose(vectors(doc), vectors(nlp(doc.text)), atol=1e-5)
        assert [ent.label_ for ent in doc.ents] == [ent.label_ for ent in nlp(doc.text).ents]


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_cores_compute_a_stream_and_are_gone_afterwards(nlp: Language, threads: int, set_batch):
    seen = set()
    set_batch(2000)
    hook = shim_of(nlp).encoder.register_forward_pre_hook(
        lambda *_: seen.add((threading.current_thread() is threading.main_thread(), torch.get_num_threads()))
    )
    running = threading.active_count()
    list(nlp.pipe(TEXTS * 9))
    hook.remove()
    assert seen == {(False, 1)}
    assert threading.active_count() == running
    assert torch.get_num_threads() == 2
    nlp("pain")


def test_no_more_is_read_ahead_than_said(nlp: Language, set_batch):
    set_batch(10)
    numbers = count()
    texts = (f"pain {next(numbers)}" for _ in range(10**6))  # of two tokens each
    docs: Any = nlp.pipe(texts, batch_size=1)
    assert [doc.text for doc in islice(docs, 8)] == [f"pain {i}" for i in range(8)]
    docs.close()
    assert next(numbers) <= 8 + (stream.AHEAD + 1) * 5
    assert shim_of(nlp).cores is None


def test_a_note_without_tokens_counts_as_one(nlp: Language):
    assert [count_tokens(nlp.make_doc(text)) for text in ("", "pain", "chest pain")] == [1, 1, 2]


def test_freed_memory_is_given_back_with_every_batch(nlp: Language, set_batch, monkeypatch: pytest.MonkeyPatch):
    given: list[bool] = []
    monkeypatch.setattr(stream, "give_back_memory", lambda: given.append(True))
    set_batch(2)
    assert len(list(nlp.pipe(["chest pain"] * 5))) == 5
    assert len(given) == 5


def test_streams_side_by_side(nlp: Language, set_batch):
    set_batch(50)
    for one, other in zip(nlp.pipe(TEXTS), nlp.pipe(reversed(TEXTS)), strict=True):
        np.testing.assert_allclose(vectors(one), vectors(nlp(one.text)), atol=1e-5)
        np.testing.assert_allclose(vectors(other), vectors(nlp(other.text)), atol=1e-5)


def test_what_fails_in_a_core_is_raised(nlp: Language):
    def fail(*_: Any) -> None:
        raise RuntimeError("no memory")

    hook = shim_of(nlp).encoder.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no memory"):
        list(nlp.pipe(TEXTS))
    hook.remove()
    assert len(list(nlp.pipe(TEXTS))) == len(TEXTS)


def test_threads_of_a_server_share_a_pipeline(nlp: Language):
    wanted, found, errors = [vectors(nlp(text)) for text in TEXTS], {}, []

    def serve(name: int) -> None:
        try:
            found[name] = [vectors(nlp(text)) for text in TEXTS]
        except Exception as error:
            errors.append(error)

    servers = [threading.Thread(target=serve, args=(name,)) for name in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert not errors
    for rows in found.values():
        for one, other in zip(rows, wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_only_our_encoder_reads_ahead(bert: Path, monkeypatch: pytest.MonkeyPatch):
    """Not one that has the name of ours and another shim, as of another copy of this code."""
    nlp = build(bert)
    model = transformer_of(nlp).model
    assert model.name == "medner-transformer"
    monkeypatch.setattr(model, "_shims", [HFShim(HFObjects(None, None, None))])
    create_read_ahead()(nlp)
    assert "pipe" not in vars(transformer_of(nlp))
    monkeypatch.undo()
    create_read_ahead()(nlp)
    assert transformer_of(nlp).pipe.func is stream.pipe


def test_both_configs_read_ahead():
    configs = [spacy.util.load_config(path) for path in (ROOT / "configs").glob("*.cfg")]
    assert len(configs) == 2
    for config in configs:
        assert config["nlp"]["after_pipeline_creation"] == {"@callbacks": "medner.ReadAhead.v1"}
