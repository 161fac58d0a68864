"""The training itself: steps of AdamW, and a checkpoint every so often."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Module
from tqdm import tqdm

from scripts.cli import InputError
from scripts.distill.checkpoint import Checkpoint

WARM_UP = 60  # steps
FORGOTTEN = 0.02  # part of the loss shown that the last step makes up


class Settings(NamedTuple):
    """How long and how fast to train; `rate` is the highest learning rate, `save_every` a number of steps."""

    steps: int
    rate: float
    save_every: int = 50


def rate_at(step: int, steps: int) -> float:
    """Part of the highest learning rate: up in the warm-up, level, straight down over the last third of the steps."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / (steps / 3))


def train(
    model: Module,
    loss_at: Callable[[int], Tensor],
    settings: Settings,
    checkpoint: Checkpoint,
    save: Callable[[], None],
) -> None:
    """Train `model` from its checkpoint, or from the start, for the number of steps wanted.

    loss_at (Callable): The loss of a step, by its number.
    save (Callable): Writes the encoder as it is; called at each checkpoint and at the end.
    RAISES (InputError): The checkpoint is of more steps, or of another training.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    first = checkpoint.restore(model, optimizer)
    if first > settings.steps:
        raise InputError(f"{checkpoint.path} is of {first:,} steps already: give --steps {first}, or more.")
    bar, mean = tqdm(range(first, settings.steps), initial=first, total=settings.steps, mininterval=10), None
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * rate_at(step, settings.steps)
        loss = loss_at(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.item() if mean is None else (1 - FORGOTTEN) * mean + FORGOTTEN * loss.item()
        bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
        if (step + 1) % settings.save_every == 0 and step + 1 < settings.steps:
            checkpoint.write(model, optimizer, step + 1)
            save()
    checkpoint.write(model, optimizer, settings.steps)
    save()
