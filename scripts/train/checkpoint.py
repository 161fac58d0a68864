"""The work folder of a training, and in it the checkpoint: one file, bound to the settings of the training."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from wasabi import msg

from scripts.cli import InputError
from scripts.encoders import reporting_faults
from scripts.files import locked, make_folder, whole_file

FILE, RECORD = "checkpoint.safetensors", "training"
NAMED = 5  # settings at most that are named where others differ


@contextmanager
def work_folder(output: Path) -> Iterator[Path]:
    """Yield the folder OUTPUT-work for this run alone; afterwards it stays only if there is a checkpoint in it.

    RAISES (InputError): Another run has it.
    """
    work = output.with_name(f"{output.name}-work")
    make_folder(work)
    with locked(work):
        try:
            yield work
        finally:
            if not (work / FILE).exists():
                shutil.rmtree(work, ignore_errors=True)  # a shared folder keeps the open lock's name for a moment


def end_training(work: Path) -> None:
    """Remove the checkpoint, after which there is nothing to go on with."""
    (work / FILE).unlink()


def write_checkpoint(work: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Put a checkpoint in the place of the one before.

    record (Mapping[str, Any]): What is to be known beside the tensors, for JSON.
    """
    with whole_file(work / FILE) as path, reporting_faults(path):
        save_file(dict(tensors), path, {RECORD: json.dumps(record, default=float)})  # by default numbers of NumPy's


def bind(work: Path, settings: Mapping[str, Any], machine: str) -> dict[str, Any]:
    """Tie the checkpoints to a training.

    settings (Mapping[str, Any]): All that decides what comes of it, by name.
    machine (str): What computes it.
    RETURNS (dict[str, Any]): What each checkpoint is to hold beside the tensors, and what the last one does.
    RAISES (InputError): It is of a training with other settings.
    """
    former = read_record(work) or {"settings": settings, "machine": machine}
    names = sorted({*former["settings"], *settings})
    changed = [name for name in names if former["settings"].get(name) != settings.get(name)]
    if changed:
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise InputError(
            f"{work} holds a training that was stopped, with another {', '.join(changed[:NAMED])}{more}: repeat its"
            " command to go on with it, or remove that folder to start again."
        )
    if former["machine"] != machine:
        msg.warn(f"It was begun on {former['machine']}: on {machine} the last digits of the weights may differ.")
    return former


def read_record(work: Path) -> dict[str, Any] | None:
    """What the last checkpoint holds beside the tensors, or None if no epoch was finished."""
    if not (work / FILE).exists():
        return None
    with reporting_faults(work), safe_open(work / FILE, "pt") as file:
        return json.loads(file.metadata()[RECORD])


def read_tensors(work: Path) -> dict[str, Tensor]:
    with reporting_faults(work), safe_open(work / FILE, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
