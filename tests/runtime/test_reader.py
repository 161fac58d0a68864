"""The encoder that predicts: the same vectors as Hugging Face's in every precision, and nothing of it is saved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from thinc.api import Adam
from transformers import AutoModel
from transformers.activations import PytorchGELUTanh

from scripts.runtime import reader as readers
from scripts.runtime.activations import TanhGelu
from scripts.runtime.hardware import has_packed_bfloat16, has_packed_float32
from scripts.runtime.products import PackedLinear, QuantizedLinear
from scripts.runtime.reader import convert_weights, make_reader
from tests.pipelines import LINES, build, quantizes, shim_of, train

PRECISIONS = [("float32", 1e-5), ("bfloat16", 0.1), pytest.param("int8", 0.1, marks=quantizes)]
IDS = torch.arange(2, 20).repeat(3).view(2, 27)


def encode(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(IDS).last_hidden_state.float()


@pytest.mark.parametrize(("precision", "close"), PRECISIONS)
def test_a_reader_computes_what_hugging_faces_model_does(encoder: Path, precision: str, close: float):
    ours = shim_of(build(encoder)).encoder
    expected = encode(AutoModel.from_pretrained(encoder).eval())
    found = encode(make_reader(ours, precision))
    assert (found - expected).norm() < close * expected.norm()
    if precision != "float32":
        assert not found.equal(expected)


@pytest.mark.parametrize(("precision", "close"), PRECISIONS)
def test_a_reader_leaves_the_encoder_as_it_is(encoder: Path, precision: str, close: float):
    model = shim_of(build(encoder)).encoder.train()
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    kinds = [type(layer) for layer in model.modules()]
    reader = make_reader(model, precision)
    assert model.training and not reader.training
    assert [type(layer) for layer in model.modules()] == kinds
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(after[name].equal(weights) for name, weights in before.items())
    words, theirs = (each.get_input_embeddings().weight.data_ptr() for each in (reader, model))
    assert (words == theirs) == (precision != "bfloat16")  # memory holds them once


@pytest.mark.parametrize(
    ("precision", "kind", "has"),
    [
        ("float32", PackedLinear, has_packed_float32),
        ("bfloat16", PackedLinear, has_packed_bfloat16),
        pytest.param("int8", QuantizedLinear, lambda: True, marks=quantizes),
    ],
)
def test_all_linear_layers_are_replaced_and_projections_are_one(encoder: Path, precision: str, kind: type, has):
    if not has():
        pytest.skip("weights are not laid out on this CPU")
    model = shim_of(build(encoder)).encoder
    reader = make_reader(model, precision)
    layers = [layer for layer in model.modules() if type(layer) is torch.nn.Linear]
    mine = [layer for layer in reader.modules() if type(layer) is kind]
    attention = sum(hasattr(layer, "projection") for layer in reader.modules())
    assert bool(attention) == (precision != "bfloat16")
    assert len(mine) == len(layers) - 2 * attention
    assert not any(type(layer) in (torch.nn.Linear, PytorchGELUTanh) for layer in reader.modules())
    assert any(isinstance(layer, TanhGelu) for layer in reader.modules()) == (encoder.name == "albert")


def test_a_cpu_that_cannot_lay_out_weights_computes_all_the_same(encoder: Path, monkeypatch: pytest.MonkeyPatch):
    model = shim_of(build(encoder)).encoder
    expected = {precision: encode(make_reader(model, precision)) for precision in ("float32", "bfloat16")}
    for name in ("has_packed_float32", "has_packed_bfloat16"):
        monkeypatch.setattr(readers, name, lambda: False)
    for precision, close in (("float32", 1e-5), ("bfloat16", 0.1)):
        reader = make_reader(model, precision)
        assert not any(isinstance(layer, PackedLinear) for layer in reader.modules())
        torch.testing.assert_close(encode(reader), expected[precision], atol=close, rtol=close)


def test_adapters_in_attention_stay_in_it(encoder: Path):
    """Such as PEFT's, which hold the layer that they adapt."""

    class Adapted(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) + 1.0

    model = shim_of(build(encoder)).encoder.eval()
    plain = encode(make_reader(model, "float32"))
    layers: list[Any] = [layer for layer in model.modules() if hasattr(layer, "query")]
    for layer in layers:
        layer.query.__class__ = Adapted
    adapted = encode(make_reader(model, "float32"))
    torch.testing.assert_close(adapted, encode(model), atol=1e-5, rtol=1e-5)
    assert (adapted - plain).abs().max() > 1e-3


@pytest.mark.parametrize("precision", ["float32", "bfloat16", pytest.param("int8", marks=quantizes)])
def test_an_encoder_in_half_precision_is_read_in_any(bert: Path, precision: str):
    model = shim_of(build(bert)).encoder
    expected = encode(make_reader(model, precision))
    found = encode(make_reader(model.bfloat16(), precision))
    assert (found - expected).norm() < 0.05 * expected.norm()


@quantizes
def test_8_bits_find_the_mentions_of_a_trained_pipeline(encoder: Path):
    """Vectors differ, but as little that a pipeline which has learnt its lines reads all of them in 8 bits."""
    nlp = build(encoder)
    train(nlp, Adam(0.005, use_averages=False), updates=30)
    texts = [line.replace("she", other) for other in ("she", "he") for line in LINES]
    mentions, vectors = {}, {}
    for precision in ("float32", "int8"):
        shim_of(nlp).precision = precision
        docs = list(nlp.pipe(texts))
        mentions[precision] = [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]
        vectors[precision] = np.vstack(nlp.get_pipe("transformer").predict(docs).vectors)
    assert any(mentions["float32"])
    assert mentions["int8"] == mentions["float32"]
    assert 0 < np.abs(vectors["int8"] - vectors["float32"]).max() < 0.3


def test_converted_weights_leave_buffers_as_exact_as_they_were(make_encoder: Callable[[str], Path]):
    """Such as the frequencies by which ModernBERT tells places apart."""
    model = AutoModel.from_pretrained(make_encoder("modernbert"))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    weights = dict(model.named_parameters())
    convert_weights(model, torch.bfloat16)
    assert {each.dtype for each in model.parameters()} == {torch.bfloat16} == {model.dtype}
    assert {each.dtype for each in weights.values()} == {torch.float32}  # which a copy may share
    assert any("inv_freq" in name for name in before)
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, before[name], atol=0.0, rtol=0.0)
