"""The one file from which a training goes on, bound to all that decides what comes out."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import Module
from torch.optim import Optimizer

from scripts.cli import InputError
from scripts.encoders import reporting_faults
from scripts.files import whole_file


class Checkpoint(NamedTuple):
    """Where a training is kept, and what identifies it: its number of steps does not, so that more can follow."""

    path: Path
    identity: dict[str, Any]

    def write(self, model: Module, optimizer: Optimizer, step: int) -> None:
        """step (int): Number of steps done."""
        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        with reporting_faults(self.path), whole_file(self.path) as part:
            torch.save({**states, "step": step, "identity": self.identity}, part)

    def restore(self, model: Module, optimizer: Optimizer) -> int:
        """Set model and optimizer to where the training was stopped, if it was.

        RETURNS (int): Number of steps done.
        RAISES (InputError): The file is damaged, or of another training.
        """
        if not self.path.exists():
            return 0
        with reporting_faults(self.path):
            state = torch.load(self.path, weights_only=True)  # which runs no code that a file may hold
        self._check(state.get("identity", {}))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return state["step"]

    def _check(self, former: dict[str, Any]) -> None:
        changed = [name for name, value in self.identity.items() if former.get(name) != value]
        if changed:
            raise InputError(
                f"{self.path} is of a training with another {', '.join(changed)}: give another --work, or remove that"
                " file to start again."
            )
