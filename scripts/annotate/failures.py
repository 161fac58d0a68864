"""Why a note failed and where in the program, without a word of the note."""

import site
import sysconfig
import traceback
from pathlib import Path

from scripts.corpus.texts import Failure, Text

ROOT = Path(__file__).parents[2]


def failure_of(note: Text, what: str, error: Exception) -> Failure:
    """The record of a note for which something raised.

    note (Text): The note.
    what (str): What could not be done.
    error (Exception): Its message may quote the note, so its kind alone is kept, and the line of code.
    """
    return Failure(note.id, note.file, note.line, f"{what} ({type(error).__name__})", place_of(error))


def place_of(error: BaseException) -> str:
    """File and line that raised first, e.g. "scripts/runtime/ner.py:120".

    error (BaseException): Of one that was raised from another, the other counts.
    RETURNS (str): The file is named below the project or the installed packages, so no folder of a user is in it.
    """
    while error.__cause__:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _short(filename: str) -> str:
    path = Path(filename)
    if not path.is_absolute():  # compiled code, e.g. spacy/tokens/doc.pyx
        return filename
    above = [*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values(), ROOT]
    found = [path.relative_to(folder) for folder in above if path.is_relative_to(folder)]
    return min(found, key=lambda below: len(below.parts), default=Path(path.name)).as_posix()
