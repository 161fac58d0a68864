"""The work folder of a pretraining: checkpoints of the Trainer, those that are whole marked, bound to one training."""

import json
import pickle
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import srsly
from safetensors import SafetensorError
from tqdm import tqdm
from transformers.trainer_callback import TrainerCallback

from scripts.note import InputError
from scripts.output import whole_file

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
                " go on with it, or remove that folder to begin anew."
            )
    with whole_file(work / SETTINGS) as path:
        path.write_text(json.dumps(settings), encoding="utf8")  # srsly would round the learning rate


def last_checkpoint(work: Path) -> Path | None:
    found = [path.parent for path in work.glob(f"checkpoint-*/{COMPLETE}")]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def seconds_of(checkpoint: Path) -> float:
    """How long the training had run when it was saved."""
    return json.loads((checkpoint / COMPLETE).read_text(encoding="utf8"))["seconds"]


@contextmanager
def telling_faults(folder: Path) -> Iterator[None]:
    """Tell a full disk and a damaged checkpoint in a sentence; safetensors and torch have errors of their own for them.

    RAISES (InputError): Weights cannot be written to the folder, or not be read from it.
    """
    try:
        yield
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        if any(words in str(error) for words in ("while serializing", "PytorchStreamWriter")):
            raise InputError(f"{folder}: the weights cannot be written; is the disk full?") from None
        if isinstance(error, RuntimeError) and "PytorchStreamReader" not in str(error):
            raise
        raise InputError(f"{folder} holds a damaged checkpoint: remove that folder to begin anew.") from None
