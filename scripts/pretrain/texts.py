"""Unlabelled notes, from text files and JSON lines."""

import io
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.archives import File, decode, read_files
from scripts.cli import InputError

LINES, PACKED_LINES = ".jsonl", ".jsonl.xz"


def read_texts(source: Path, unused: Counter[str]) -> Iterator[str]:
    """Read every note: a .txt file is one, and so is each line {"text": ...} of a .jsonl or .jsonl.xz.

    source (Path): A file, a folder, whose folders are read as well, or an archive.
    unused (Counter[str]): Counts the files of other kinds, by suffix.
    YIELDS (str): The texts, in order of path and line.
    RAISES (InputError): There is no file of these kinds, or one that cannot be read.
    """
    found = False
    for file in read_files(source):
        name = file.path.name.lower()
        if name.endswith(".txt"):
            yield decode(file)
        elif name.endswith((LINES, PACKED_LINES)):
            yield from _read_lines(file)
        else:
            unused[file.path.suffix or "(none)"] += 1
            continue
        found = True
    if not found:
        raise InputError(f"{source} holds no .txt, .jsonl or .jsonl.xz file: give the notes as such.")


def _read_lines(file: File) -> Iterator[str]:
    packed = file.path.name.lower().endswith(PACKED_LINES)
    stream = io.BytesIO(file.data)
    try:
        with lzma.open(stream) if packed else stream as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _read_line(line, f"{file.path}, line {number}")
    except (lzma.LZMAError, EOFError):
        raise InputError(f"{file.path} is damaged or cut short: make it again.") from None


def _read_line(line: bytes, place: str) -> str:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{place}: not UTF-8; convert the file to it.") from None
    except (ValueError, RecursionError):
        raise InputError(f'{place}: no JSON; a line has to be {{"text": "..."}}.') from None
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise InputError(f'{place}: no "text"; a line has to be {{"text": "..."}}.')
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        raise InputError(f"{place}: half a character (a lone surrogate); write the line again.") from None
    return text
