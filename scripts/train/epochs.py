"""The epochs of a training: after each one a checkpoint, from which a training that was stopped goes on.

It goes through the finished epochs again, but with batches of no examples and with the scores that are known. That
takes a moment, and leaves steps, schedules, order of examples and the best score as they were, all in spaCy's own code.
"""

import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from wasabi import msg

from scripts.cli import InputError
from scripts.train.checkpoint import read_tensors, write_checkpoint
from scripts.train.state import get_state, reseed_cupy, set_state

ROW = ("step", "score", "other_scores", "losses", "words", "seconds")  # of an evaluation, as the logger gets it


class Epochs:
    """The epochs that are finished, and those to come.

    training (dict[str, Any]): The config's section, resolved: optimizer, batcher and frozen components.
    evaluate (Callable): Gives the scores on the dev notes, as spaCy's loop takes them.
    work (Path): Where checkpoints are.
    record (dict[str, Any]): As `bind` gives it.
    """

    def __init__(
        self, nlp: Language, training: dict[str, Any], evaluate: Callable, work: Path, record: dict[str, Any]
    ) -> None:
        self.nlp, self.training, self.work = nlp, training, work
        self._evaluate = evaluate
        self.record = {"epochs": [], "rows": [], "losses": {}, "words": 0, "seconds": 0, **record}
        self.finished = len(self.record["epochs"])
        self._known = len(self.record["rows"])
        self._ended = self._evaluated = 0
        self._info: dict[str, Any] = {}
        if self.finished:
            msg.info(f"Going on after {self.finished} finished epoch{'s' if self.finished > 1 else ''}")

    def make_batches(self, examples: Iterable[Example]) -> Iterator[Any]:
        """The batches of an epoch, in the place of spaCy's batcher."""
        for batch in self.training["batcher"](examples):
            yield list(batch) if self._ended >= self.finished else []
        self._end_epoch()

    def evaluate(self) -> tuple[float, dict[str, Any]]:
        """The scores, in the place of spaCy's evaluation."""
        if self._evaluated >= self._known:
            return self._evaluate()
        row = self.record["rows"][self._evaluated]
        return row["score"], row["other_scores"]

    def follow(self, info: dict[str, Any]) -> bool:
        """Correct what spaCy's loop says of a step, which it takes for one after the start of the training.

        RETURNS (bool): Whether the step has an evaluation that was not known before.
        """
        self._info = info
        if self._ended >= self.finished:
            info["words"] += self.record["words"]
            info["seconds"] += self.record["seconds"]
        if info["score"] is None:
            return False
        self._evaluated += 1
        if self._evaluated > self._known:
            self.record["rows"].append({name: info[name] for name in ROW} | {"losses": dict(info["losses"])})
            return True
        info |= self.record["rows"][self._evaluated - 1]
        return False

    def find_best(self) -> Path:
        """The folder of the best pipeline, of equally good ones of the last."""
        best = max(self.record["rows"], key=lambda row: (row["score"], row["step"]))
        return self.work / f"best-{best['step']}"

    def _end_epoch(self) -> None:
        """After its last batch, before the examples are shuffled for the next."""
        self._ended += 1
        if self._ended <= self.finished:
            self._go_through(self.record["epochs"][self._ended - 1])
        else:
            self._save()
        reseed_cupy()

    def _go_through(self, epoch: dict[str, Any]) -> None:
        if epoch["steps"] != self._info["step"] + 1:
            raise InputError(
                f"{self.work} cannot be gone on with, for the config's batcher does not make the same batches again:"
                " remove that folder to start again."
            )
        version, numbers, gauss = epoch["random"]
        random.setstate((version, tuple(numbers), gauss))
        if self._ended == self.finished:
            self._info["losses"].update(self.record["losses"])
            set_state(self.nlp, self.training["optimizer"], read_tensors(self.work), self.record)

    def _save(self) -> None:
        info = self._info
        self.record["epochs"].append({"steps": info["step"] + 1, "random": random.getstate()})
        tensors, others = get_state(self.nlp, self.training["optimizer"], self.training["frozen_components"])
        losses = {} if info["score"] is not None else info["losses"]  # begun again after an evaluation
        now = {"losses": losses, "words": info["words"], "seconds": info["seconds"]}
        write_checkpoint(self.work, tensors, {**self.record, **others, **now})
        for path in set(self.work.glob("best-*")) - {self.find_best()}:
            shutil.rmtree(path)
