"""Updates of an encoder's weights: thinc's Adam, computed by torch's fused one, which uses all cores."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

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

    def get_state(self) -> dict[str, Tensor]:
        """What the next update needs of those before, by name."""
        kept = self._adam.state_dict()["state"]
        moments = {
            f"{number}.{name}": values for number, of_weights in kept.items() for name, values in of_weights.items()
        }
        return {"updates": torch.tensor(self._updates), **moments}

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state, as `get_state` gave it."""
        kept: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, values in state.items():
            number, _, moment = name.partition(".")
            if moment:
                kept[int(number)][moment] = values.clone()
        self._adam.load_state_dict({"state": kept, "param_groups": self._adam.state_dict()["param_groups"]})
        self._updates = int(state["updates"])


def _prepare_gradient(weights: Tensor, gradient: Tensor, optimizer: Optimizer) -> None:
    """Decay that is no weight decay, and clipping array by array, as thinc does both."""
    if optimizer.L2 and not optimizer.L2_is_weight_decay:
        gradient.add_(weights.detach(), alpha=optimizer.L2)
    if optimizer.grad_clip:
        norm = torch.linalg.vector_norm(gradient).item()
        if norm >= optimizer.grad_clip:
            gradient.mul_(optimizer.grad_clip / norm)


class DenseGradient:
    """A gradient of all rows of a table, kept from batch to batch, as optimizers take no gradient of the few rows that
    a batch has."""

    def __init__(self) -> None:
        self._rows: Tensor | None = None

    @contextmanager
    def replacing(self, table: Tensor) -> Iterator[None]:
        """Meanwhile it takes the place of the table's gradient, if that is of a few rows; afterwards there is none."""
        if table.grad is None or not table.grad.is_sparse:
            yield
            return
        gradient = table.grad.coalesce()
        (places,) = gradient.indices()
        rows = self._rows = torch.zeros_like(table) if self._rows is None else self._rows
        rows[places] = gradient.values()
        table.grad = rows
        yield
        rows[places] = 0.0
        table.grad = None
