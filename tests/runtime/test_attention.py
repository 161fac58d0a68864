"""Attention: Hugging Face's results, by the operator that is faster."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from scripts.runtime import attention
from tests import encoders
from tests.pipelines import build, shim_of


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("width", [9, 200])  # longer than windows of plain attention
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_hugging_faces(encoder: Path, training: bool, width: int, dtype: torch.dtype):
    ours = shim_of(build(encoder)).encoder
    theirs = AutoModel.from_pretrained(encoder)
    mask = torch.ones(2, width, dtype=torch.int64)
    mask[1, width // 2 :] = 0
    torch.manual_seed(1)
    ids, close = torch.randint(5, 20, (2, width)), {torch.float32: 1e-4, torch.bfloat16: 0.1}[dtype]
    gradient, found = torch.randn(2, width, encoders.WIDTH, dtype=dtype) * mask[..., None], {}
    for model in (ours, theirs):
        model.to(dtype).train(training)
        for name, weights in model.named_parameters():
            if name.endswith(("query.weight", "key.weight")):
                weights.data *= 10  # so that pieces differ in what they take from others
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
            if hasattr(layer, "dropout_prob"):
                layer.dropout_prob = 0.0
        hidden = model(ids, attention_mask=mask).last_hidden_state
        hidden.backward(gradient)
        weights = next(value for name, value in model.named_parameters() if name.endswith("query.weight"))
        found[model] = (hidden[mask == 1], weights.grad)
    for mine, expected in zip(found[ours], found[theirs], strict=True):
        assert (mine - expected).abs().max() < close * expected.abs().max()


def test_attention_drops_in_training_only(encoder: Path):
    model = shim_of(build(encoder)).encoder
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.5 if name.endswith(("self.dropout", "attention_dropout")) else 0.0
    ids = torch.randint(5, 20, (1, 30))
    for training in (True, False):
        model.train(training)
        again = torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)
        assert again is not training


def test_plain_attention_is_taken_where_it_is_faster(
    encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    set_tiles: Callable[[bool], None],
):
    nlp = build(encoder, window=512, precision="bfloat16")
    nlp("chest pain")
    assert not caplog.records  # Hugging Face logs a warning if it is asked for plain attention
    model = shim_of(nlp).encoder
    fused, calls = attention.F.scaled_dot_product_attention, []
    monkeypatch.setattr(attention.F, "scaled_dot_product_attention", lambda *parts: calls.append(1) or fused(*parts))
    for dtype, training, width, tiles, plain in (
        (torch.bfloat16, False, 128, False, True),
        (torch.bfloat16, False, 129, False, False),
        (torch.bfloat16, False, 128, True, False),
        (torch.float32, False, 10, False, False),
        (torch.float32, True, 200, False, True),
        (torch.bfloat16, True, 128, True, True),
    ):
        set_tiles(tiles)
        calls.clear()
        model.to(dtype).train(training)(torch.full((1, width), 5))
        assert len(calls) == (0 if plain else model.config.num_hidden_layers)
