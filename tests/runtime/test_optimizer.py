"""Updates by torch's Adam are thinc's, and gradients of few embeddings train as gradients of all."""

from pathlib import Path

import numpy as np
import pytest
import torch
from spacy_transformers.layers.hf_shim import HFShim
from thinc.api import SGD, Adam, RAdam
from torch.nn import functional as F

from scripts.runtime.optimizer import DenseGradient, FusedAdam, can_fuse
from tests import encoders
from tests.pipelines import LINES, build, shim_of, transformer_of


def test_only_adam_without_averages_is_torchs():
    assert can_fuse(Adam(0.01, use_averages=False))
    assert not any(map(can_fuse, (Adam(0.01, use_averages=True), RAdam(0.01, use_averages=False))))
    assert not can_fuse(SGD(0.01, use_averages=False))


@pytest.mark.parametrize("settings", [{}, {"L2": 0.1, "grad_clip": 0.01}, {"L2": 0.1, "L2_is_weight_decay": False}])
def test_fused_adam_is_thincs(encoder: Path, settings: dict):
    found = []
    for fused in (True, False):
        shim = shim_of(build(encoder))
        optimizer = Adam(0.01, eps=1e-8, use_averages=False, **settings)
        for step in range(3):
            torch.manual_seed(step)
            for weights in shim.encoder.parameters():
                weights.grad = torch.randn(weights.shape)
            if fused:
                shim.finish_update(optimizer)
            else:
                HFShim.finish_update(shim, optimizer)
        found.append(torch.cat([p.detach().flatten() for p in shim.encoder.parameters()]))
        assert not any(p.grad is not None and p.grad.any() for p in shim.encoder.parameters())
    torch.testing.assert_close(*found, atol=3e-5, rtol=1e-4)


def test_another_optimizer_begins_again(bert: Path):
    found = []
    for optimizers in ([Adam(0.01, use_averages=False)] * 2, [Adam(0.01, use_averages=False) for _ in range(2)]):
        shim = shim_of(build(bert))
        for step, optimizer in enumerate(optimizers):
            torch.manual_seed(step)
            for weights in shim.encoder.parameters():
                weights.grad = torch.randn(weights.shape)
            shim.finish_update(optimizer)
        found.append(torch.cat([p.detach().flatten() for p in shim.encoder.parameters()]))
    assert (found[0] - found[1]).abs().max() > 1e-3  # with the first one's moments the second step is another


def test_an_update_goes_on_from_a_state(bert: Path):
    found = []
    for again in (False, True):
        shim, optimizer = shim_of(build(bert)), Adam(0.01, use_averages=False)
        for step in range(4):
            torch.manual_seed(step)
            for weights in shim.encoder.parameters():
                weights.grad = torch.randn(weights.shape)
            shim.finish_update(optimizer)
            if again and step == 1:
                assert shim.adam
                state = {name: values.clone() for name, values in shim.adam.get_state().items()}
                shim.adam = FusedAdam(optimizer, shim.encoder.parameters())
                shim.adam.set_state(state)
        found.append(torch.cat([p.detach().flatten() for p in shim.encoder.parameters()]))
    assert torch.equal(*found)


@pytest.mark.parametrize("averages", [False, True])
def test_sparse_gradients_train_as_dense_ones(encoder: Path, averages: bool, monkeypatch: pytest.MonkeyPatch):
    found = []
    for dense in (False, True):
        nlp = build(encoder)
        shim = shim_of(nlp)
        table = shim.encoder.get_input_embeddings()
        if dense:
            monkeypatch.setattr(torch.nn.Embedding, "forward", lambda layer, ids: F.embedding(ids, layer.weight))
        optimizer = Adam(0.01, use_averages=averages)
        for line in LINES[:3]:
            for note in (line, "chest pain"):  # gradients of both are added
                docs = [nlp.make_doc(note)]
                torch.manual_seed(0)
                _, backprop = transformer_of(nlp).model(docs, is_train=True)
                backprop([np.ones((len(docs[0]), encoders.WIDTH), dtype="f")])
            assert table.weight.grad.is_sparse is not dense
            shim.finish_update(optimizer)
        found.append(table.weight.detach())
    torch.testing.assert_close(*found, atol=1e-3, rtol=0.0)


def test_a_gradient_of_few_rows_leaves_nothing_behind():
    table, dense = torch.nn.Parameter(torch.zeros(4, 2)), DenseGradient()
    for rows in ([1, 1, 3], [0]):
        table.grad = torch.sparse_coo_tensor(torch.tensor([rows]), torch.ones(len(rows), 2), (4, 2))
        with dense.replacing(table):
            assert table.grad.tolist() == [[rows.count(row)] * 2 for row in range(4)]
        assert table.grad is None
    table.grad = torch.ones(4, 2)
    with dense.replacing(table):
        assert (table.grad == 1).all()
    assert table.grad is not None
