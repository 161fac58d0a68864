"""The checkpoint is bound to its training, runs no code, and is whole or not there."""

import os
import resource
from pathlib import Path

import pytest
import torch

from scripts.cli import InputError
from scripts.distill.checkpoint import Checkpoint

IDENTITY = {"start": "abc", "rate": 3e-4, "seed": 0}


def parts(seed: int = 0) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = torch.nn.Linear(200, 200)
    return model, torch.optim.AdamW(model.parameters())


@pytest.fixture
def checkpoint(tmp_path) -> Checkpoint:
    found = Checkpoint(tmp_path / "work" / "bert.pt", IDENTITY)
    found.write(*parts(), 7)
    return found


def test_without_a_checkpoint_a_training_begins(tmp_path):
    assert Checkpoint(tmp_path / "none.pt", IDENTITY).restore(*parts()) == 0


def test_model_optimizer_and_step_come_back(checkpoint):
    model, optimizer = parts()
    model(torch.ones(200)).sum().backward()
    optimizer.step()
    checkpoint.write(model, optimizer, 9)
    other, fresh = parts(1)
    assert checkpoint.restore(other, fresh) == 9
    assert torch.equal(other.weight, model.weight)
    assert torch.equal(fresh.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


@pytest.mark.parametrize("change", [{"seed": 1}, {"rate": 1e-4}, {"start": "b", "seed": 2}, {"text": "new"}])
def test_another_training_is_refused(checkpoint, change):
    names = ", ".join(change)
    with pytest.raises(InputError, match=rf"bert\.pt is of a training with another {names}: give another --work"):
        checkpoint._replace(identity=IDENTITY | change).restore(*parts())


class Harm:
    """Pickled, it makes a folder where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_that_holds_code_is_refused(checkpoint, tmp_path):
    torch.save(Harm(tmp_path / "harmed"), checkpoint.path)
    with pytest.raises(InputError, match=r"bert\.pt holds a damaged checkpoint: remove it to start again"):
        checkpoint.restore(*parts())
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_checkpoint_cut_short_is_reported(checkpoint, size):
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:size])
    with pytest.raises(InputError, match="holds a damaged checkpoint"):
        checkpoint.restore(*parts())


def test_a_full_disk_is_reported_and_the_former_checkpoint_stays(checkpoint):
    before = checkpoint.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(InputError, match="is the disk full"):
            checkpoint.write(*parts(), 8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.path.read_bytes() == before
    assert [path.name for path in checkpoint.path.parent.iterdir()] == ["bert.pt"]
