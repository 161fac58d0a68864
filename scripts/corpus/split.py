"""The train, dev and test parts: the release's own where it has them, else by a hash of the note's id."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from scripts.cli import InputError
from scripts.corpus.note import Note

SPLITS = ("train", "dev", "test")
DEV, TEST = 0.15, 0.15
_PART_NAME = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing)?)|(?P<dev>dev(?:el|elopment)?|valid(?:ation)?)"
    r"|(?P<test>test(?:ing)?))(?=[^a-z]|data|set|$)"
)


def named_split(parts: Iterable[str]) -> str:
    """The split that the folder, archive or file names of a release state; the innermost counts.

    parts (Iterable[str]): Path components, e.g. ("Task_1C.zip", "i2b2_Test", "docs").
    RETURNS (str): "train", "dev", "test", or "" where no name says.
    """
    stated = [{match.lastgroup or "" for match in _PART_NAME.finditer(part.lower())} for part in parts]
    # "train.test.released.8.17.09.tar.gz" holds both parts, so it states none.
    return next((names.pop() for names in reversed(stated) if len(names) == 1), "")


def assign(notes: Sequence[Note]) -> list[Note]:
    """Give every note its split, never dividing a note.

    With a test part in the release: notes of no stated part are train, and where the release has
    no dev part, 15 % of train becomes dev. Without one, all notes are split 70/15/15. Both go by a
    hash of the note's id, so a note stays where it is when others are added.

    notes (Sequence[Note]): All notes of the corpus.
    RETURNS (list[Note]): The same notes in the same order, each with its split.
    RAISES (InputError): A split would be without notes.
    """
    stated = {note.split for note in notes}
    if "test" not in stated:
        assigned = [note._replace(split=_hashed_split(note.id, TEST)) for note in notes]
    else:
        dev = "dev" in stated
        assigned = [
            note if note.split in ("dev", "test") else note._replace(split=_dev_or_train(note.id, dev))
            for note in notes
        ]
    _check_no_split_empty(assigned)
    return assigned


def _dev_or_train(note_id: str, has_dev: bool) -> str:
    return "train" if has_dev else _hashed_split(note_id, 0.0)


def _hashed_split(note_id: str, test: float) -> str:
    # Only the file's name is hashed: an id gets its folder when another note has the same name.
    name = PurePosixPath(note_id).name.encode("utf8")
    position = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") / 2**64
    return "dev" if position < DEV else "test" if position < DEV + test else "train"


def _check_no_split_empty(notes: Sequence[Note]) -> None:
    for split in SPLITS:
        if not any(note.split == split for note in notes):
            raise InputError(
                f"The {split} part is without notes ({len(notes)} notes in all): add notes, or put"
                " them into folders named train, dev and test."
            )
