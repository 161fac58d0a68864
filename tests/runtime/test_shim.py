"""The encoder in its layer: its precision, and predictions that follow its weights wherever these come from."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import srsly
import torch
import transformers
from spacy.language import Language
from thinc.api import Adam, Linear

from scripts.runtime import shim as shims
from scripts.runtime.cores import Cores, compute_alone
from scripts.runtime.shim import encoder_shim
from tests.pipelines import LINES, build, quantizes, shim_of, train, transformer_of, vectors

PRECISIONS = ["float32", "bfloat16", pytest.param("int8", marks=quantizes)]


def read(nlp: Language) -> np.ndarray:
    return np.vstack(vectors(nlp, [nlp.make_doc(line) for line in LINES[:4]]))


def read_by_new_copy(nlp: Language) -> np.ndarray:
    """What the encoder predicts with the weights that it has now."""
    shim_of(nlp)._copy = None
    return read(nlp)


def test_the_encoder_of_a_layer_is_found(bert: Path):
    nlp = build(bert)
    model = transformer_of(nlp).model
    shim = encoder_shim(model)
    assert shim.is_loaded
    assert shim.encoder.config.model_type == "bert"
    assert shim.tokenizer("chest pain", add_special_tokens=False).tokens() == ["chest", "pain"]
    with pytest.raises(ValueError, match="The layer linear holds no encoder of medner's"):
        encoder_shim(Linear())


def test_bfloat16_agrees_with_float32(encoder: Path):
    nlp = build(encoder)
    exact = read(nlp)
    shim_of(nlp).precision = "bfloat16"
    rough = read(nlp)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.15
    assert all(p.dtype == torch.float32 for p in shim_of(nlp).encoder.parameters())


@pytest.mark.parametrize("averages", [False, True])  # without them by torch's Adam, with them by thinc's
@pytest.mark.parametrize("precision", PRECISIONS)
def test_predictions_follow_every_update(encoder: Path, precision: str, averages: bool):
    nlp = build(encoder, precision=precision)
    optimizer = Adam(0.01, use_averages=averages)
    for _ in range(2):
        before = read(nlp)
        train(nlp, optimizer)
        found = read(nlp)
        assert np.abs(found - before).max() > 0.01
        np.testing.assert_array_equal(found, read_by_new_copy(nlp))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_predictions_follow_weights_that_are_taken_for_a_while(encoder: Path, precision: str):
    nlp = build(encoder, precision=precision)
    shim, before = shim_of(nlp), read(nlp)
    others = {f"pytorch_{shim.id}_{name}": weights.numpy() * 2 for name, weights in shim.encoder.state_dict().items()}
    with transformer_of(nlp).model.use_params(others):
        meanwhile = read(nlp)
        np.testing.assert_array_equal(meanwhile, read_by_new_copy(nlp))
    assert np.abs(meanwhile - before).max() > 0.1
    np.testing.assert_array_equal(read(nlp), before)
    with pytest.raises(KeyError), transformer_of(nlp).model.use_params({}):
        raise KeyError
    np.testing.assert_array_equal(read(nlp), before)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_predictions_follow_weights_that_are_loaded(encoder: Path, precision: str):
    nlp, other = build(encoder, precision=precision), build(encoder, precision=precision)
    train(other, Adam(0.01, use_averages=False))
    before, expected = read(nlp), read(other)
    assert np.abs(before - expected).max() > 0.01
    nlp.from_bytes(other.to_bytes())
    np.testing.assert_array_equal(read(nlp), expected)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_predictions_follow_weights_that_are_changed_in_place(encoder: Path, precision: str):
    nlp = build(encoder, precision=precision)
    before = read(nlp)
    with torch.no_grad():
        for weights in shim_of(nlp).encoder.parameters():
            weights.mul_(1.5)
    found = read(nlp)
    assert np.abs(found - before).max() > 0.01
    np.testing.assert_array_equal(found, read_by_new_copy(nlp))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_that_were_loaded_in_inference_mode_predict(bert: Path, precision: str):
    with torch.inference_mode():
        nlp = build(bert, precision=precision)
    np.testing.assert_array_equal(read(nlp), read(build(bert, precision=precision)))


def test_threads_that_predict_first_at_the_same_time_share_a_copy(bert: Path, monkeypatch: pytest.MonkeyPatch):
    nlp, made, together = build(bert), [], threading.Barrier(4)
    make = shims.make_reader
    monkeypatch.setattr(shims, "make_reader", lambda *given: made.append(1) or make(*given))

    def predict() -> None:
        together.wait(30)
        read(nlp)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 1


def test_training_goes_on_with_weights_that_are_loaded(bert: Path):
    nlp, optimizer = build(bert), Adam(0.01, use_averages=False)
    train(nlp, optimizer)
    nlp.from_bytes(nlp.to_bytes())
    before = read(nlp)
    train(nlp, optimizer)  # the optimizer's moments are those of weights that are gone
    assert np.abs(read(nlp) - before).max() > 0.01


def test_averaged_weights_are_kept_by_thinc(encoder: Path):
    nlp = build(encoder)
    optimizer = Adam(0.01, use_averages=True)
    train(nlp, optimizer)
    with nlp.use_params(optimizer.averages):
        nlp("chest pain")
    assert any(str(key[1]).startswith("embeddings") for key in optimizer.averages)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_saved_pipeline_predicts_the_same(encoder: Path, precision: str, tmp_path: Path):
    nlp = build(encoder, precision=precision)
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    doc = nlp.make_doc("chest pain . " * 12)
    np.testing.assert_array_equal(vectors(nlp, [doc])[0], vectors(again, [again.make_doc(doc.text)])[0])
    weights = shim_of(again).encoder.state_dict()
    assert all(tensor.dtype == torch.float32 for name, tensor in weights.items() if tensor.is_floating_point())
    assert not any("pooler" in name for name in weights)


def test_weights_that_another_transformers_would_build_are_refused(bert: Path):
    """spacy-transformers would go on with random ones."""
    nlp = build(bert)
    saved: Any = srsly.msgpack_loads(shim_of(nlp).to_bytes())
    state = torch.load(io.BytesIO(saved["state"]))
    state.pop("embeddings.LayerNorm.weight")
    changed = io.BytesIO()
    torch.save(state, changed)
    with pytest.raises(ValueError, match=f"transformers {transformers.__version__} builds the encoder"):
        shim_of(nlp).from_bytes(srsly.msgpack_dumps({**saved, "state": changed.getvalue()}))


@pytest.mark.parametrize(
    ("precision", "bfloat16", "int8", "training", "reading"),
    [
        ("auto", True, True, torch.bfloat16, "bfloat16"),
        ("auto", False, True, torch.float32, "int8"),
        ("auto", False, False, torch.float32, "float32"),
        ("float32", True, True, torch.float32, "float32"),
        ("bfloat16", False, True, torch.bfloat16, "bfloat16"),
        ("int8", True, True, torch.bfloat16, "int8"),
        ("int8", False, True, torch.float32, "int8"),
        ("int8", True, False, torch.bfloat16, "bfloat16"),
    ],
)
def test_the_precision_follows_the_setting_and_the_processor(
    bert: Path, monkeypatch, precision: str, bfloat16: bool, int8: bool, training: torch.dtype, reading: str
):
    monkeypatch.setattr(shims, "has_fast_bfloat16", lambda device: bfloat16)
    monkeypatch.setattr(shims, "has_fast_int8", lambda: int8)
    shim = shim_of(build(bert, precision=precision))
    assert (shim.dtype, shim.reads_in) == (training, reading)


def test_a_thread_that_reads_a_note_while_cores_start_keeps_all_of_torchs_threads(bert: Path, monkeypatch):
    nlp, starting, go, seen = build(bert), threading.Event(), threading.Event(), []

    def start_slowly() -> None:
        compute_alone()
        starting.set()
        go.wait(30)

    def read_alone() -> None:
        read(nlp)
        seen.append(torch.get_num_threads())

    monkeypatch.setattr("scripts.runtime.cores.compute_alone", start_slowly)
    threads = [threading.Thread(target=Cores().submit, args=([int],)), threading.Thread(target=read_alone)]
    threads[0].start()
    assert starting.wait(30)
    threads[1].start()
    threads[1].join(1)
    go.set()
    for thread in threads:
        thread.join(30)
    assert seen == [torch.get_num_threads()] != [1]
