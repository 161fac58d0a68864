"""Thinc's Adam for the weights of an encoder, computed by torch's fused one, which uses all cores."""

import math
from collections.abc import Iterable

import torch
from thinc.api import Optimizer
from torch import Tensor


def can_fuse(optimizer: Optimizer) -> bool:
    """Whether the optimizer is an Adam that keeps no averages, which torch's has not."""
    return optimizer.averages is None and not optimizer.use_radam and bool(optimizer.b1 and optimizer.b2)


class FusedAdam:
    """Thinc's Adam for some weights.

    optimizer (Optimizer): Its settings hold, and may change from update to update.
    weights (Iterable[Tensor]): The weights.
    """

    def __init__(self, optimizer: Optimizer, weights: Iterable[Tensor]) -> None:
        self.optimizer = optimizer
        self._adam = torch.optim.AdamW(weights, fused=True)
        self._updates = 0

    def update(self) -> None:
        """Update the weights by their gradients, which are gone afterwards."""
        optimizer = self.optimizer
        self._updates += 1
        for group in self._adam.param_groups:
            decay = optimizer.L2 if optimizer.L2_is_weight_decay else 0.0
            group.update(lr=optimizer.learn_rate, betas=(optimizer.b1, optimizer.b2), weight_decay=decay)
            # torch adds eps after the bias correction, thinc before
            group["eps"] = optimizer.eps / math.sqrt(1 - optimizer.b2**self._updates)
            for weights in group["params"]:
                if weights.grad is not None:
                    _prepare_gradient(weights, weights.grad, optimizer)
        self._adam.step()
        self._adam.zero_grad()


def _prepare_gradient(weights: Tensor, gradient: Tensor, optimizer: Optimizer) -> None:
    """Decay that is no weight decay, and clipping array by array, as thinc does both."""
    if optimizer.L2 and not optimizer.L2_is_weight_decay:
        gradient.add_(weights.detach(), alpha=optimizer.L2)
    if optimizer.grad_clip:
        norm = torch.linalg.vector_norm(gradient).item()
        if norm >= optimizer.grad_clip:
            gradient.mul_(optimizer.grad_clip / norm)
