"""The notes of a corpus, from its files: in which format they are, and which files belong to none."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import FORMATS, detect
from scripts.corpus.assertions import imply_present
from scripts.corpus.corpora import CORPORA, check_labels
from scripts.corpus.note import TO_REVIEW, Note


def choose_format(corpus: str, format: str, files: Sequence[File]) -> str:
    """The format to read: the one asked for, else that of the known corpus, else by the files.

    RAISES (InputError): There is no such format, or the files do not say which.
    """
    if format != "auto" and format not in FORMATS:
        raise InputError(f"No format is called '{format}': there are auto, {', '.join(FORMATS)}.")
    if format != "auto":
        return format
    return CORPORA[corpus].format if corpus in CORPORA else detect(files)


def read_notes(corpus: str, format: str, files: Sequence[File], skip_unpaired: bool) -> list[Note]:
    """All notes of a corpus, without the mentions whose label a known corpus does not have.

    RAISES (InputError): There are none, two have one name, or a file cannot be read.
    """
    notes = list(FORMATS[format].read(files, skip_unpaired))
    if not notes:
        raise InputError(f"The corpus is empty: no notes in {format} format in it.")
    seen: dict[str, str] = {}
    for note in notes:
        if note.id in seen:
            raise InputError(f"{seen[note.id]} and {note.file} both hold a note '{note.id}': rename one.")
        seen[note.id] = note.file
    if corpus in CORPORA:
        notes = [check_labels(note, CORPORA[corpus].labels) for note in notes]
    return imply_present(notes)


def leave_out_unreviewed(notes: Sequence[Note]) -> list[Note]:
    """The notes without a mention that is marked for review.

    RAISES (InputError): There are none.
    """
    reviewed = [note for note in notes if not note.to_review]
    if not reviewed:
        raise InputError(
            f"None of the {len(notes):,} notes is reviewed: in all of them, as in {notes[0].file}, mentions are marked"
            f" {TO_REVIEW}; take the mark away once they are right."
        )
    return reviewed


def count_files(files: Sequence[File], notes: Sequence[Note]) -> dict[str, Any]:
    """How many files were read, and by suffix those that no note came from."""
    used = {path for note in notes for path in (note.file, note.text_file, note.assertion_file)}
    unused = Counter(file.path.suffix or "(none)" for file in files if str(file.path) not in used)
    return {"files": len(files), "unused_files": dict(sorted(unused.items()))}
