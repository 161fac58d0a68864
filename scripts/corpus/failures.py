"""Why a note failed and where in the program, without a word of the note."""

import sys
import traceback
from pathlib import Path

from scripts.corpus.texts import Failure, Text


def failure_of(note: Text, what: str, error: Exception) -> Failure:
    """The record of a note for which something raised.

    note (Text): The note.
    what (str): What could not be done.
    error (Exception): Its message may quote the note, so of it only the kind is kept, and the line of code.
    """
    return Failure(note.id, note.file, note.line, f"{what} ({type(error).__name__})", place_of(error))


def place_of(error: BaseException) -> str:
    """File and line that raised, of our code or of a library below it, e.g. "scripts/runtime/ner.py:120".

    error (BaseException): If it was raised from another, the other counts.
    RETURNS (str): The file is named below where Python finds modules, so that no folder of the user is in it.
    """
    while error.__cause__:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{_below(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _below(filename: str) -> str:
    path = Path(filename)
    if not path.is_absolute():  # compiled code, e.g. spacy/tokens/doc.pyx
        return filename
    found = [path.relative_to(folder) for folder in sys.path if folder and path.is_relative_to(folder)]
    return min(found, key=lambda inside: len(inside.parts), default=Path(path.name)).as_posix()
