"""Which contestants there are, and in which precision."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import spacy
import torch

from benchmarks import annotators, onnx_runtime
from benchmarks.annotators import huggingface_annotators, onnx_annotators, precisions
from benchmarks.huggingface import make_classifier
from benchmarks.pipelines import build_ours, build_stock, load_ours, read_examples
from benchmarks.timing import FEW, fastest
from scripts.runtime import hardware
from tests import encoders
from tests.assertions import add_classifier
from tests.pipelines import LINES, build
from tests.trainings import write_notes

CPU = torch.device("cpu")
TAGS = ["O", "B-problem", "I-problem"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    encoders.build_bert(LINES, folder)
    return folder


@pytest.fixture
def set_bfloat16(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the CPU have instructions for bfloat16, or none, as far as the code can see."""
    monkeypatch.setattr(hardware, "has_packed_bfloat16", lambda: True)  # what oneDNN says of this processor
    return lambda there: monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": there})


@pytest.mark.parametrize("there", [True, False])
def test_bfloat16_is_a_contestant_only_where_it_is_fast(there: bool, set_bfloat16, encoder: Path):
    set_bfloat16(there)
    assert ("bfloat16" in precisions(CPU)) == there
    assert "float32" in precisions(CPU) and "auto" not in precisions(CPU)
    names = [[*ways] for ways in huggingface_annotators(lambda: make_classifier(encoder, TAGS), CPU)]
    assert names[0] == ["HF pipeline, float32"]
    assert len(names[1]) == (8 if there else 4) and len(names[2]) == len(names[3]) == (2 if there else 1)
    assert any("bfloat16" in name for ways in names for name in ways) == there


def test_the_fastest_way_is_taken_by_its_time_on_a_few_texts(monkeypatch):
    read: list[tuple[str, int]] = []
    clock = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr("benchmarks.timing.clock", lambda run, texts: (run(texts), next(clock))[1])
    ways = {name: lambda texts, name=name: read.append((name, len(texts))) for name in "abc"}
    texts = ["x" * (FEW // 10)] * 30
    name, run = fastest(ways, texts)
    assert name == "b" and run is ways["b"]
    assert [size for _, size in read] == [4, 4, 4, 10, 10, 10]
    assert fastest({"a": ways["a"]}, texts)[0] == "a" and len(read) == 6
    monkeypatch.undo()
    assert fastest(ways, ["x" * 2 * FEW])[0] in ways and read[-1][1] == 1


def test_onnx_runtime_is_left_out_with_a_word_where_it_is_not_there(monkeypatch, capsys, tmp_path: Path):
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    assert not [*onnx_annotators(None, None, TAGS, tmp_path, CPU)]
    assert "requirements-benchmarks.txt" in capsys.readouterr().out


def test_what_is_not_held_says_so(monkeypatch, tmp_path: Path):
    for name in ("export", "quantize", "open_session"):
        monkeypatch.setattr(onnx_runtime, name, lambda *_: SimpleNamespace())
    monkeypatch.setattr(onnx_runtime, "is_installed", lambda: True)
    model = SimpleNamespace(base_model=None)
    for hold in ("", "held to AVX2"):
        monkeypatch.setattr(annotators, "describe_hold", lambda hold=hold: hold)
        names = [name for ways in onnx_annotators(model, None, TAGS, tmp_path, CPU) for name in ways]
        assert names and all(("not held" in name) == bool(hold) for name in names)


def test_both_sides_are_built_and_updated_without_assertions(encoder: Path, tmp_path: Path):
    write_notes(tmp_path / "train.spacy", 4, 1)  # some have assertions
    ours = build_ours(encoder, tmp_path / "train.spacy")
    stock = build_stock(ours, encoder, tmp_path / "train.spacy")
    for nlp in (ours, stock):
        assert nlp.pipe_names == ["transformer", "ner"]
        assert nlp.update(read_examples(nlp, tmp_path / "train.spacy")[:2], losses={})["ner"] > 0


def test_a_trained_pipeline_is_read_without_assertions(encoder: Path, tmp_path: Path):
    nlp = build(encoder)
    add_classifier(nlp)
    nlp.to_disk(tmp_path / "ours")
    assert "assertion" in spacy.load(tmp_path / "ours").pipe_names
    assert load_ours(tmp_path / "ours", "float32").pipe_names == ["transformer", "ner"]
