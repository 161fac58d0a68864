"""How well hidden words are restored: the loss to train by, and the perplexity to judge by."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from scripts.cli import InputError
from scripts.masking import restoration_loss
from scripts.pretrain.batches import mask, rows_per_step
from scripts.pretrain.blocks import Block
from scripts.pretrain.encoder import Encoder
from scripts.runtime.hardware import has_fast_bfloat16


def summed_loss(model: Any, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
    """The cross-entropy of the hidden pieces, summed, and their number; the head computes nothing else."""
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device)):
        states = model.base_model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        head = model.cls if hasattr(model, "cls") else model.predictions  # of a BERT, of an ALBERT
        return restoration_loss(head, states, batch["labels"])


@torch.no_grad()
def measure_perplexity(encoder: Encoder, blocks: Sequence[Block], seed: int) -> float:
    """Of the hidden pieces, which are the same ones each time: e to the power of their mean cross-entropy.

    RAISES (InputError): There are none to hide, because all pieces stand for unknown text.
    """
    model, total, pieces = encoder.model.eval(), 0.0, 0
    rows = rows_per_step(encoder)
    for start in tqdm(range(0, len(blocks), rows), desc="Measuring"):
        batch = mask(blocks[start : start + rows], encoder, np.random.default_rng([seed, 2, start]))
        loss, count = summed_loss(model, {name: tensor.to(model.device) for name, tensor in batch.items()})
        total, pieces = total + loss.item(), pieces + count
    if not pieces:
        raise InputError(
            f"The encoder '{encoder.name}' knows no piece of the held-out notes: they are in another script."
        )
    return math.exp(total / pieces)
