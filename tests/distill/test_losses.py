"""The losses: 0 where there is nothing to learn, and gradients only where they are to go."""

import copy
import math

import numpy as np
import pytest
import torch

from scripts.distill.albert import make_albert
from scripts.distill.batches import read_batches
from scripts.distill.losses import adaptation_loss, distillation_loss, hidden_loss, mean_loss
from scripts.distill.training import WARM_UP
from scripts.masking import IGNORED


@pytest.fixture(scope="module")
def batch(teacher, text) -> dict[str, torch.Tensor]:
    return {name: tensor[:4] for name, tensor in read_batches(text, teacher.tokenizer, 0.2, 0).at(0).items()}


def some_states(layers: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 5, 8, generator=generator) for _ in range(layers)]


def test_equal_states_have_no_loss():
    assert hidden_loss(some_states(), some_states()) == 0


def test_the_mean_as_an_answer_costs_one_whatever_the_scale():
    for scale in (0.01, 1.0, 100.0):
        states = [scale * state for state in some_states()]
        means = [state.mean().expand_as(state) for state in states]
        assert hidden_loss(means, states).item() == pytest.approx(1, abs=0.02)


def test_every_layer_counts_alike():
    states = some_states()
    losses = [hidden_loss([*states[:layer], 2 * states[layer], *states[layer + 1 :]], states) for layer in range(3)]
    assert [loss.item() for loss in losses] == pytest.approx([1 / 3] * 3, rel=0.1)


def test_another_number_of_layers_is_an_error():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        hidden_loss(some_states(2), some_states(3))


def test_only_hidden_pieces_are_restored():
    labels = torch.full((2, 5), IGNORED)
    labels[0, 1], labels[1, 3] = 4, 2
    states = torch.zeros(2, 5, 8)
    states[0, 1, 4] = states[1, 3, 2] = 100.0  # the answer is known where it is asked for, and nowhere else
    assert mean_loss(torch.nn.Identity(), states, labels).item() == pytest.approx(0, abs=1e-6)
    assert mean_loss(torch.nn.Identity(), 0 * states, labels).item() == pytest.approx(math.log(8))


def test_where_nothing_is_hidden_the_loss_is_zero_and_not_undefined():
    states = torch.ones(1, 3, 4, requires_grad=True)
    loss = mean_loss(torch.nn.Identity(), states, torch.full((1, 3), IGNORED))
    loss.backward()
    assert loss == 0 and states.grad is not None and not states.grad.any()


def test_an_adaptation_is_of_the_head_alone_until_it_is_warm(teacher, batch):
    moved = []
    for step in (WARM_UP - 1, WARM_UP):
        model = copy.deepcopy(teacher.model)
        adaptation_loss(model, batch, step).backward()
        layer = model.bert.encoder.get_submodule("layer.0.output.dense").weight
        moved.append((layer.grad is not None, model.cls.predictions.transform.dense.weight.grad is not None))
    assert moved == [(False, True), (True, True)]


def test_a_random_head_guesses(teacher, batch):
    loss = adaptation_loss(teacher.model, batch, 0)
    assert loss.item() == pytest.approx(math.log(teacher.model.config.vocab_size), rel=0.1)


def test_a_student_is_judged_by_states_and_words_and_the_teacher_stays(teacher, batch):
    student = make_albert(teacher.model, 32, 1, 0)
    without, half, whole = (distillation_loss(student, teacher.model, batch, words) for words in (0.0, 0.5, 1.0))
    words = math.log(teacher.model.config.vocab_size)
    assert (whole - without).item() == pytest.approx(words, rel=0.1)
    assert (half - without).item() == pytest.approx((whole - without).item() / 2, rel=1e-3)
    whole.backward()
    assert all(weights.grad is None for weights in teacher.model.parameters())
    assert np.isfinite(without.item()) and any(weights.grad is not None for weights in student.parameters())
