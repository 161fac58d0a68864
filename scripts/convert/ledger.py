"""The ledger of a conversion: where every annotation of a corpus went, by split and by label."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import srsly
from wasabi import msg

from scripts.cli import InputError
from scripts.convert.dropped import say_dropped, where
from scripts.corpus.assertions import VALUES, AssertionFate, problems_of_dropped
from scripts.corpus.docs import Conversion, Fate
from scripts.corpus.note import Note, Problem
from scripts.corpus.split import SPLITS
from scripts.corpus.terms import CONVERSION

UNREADABLE = "(unreadable)"  # stands for the label of a line in which none can be read


class Ledger:
    """Counts kept while a corpus is converted.

    The invariant, per split and per label: read = kept + realigned + nested + duplicate + dropped, and
    kept + realigned = the number of entities in `doc.ents`. Of assertions, per split: read = joined + duplicate +
    of dropped mentions + without a mention + contradicting + unreadable.
    """

    def __init__(self) -> None:
        self.sizes = {split: Counter[str]() for split in SPLITS}
        self.fates = {split: Counter[tuple[str, Fate]]() for split in SPLITS}
        self.assertions = {split: Counter[AssertionFate]() for split in SPLITS}
        self.values = {split: Counter[str]() for split in SPLITS}
        self.problems: list[tuple[str, Problem]] = []

    def add(self, note: Note, conversion: Conversion) -> None:
        size, fates = self.sizes[note.split], self.fates[note.split]
        size["notes"] += 1
        size["tokens"] += len(conversion.doc)
        size["entities"] += len(conversion.doc.ents)
        size["blank"] += not note.text.strip()
        size["discontinuous"] += sum(len(entity.fragments) > 1 for entity in note.entities)
        problems = list(note.problems)
        for entity, fate in zip(note.entities, conversion.fates, strict=True):
            fates[entity.label, fate] += 1
            if fate is Fate.DROPPED:
                problems.append(Problem(note.file, entity.line, "mention of blanks only", entity.label, 1))
                problems += problems_of_dropped(entity, note.file)
                continue
            self.assertions[note.split][AssertionFate.JOINED] += entity.stated
            if entity.assertion:
                self.values[note.split][entity.assertion] += 1
                size["implied"] += not entity.stated
        for problem in problems:
            if problem.assertion:
                self.assertions[note.split][AssertionFate(problem.assertion)] += 1
        for problem in note.problems:
            if problem.dropped:
                fates[problem.label or UNREADABLE, Fate.DROPPED] += problem.dropped
        self.problems.extend((note.id, problem) for problem in problems)

    @property
    def read(self) -> int:
        return sum(fates.total() for fates in self.fates.values())

    @property
    def dropped(self) -> int:
        pairs = (item for fates in self.fates.values() for item in fates.items())
        return sum(count for (_, fate), count in pairs if fate is Fate.DROPPED)

    def to_json(self) -> dict[str, Any]:
        """The ledger as plain values: `splits`, `labels` per split, and the list of `problems`."""
        return {
            "splits": {split: self._split(split) for split in SPLITS},
            "problems": [{"note": note_id, **problem._asdict()} for note_id, problem in self.problems],
        }

    def report(self) -> None:
        """Print the table and the problems, without a word of the notes."""
        rows = []
        for split in SPLITS:
            counts = self._split(split)
            rows.append([split, *(f"{counts[column]:,}" for column in _COLUMNS)])
        msg.table(rows, header=["", *_COLUMNS], aligns=["l", *"r" * len(_COLUMNS)], divider=True)
        self._report_assertions()
        for kind, problems in _by_kind(problem for _, problem in self.problems).items():
            msg.warn(f"{len(problems):,} x {kind}, first in {where(problems[0])}")
        self._report_gaps()

    def _report_assertions(self) -> None:
        if not any(values.total() for values in self.values.values()):
            return
        columns = [value for value in VALUES if any(values[value] for values in self.values.values())]
        rows = [[split, *(f"{values[value]:,}" for value in columns)] for split, values in self.values.items()]
        msg.table(rows, header=["assertions", *columns], aligns=["l", *"r" * len(columns)], divider=True)
        implied = sum(size["implied"] for size in self.sizes.values())
        if implied:
            msg.info(f"{implied:,} mentions have no assertion, and were taken for present: hardly any is marked so")

    def _report_gaps(self) -> None:
        """Warn of parts without text or mentions, and of labels that no model can learn from the train part."""
        for split, size in self.sizes.items():
            if size["blank"]:
                msg.warn(f"{size['blank']:,} of {size['notes']:,} {split} notes have no text but blanks")
            if not size["entities"]:
                msg.warn(f"None of the {size['notes']:,} {split} notes has a mention")
        train, dev, test = (self._entities(split) for split in SPLITS)
        for label in sorted((dev + test).keys() - train.keys()):
            msg.warn(f"No train note has a mention of {label}, but dev has {dev[label]:,} and test {test[label]:,}")

    def check_dropped(self, limit: float) -> None:
        """RAISES (InputError): More than `limit` % of the annotations were dropped."""
        share = 100 * self.dropped / max(self.read, 1)
        if share > limit:
            first = next(problem for _, problem in self.problems if problem.dropped)
            raise InputError(say_dropped(self.dropped, share, first, limit))

    def write(self, folder: Path, header: dict[str, Any]) -> None:
        """Write conversion.json, what is known of the corpus as a whole first."""
        srsly.write_json(folder / CONVERSION, {**header, **self.to_json()})

    def _entities(self, split: str) -> Counter[str]:
        """The mentions in `doc.ents` by label."""
        labels = Counter[str]()
        for (label, fate), count in self.fates[split].items():
            if fate in (Fate.KEPT, Fate.REALIGNED):
                labels[label] += count
        return labels

    def _split(self, split: str) -> dict[str, Any]:
        fates = self.fates[split]
        labels = sorted({label for (label, _), count in fates.items() if count})
        return {
            **{name: self.sizes[split][name] for name in _SIZES},
            **_counts(fates, labels),
            "labels": {label: _counts(fates, [label]) for label in labels},
            "assertions": self._assertions(split),
        }

    def _assertions(self, split: str) -> dict[str, Any]:
        fates = {str(fate): self.assertions[split][fate] for fate in AssertionFate}
        values = {value: self.values[split][value] for value in VALUES}
        return {"read": sum(fates.values()), **fates, "implied": self.sizes[split]["implied"], "values": values}


_SIZES = ("notes", "blank", "tokens", "entities", "discontinuous")
_COLUMNS = ("notes", "tokens", "read", *Fate, "entities", "discontinuous")


def _counts(fates: Counter[tuple[str, Fate]], labels: Iterable[str]) -> dict[str, int]:
    labels = list(labels)
    counts = {str(fate): sum(fates[label, fate] for label in labels) for fate in Fate}
    return {"read": sum(counts.values()), **counts}


def _by_kind(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    return kinds
