"""The losses: words restored, and hidden states like the teacher's."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AlbertForPreTraining, BertForPreTraining

from scripts.distill.training import WARM_UP
from scripts.masking import restoration_loss


def adaptation_loss(model: BertForPreTraining, batch: dict[str, Tensor], step: int) -> Tensor:
    """How badly a BERT restores the hidden words."""
    with autocast():
        states = model.bert(batch["input_ids"]).last_hidden_state
        if step < WARM_UP:  # the new head knows nothing yet: what it says must not reach the layers
            states = states.detach()
        return mean_loss(model.cls.predictions, states, batch["labels"])


def distillation_loss(
    student: AlbertForPreTraining, teacher: BertForPreTraining, batch: dict[str, Tensor], words: float
) -> Tensor:
    """How far the student's hidden states are from the teacher's, and how badly it restores the hidden words.

    words (float): Weight of the restored words.
    """
    with autocast():
        with torch.no_grad():
            wanted = teacher.bert(batch["input_ids"], output_hidden_states=True).hidden_states
        states = student.albert(batch["input_ids"], output_hidden_states=True).hidden_states
        restored = mean_loss(student.predictions, states[-1], batch["labels"])
    return hidden_loss(states, wanted) + words * restored


def mean_loss(head: Callable[[Tensor], Tensor], states: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of the hidden pieces; 0 if there are none."""
    total, pieces = restoration_loss(head, states, labels)
    return total / max(1, pieces)


def hidden_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Mean squared distance of the hidden states, each layer's divided by the teacher's variance there."""
    parts = [F.mse_loss(s.float(), t.float()) / t.float().var() for s, t in zip(student, teacher, strict=True)]
    return torch.stack(parts).mean()


def autocast() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)
