"""The training: the shape of its rate, and that a stopped one goes on to the same weights."""

import copy
from itertools import pairwise

import pytest
import torch

from scripts.cli import InputError
from scripts.distill.batches import Batches, read_batches
from scripts.distill.checkpoint import Checkpoint
from scripts.distill.losses import adaptation_loss
from scripts.distill.training import WARM_UP, Settings, rate_at, train

STEPS, RATE = 6, 0.02


def test_the_rate_rises_stays_and_falls_over_the_last_third():
    rates = [rate_at(step, 900) for step in range(900)]
    assert rates[: WARM_UP - 1] == [(step + 1) / WARM_UP for step in range(WARM_UP - 1)]
    assert rates[WARM_UP - 1 : 601] == [1.0] * (601 - WARM_UP + 1)
    assert rates[601:] == pytest.approx([(900 - step) / 300 for step in range(601, 900)])
    assert rates[-1] == pytest.approx(1 / 300) and min(rates) > 0


@pytest.mark.parametrize("steps", [1, 2, 3, 50, 89, 90])
def test_the_rate_of_a_short_training_is_between_nothing_and_all(steps):
    assert all(0 < rate_at(step, steps) <= 1 for step in range(steps))


@pytest.fixture(scope="module")
def batches(teacher, text) -> Batches:
    return read_batches(text, teacher.tokenizer, 0.2, 0)


def small_batch(batches: Batches, step: int) -> dict[str, torch.Tensor]:
    """A few blocks of a step, as a tiny model learns from them as well."""
    return {name: tensor[:4] for name, tensor in batches.at(step).items()}


class Stopped(Exception):
    """What stops a training here."""


def weights_after(teacher, batches, checkpoint, stop_at=None, steps=STEPS, saved=None) -> dict[str, torch.Tensor]:
    """Train a copy of the teacher, its layers from the first step on; stopped, it leaves its checkpoint."""
    model = copy.deepcopy(teacher.model)

    def loss_at(step: int) -> torch.Tensor:
        if step == stop_at:
            raise Stopped
        return adaptation_loss(model, small_batch(batches, step), WARM_UP)

    saves = [] if saved is None else saved
    train(model, loss_at, Settings(steps, RATE, save_every=2), checkpoint, lambda: saves.append(len(saves)))
    return model.state_dict()


def test_a_stopped_training_goes_on_to_the_same_weights(teacher, batches, tmp_path):
    undisturbed = weights_after(teacher, batches, Checkpoint(tmp_path / "one.pt", {}))
    resumed = Checkpoint(tmp_path / "two.pt", {})
    with pytest.raises(Stopped):
        weights_after(teacher, batches, resumed, stop_at=5)
    assert torch.load(resumed.path, weights_only=True)["step"] == 4
    weights = weights_after(teacher, batches, resumed)
    start = teacher.model.state_dict()
    moved = max((weights[name] - start[name]).abs().max() for name in start)
    apart = max((weights[name] - undisturbed[name]).abs().max() for name in start)
    assert moved > 1e-3 and apart < 1e-3 * moved


def test_a_training_learns(teacher, batches, tmp_path):
    model, losses = copy.deepcopy(teacher.model), []

    def loss_at(step: int) -> torch.Tensor:
        losses.append(adaptation_loss(model, small_batch(batches, 0), WARM_UP))
        return losses[-1]

    train(model, loss_at, Settings(8, 0.05), Checkpoint(tmp_path / "w.pt", {}), lambda: None)
    assert losses[-1].item() < 0.95 * losses[0].item()


def test_the_rate_of_each_step_is_that_of_the_settings(monkeypatch, tmp_path):
    """By plain descent one step moves a weight by the rate, if its gradient is 1."""
    monkeypatch.setattr(torch.optim, "AdamW", lambda parameters, **_: torch.optim.SGD(parameters, lr=9.9))
    model, places = torch.nn.Linear(1, 1, bias=False), []

    def loss_at(step: int) -> torch.Tensor:
        places.append(model.weight.item())
        return model.weight.sum()

    train(model, loss_at, Settings(5, 0.6), Checkpoint(tmp_path / "w.pt", {}), lambda: None)
    moved = [before - after for before, after in pairwise([*places, model.weight.item()])]
    assert moved == pytest.approx([0.6 * rate_at(step, 5) for step in range(5)], rel=1e-3)


def test_the_encoder_is_saved_with_each_checkpoint_and_at_the_end(teacher, batches, tmp_path):
    saved: list[int] = []
    checkpoint = Checkpoint(tmp_path / "w.pt", {})
    weights_after(teacher, batches, checkpoint, steps=5, saved=saved)
    assert len(saved) == 3 and torch.load(checkpoint.path, weights_only=True)["step"] == 5
    weights_after(teacher, batches, checkpoint, stop_at=0, steps=5, saved=saved)
    assert len(saved) == 4


def test_more_steps_go_on_and_fewer_are_refused(teacher, batches, tmp_path):
    checkpoint = Checkpoint(tmp_path / "w.pt", {})
    weights_after(teacher, batches, checkpoint, steps=2)
    weights_after(teacher, batches, checkpoint, stop_at=1, steps=3)
    with pytest.raises(InputError, match=r"w\.pt is of 3 steps already: give --steps 3, or more"):
        weights_after(teacher, batches, checkpoint, steps=2)
