"""Texts that a corpus has more than once: told, and left out where nobody meant them twice."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple

from wasabi import msg

from scripts.cli import InputError
from scripts.corpus.copies import say_shared, text_key
from scripts.corpus.note import NOTE, SENTENCE, Note
from scripts.corpus.split import SPLITS, assign, patients_of

_RANKS = {split: rank for rank, split in enumerate(("", *SPLITS))}  # test before dev before train before no part


class LeftOut(NamedTuple):
    """A note that is left out, as its text is in another, or its patient has another.

    same (bool): Whether its mentions are those of the other as well.
    """

    note: Note
    kept: Note
    same: bool


class Copies(NamedTuple):
    """The texts of a corpus that are there more than once.

    texts, notes (int): How many texts, and how many notes with one of them.
    left_out (list[LeftOut]): The notes that are left out.
    differing (int): How many notes have other mentions than the first of their text in the same part.
    of_patients (list[LeftOut]): Those left out because a note of their patient is in the stated dev or test part.
    shared (dict[str, int]): By "test in train" and the like, how many notes of the one part have a text of the other.
    patients (dict[str, int]): Likewise how many patients.
    sizes (dict[str, int]): The notes of each part.
    unit (str): What they are called.
    """

    texts: int
    notes: int
    left_out: list[LeftOut]
    differing: int
    of_patients: list[LeftOut]
    shared: dict[str, int]
    patients: dict[str, int]
    sizes: dict[str, int]
    unit: str

    def to_json(self) -> dict[str, Any]:
        """As plain values, for the ledger."""
        left_out = [
            {"note": each.note.id, "file": each.note.file, "kept": each.kept.file, "same_mentions": each.same}
            for each in self.left_out
        ]
        of_patients = [
            {"note": each.note.id, "file": each.note.file, "kept": each.kept.file} for each in self.of_patients
        ]
        return {"texts": self.texts, "notes": self.notes, "differing": self.differing, "left_out": left_out,
                "left_out_of_patients": of_patients,
                "shared": self.shared, "shared_patients": self.patients}  # fmt: skip

    def report(self) -> None:
        """Print them, without a word of the notes."""
        if self.left_out:
            first = self.left_out[0]
            other = sum(not each.same for each in self.left_out)
            msg.warn(
                f"{len(self.left_out):,} {self.unit}s are left out, for their texts are in another part as well, first"
                f" {first.note.file}, which is {first.kept.file}; {other:,} of them have other mentions than there"
            )
        if self.of_patients:
            first = self.of_patients[0]
            msg.warn(
                f"{len(self.of_patients):,} {self.unit}s of no stated part are left out, for their patients are in the"
                f" stated {first.kept.split} part, first {first.note.file}, whose patient has {first.kept.file} there"
            )
        if self.unit == SENTENCE:
            msg.info("The files do not say where their notes end, so that each sentence counts as one")
        if self.texts:
            msg.info(f"{self.texts:,} texts are there more than once, in {self.notes:,} {self.unit}s")
        if self.differing:
            msg.warn(f"{self.differing:,} of them have other mentions than the first with their text in the same part")
        for pair, number in self.shared.items():
            one, other = pair.split(" in ")
            told = say_shared(number, self.sizes[one], self.unit, one, other)
            msg.warn(f"{told}; --drop-copies leaves them out of {other}")
        for pair, number in self.patients.items():
            one, other = pair.split(" in ")
            msg.warn(f"{number:,} patients of {one} are in {other} as well, for so the folders have it")


def divide(notes: Sequence[Note], drop_copies: bool = False) -> tuple[list[Note], Copies]:
    """Give every note its part, and leave out those whose text is in another part as well, unless that was meant so.

    drop_copies (bool): Leave them out of the lower part, too, where folders state both.
    RAISES (InputError): A part would be without notes.
    """
    kept, left_out = leave_out_unstated(notes)
    kept, of_patients = leave_out_patients(kept)
    stated = {note.id for note in kept if note.split}
    kept = assign(kept)
    if drop_copies:
        kept, lower = leave_out_lower(kept)
        left_out += lower
    return kept, count_copies(kept, left_out, of_patients, stated)


def leave_out_unstated(notes: Sequence[Note]) -> tuple[list[Note], list[LeftOut]]:
    """Without the notes of no stated part whose text is in a stated one, as in a folder `all` beside the parts."""
    return _leave_out(notes, lambda note, best: not note.split and bool(best.split))


def leave_out_patients(notes: Sequence[Note]) -> tuple[list[Note], list[LeftOut]]:
    """Without the notes of no stated part whose patient is in the stated dev or test part, which stays as released."""
    if "test" not in {note.split for note in notes}:  # then all notes are divided, patients as a whole
        return [*notes], []
    patients = patients_of(notes)
    best: dict[str, Note] = {}
    for note, patient in zip(notes, patients, strict=True):
        if patient and note.split in ("dev", "test"):
            best[patient] = max(best.get(patient, note), note, key=lambda note: _RANKS[note.split])
    kept, left_out = [], []
    for note, patient in zip(notes, patients, strict=True):
        if note.split or patient not in best:
            kept.append(note)
        else:
            left_out.append(LeftOut(note, best[patient], False))
    return kept, left_out


def leave_out_lower(notes: Sequence[Note]) -> tuple[list[Note], list[LeftOut]]:
    """Without the train notes whose text is in dev or test, and the dev notes whose text is in test.

    RAISES (InputError): Then a part would be empty.
    """
    kept, left_out = _leave_out(notes, lambda note, best: _RANKS[note.split] < _RANKS[best.split])
    for split in SPLITS:
        if not any(note.split == split for note in kept):
            raise InputError(
                f"All texts of the {split} part are in another part as well: convert without --drop-copies."
            )
    return kept, left_out


def count_copies(
    notes: Sequence[Note], left_out: Sequence[LeftOut], of_patients: Sequence[LeftOut], stated: Container[str]
) -> Copies:
    """The texts that are there more than once among the notes that are kept.

    stated (Container[str]): The ids of the notes whose part a name states.
    """
    keys = [text_key(note.text) for note in notes]
    several = [number for key, number in Counter(keys).items() if key and number > 1]
    texts, patients = defaultdict(list), defaultdict(set)
    for note, key, patient in zip(notes, keys, patients_of(notes, even_one=True), strict=True):
        texts[note.split].append(key)
        patients[note.split] |= {patient} if note.id in stated else set()
    shared, shared_patients = {}, {}
    for one, other in (("test", "train"), ("test", "dev"), ("dev", "train")):
        known = {*texts[other]} - {b""}
        shared[f"{one} in {other}"] = sum(key in known for key in texts[one])
        shared_patients[f"{one} in {other}"] = len((patients[one] & patients[other]) - {""})
    return Copies(
        len(several),
        sum(several),
        list(left_out),
        _count_differing(notes, keys),
        list(of_patients),
        {pair: number for pair, number in shared.items() if number},
        {pair: number for pair, number in shared_patients.items() if number},
        dict(Counter(note.split for note in notes)),
        unit_of(notes),
    )


def _count_differing(notes: Sequence[Note], keys: Sequence[bytes]) -> int:
    first: dict[tuple[str, bytes], Note] = {}
    earlier = [first.setdefault((note.split, key), note) for note, key in zip(notes, keys, strict=True)]
    pairs = zip(notes, earlier, keys, strict=True)
    return sum(bool(key) and note is not one and _mentions(note) != _mentions(one) for note, one, key in pairs)


def say_unstated(notes: Sequence[Note]) -> str:
    """How notes are divided that were read without a stated test part; "" if there is one."""
    stated = {note.split for note in notes} - {""}
    if "test" in stated:
        return ""
    named = f"only {' and '.join(sorted(stated))} parts, no test part" if stated else "no part"
    return f"The names of folders and files state {named}, so all are divided 70/15/15 by a hash of their names"


def unit_of(notes: Sequence[Note]) -> str:
    """What the test part is divided into."""
    return next((note.unit for note in notes if note.split == "test" and note.unit == SENTENCE), NOTE)


def _leave_out(notes: Sequence[Note], loses: Callable[[Note, Note], bool]) -> tuple[list[Note], list[LeftOut]]:
    keys = [text_key(note.text) for note in notes]
    best: dict[bytes, Note] = {}
    for note, key in zip(notes, keys, strict=True):
        if key and (key not in best or _RANKS[note.split] > _RANKS[best[key].split]):
            best[key] = note
    kept, left_out = [], []
    for note, key in zip(notes, keys, strict=True):
        if key and loses(note, best[key]):
            left_out.append(LeftOut(note, best[key], _mentions(note) == _mentions(best[key])))
        else:
            kept.append(note)
    return kept, left_out


def _mentions(note: Note) -> list[tuple[str, str]]:
    """Labels and words of the mentions in order, whatever the blanks between them."""
    return sorted(
        (entity.label, " ".join(" ".join(note.text[slice(*fragment)] for fragment in entity.fragments).split()))
        for entity in note.entities
    )
