"""The work folder of a pretraining: checkpoints of the Trainer, those that are whole marked, bound to one training."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import srsly
from tqdm import tqdm
from transformers.trainer_callback import TrainerCallback

from scripts.cli import InputError
from scripts.files import whole_file

SAVE_SECONDS = 300.0  # between two checkpoints
SETTINGS, COMPLETE = "settings.json", "complete.json"


class Keeper(TrainerCallback):
    """Shows the progress, has a checkpoint saved every five minutes, and marks it when it is whole.

    seconds (float): How long the training ran before it was stopped.
    """

    def __init__(self, seconds: float) -> None:
        self.begin = time.monotonic() - seconds
        self.saved = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="Pretraining", unit=" steps")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.bar.update()
        control.should_save = time.monotonic() - self.saved >= SAVE_SECONDS

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with whole_file(Path(args.output_dir, f"checkpoint-{state.global_step}", COMPLETE)) as path:
            srsly.write_json(path, {"seconds": self.seconds})
        self.saved = time.monotonic()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.bar.close()


def bind(work: Path, settings: dict[str, Any]) -> None:
    """Tie the work folder to the settings, and remove what a training that was killed left half-written.

    RAISES (InputError): It holds checkpoints of another training.
    """
    for path in work.glob("checkpoint-*"):
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)
    if last_checkpoint(work):
        former = json.loads((work / SETTINGS).read_text(encoding="utf8"))
        changed = [name for name, value in settings.items() if former.get(name) != value]
        if changed:
            raise InputError(
                f"{work} holds a training that was stopped, with another {', '.join(changed)}: repeat its command to"
                " go on with it, or remove that folder to start again."
            )
    with whole_file(work / SETTINGS) as path:
        path.write_text(json.dumps(settings), encoding="utf8")  # srsly would round the learning rate


def last_checkpoint(work: Path) -> Path | None:
    """The whole checkpoint with the highest step, if there is one."""
    return max((path.parent for path in work.glob(f"checkpoint-*/{COMPLETE}")), key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def seconds_of(checkpoint: Path) -> float:
    """How long the training had run when it was saved."""
    return json.loads((checkpoint / COMPLETE).read_text(encoding="utf8"))["seconds"]
