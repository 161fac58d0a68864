"""The notes of a corpus, from its files: in which format they are, and which files belong to none."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.dropped import say_dropped
from scripts.convert.formats import FORMATS, choose_labels, detect
from scripts.convert.formats.columns import ANY, Choice
from scripts.convert.found import is_pointer, say_found, say_pointer
from scripts.corpus.assertions import imply_present
from scripts.corpus.corpora import CORPORA, check_labels
from scripts.corpus.note import TO_REVIEW, Note

_TEXT_SUFFIXES = ("", ".txt", ".tsv")  # of texts, and of what is recognised by its content


def choose_format(corpus: str, format: str, files: Sequence[File]) -> str:
    """The format to read: the one asked for, else that of the known corpus, else by the files.

    RAISES (InputError): There is no such format, or the files do not say which.
    """
    if format != "auto" and format not in FORMATS:
        raise InputError(f"No format is called '{format}': there are auto, {', '.join(FORMATS)}.")
    if format == "auto" and corpus in CORPORA:
        format = CORPORA[corpus].format
    readers = [FORMATS[format]] if format != "auto" else [*FORMATS.values()]
    recognised = [file for file in files if any(reader.recognises(file) for reader in readers)]
    for file in [*recognised, *(file for file in files if file.path.suffix.lower() in _TEXT_SUFFIXES)]:
        if is_pointer(file):
            raise InputError(say_pointer(file))
    if not recognised and format == "auto":
        raise InputError(say_found(files, [*FORMATS]))
    return detect(recognised) if format == "auto" else format


def choose_annotations(format: str, files: Sequence[File], folder: str) -> list[File]:
    """The files without the annotations in other folders than the one chosen, where texts were annotated twice.

    folder (str): Its name, or the end of its path; "" for all.
    RAISES (InputError): There are no annotations in it.
    """
    wanted = PurePosixPath(folder).parts
    annotations = [file for file in files if FORMATS[format].recognises(file)]
    chosen = {file.path for file in annotations if _is_below(file.path.parent.parts, wanted)}
    if annotations and not chosen:
        raise InputError(
            f"No folder '{folder}' with {format} annotations is there: name one as {annotations[0].path} has it."
        )
    left_out = {file.path for file in annotations} - chosen
    return [file for file in files if file.path not in left_out]


def read_notes(
    corpus: str, format: str, files: Sequence[File], skip_unpaired: bool, labels: str = "", choice: Choice = ANY
) -> list[Note]:
    """All notes of a corpus, without the mentions whose label a known corpus does not have.

    labels (str): Which labels mentions have, where the format has several; "" for those that are usual.
    choice (Choice): The columns of CoNLL text to read.
    RAISES (InputError): There are none, two have one name, or a file cannot be read.
    """
    options: dict[str, Any] = {**choose_labels(format, labels)}
    if format == "conll":
        options |= {"choice": choice, "cut": True}
    elif choice != ANY:
        raise InputError(f"--token-column and --tag-column are for CoNLL text, but the notes are read as {format}.")
    notes = list(FORMATS[format].read(files, skip_unpaired, **options))
    if not notes:
        raise InputError(say_found(files, [format]))
    seen: dict[str, str] = {}
    for note in notes:
        if note.id in seen:
            raise InputError(f"{seen[note.id]} and {note.file} both hold a note '{note.id}': rename one.")
        seen[note.id] = note.file
    if corpus in CORPORA:
        notes = [check_labels(note, CORPORA[corpus].labels) for note in notes]
    return imply_present(notes)


def check_kind(notes: Sequence[Note], limit: float) -> None:
    """Refuse a corpus of another kind before it is converted, which may take long.

    RAISES (InputError): More than half of the annotations cannot be read, and more than `limit` %.
    """
    lost = [problem for note in notes for problem in note.problems if problem.dropped]
    dropped = sum(problem.dropped for problem in lost)
    share = 100 * dropped / max(dropped + sum(len(note.entities) for note in notes), 1)
    if share > max(limit, 50):
        raise InputError(say_dropped(dropped, share, lost[0], limit))


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
    used |= {problem.file for note in notes for problem in note.problems}  # of a note's further files
    unused = Counter(file.path.suffix or "(none)" for file in files if str(file.path) not in used)
    return {"files": len(files), "unused_files": dict(sorted(unused.items()))}


def _is_below(folders: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(tuple(folders[place : place + size]) == tuple(wanted) for place in range(len(folders) - size + 1))
