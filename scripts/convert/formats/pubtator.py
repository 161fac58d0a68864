"""PubTator: a title and an abstract a document, then a line a mention, set off by tabs.

    1001|t|Fever after zorvex.
    1001|a|She took zorvex daily.
    1001	0	5	Fever	Disease	D005334

The text is title and abstract with a line end between, which counts as one character. Relations are left alone.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scripts.archives import File, decode
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes
from scripts.convert.formats.offsets import Stated, fragment, place
from scripts.corpus.note import Note, Problem

_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*[^\s|]+\|[ta]\|")
_TEXT = re.compile(r"([^\s|]+)\|([ta])\|(.*)")
# Its type, two concepts, whose identifiers have digits, and in BioRED whether it is new
_RELATION = re.compile(r"[A-Za-z][^\t]*(?:\t[^\t]*[\d-][^\t]*){2}(?:\t(?:Novel|No))?", re.ASCII)
_NO_CONCEPT = ("", "-", "-1", "None")


class _Document(NamedTuple):
    """A document's lines, each of its mentions with the number of its own."""

    name: str
    texts: dict[str, str]
    rows: list[tuple[int, str]]


def recognises(file: File) -> bool:
    return _BEGIN.match(file.data[:1000]) is not None or file.path.suffix.lower() == ".pubtator"


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read PubTator files.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a document.
    RAISES (InputError): A file is not UTF-8, or has a line before its first document.
    """
    found = (file for file in files if recognises(file))
    yield from name_notes(_read_document(file, document) for file in found for document in _documents(file))


def _documents(file: File) -> Iterator[_Document]:
    document = None
    for number, line in enumerate(decode(file).removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        match = _TEXT.fullmatch(line)
        if match and (document is None or match[1] != document.name or match[2] in document.texts):
            yield from [document] if document else []
            document = _Document(match[1], {}, [])
        if match and document:
            document.texts[match[2]] = match[3]
        elif line.strip() and document is None:
            raise InputError(f"{file.path}, line {number}: no title or abstract before it; each document needs one.")
        elif line.strip() and document:
            document.rows.append((number, line))
    yield from [document] if document else []


def _read_document(file: File, document: _Document) -> Note:
    path, stated, problems = str(file.path), [], []
    for number, line in document.rows:
        name, _, rest = line.partition("\t")
        columns = rest.split("\t")
        if name == document.name and _RELATION.fullmatch(rest):
            continue
        if name == document.name and len(columns) >= 4:
            stated.append(_read_mention(number, columns))
        else:
            problems.append(Problem(path, number, "malformed line", dropped=1))
    text = "\n".join(document.texts[part] for part in "ta" if part in document.texts)
    placed, wrong = place(text, stated, path)
    entities = tuple(entity for entity in placed if entity)
    return Note(document.name, text, entities, path, path, file_split(file), (*problems, *wrong))


def _read_mention(number: int, columns: Sequence[str]) -> Stated:
    start, end, quote, label, *more = columns
    concept = more[0].strip() if more else ""
    attributes = tuple(("individual mentions", words) for words in more[1:2] if words)
    kb_id = "" if concept in _NO_CONCEPT else concept
    return Stated(label, fragment(start, end), quote, number, kb_id, attributes)
