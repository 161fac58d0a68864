"""A table of mentions beside its texts: a row a mention, with the name of its text, label, offsets and words.

    filename	label	start	end	text
    note-7	drug	22	28	zorvex

The names of the columns tell which they are, tabs, commas or semicolons set them off. Other columns are attributes. A
text that no row names is not annotated.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from scripts.archives import File, decode
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes, path_split
from scripts.convert.formats.offsets import Stated, fragment, place
from scripts.corpus.note import Note, Problem
from scripts.corpus.split import named_split

COLUMNS = {
    "name": "filename file file_name document doc doc_id document_id note_id",
    "label": "label type tag entity",
    "start": "start start_span start_offset begin off0",
    "end": "end end_span end_offset off1",
    "quote": "text span mention quote",
    "kb_id": "code kb_id cui",
}
NEEDED = ("name", "label", "start", "end")
SEPARATORS = "\t,;"
_COLUMN_OF = {word: column for column, words in COLUMNS.items() for word in words.split()}


class _Row(NamedTuple):
    line: int
    values: dict[str, str]


def recognises(file: File) -> bool:
    start = file.data[:2000].removeprefix(b"\xef\xbb\xbf").split(b"\n")[0].decode("utf8", "replace")
    return _separator(start.removesuffix("\r")) != ""


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read tables of mentions with their texts.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave rows out whose text is not there.
    YIELDS (Note): One note a text, with the mentions of all tables that name it.
    RAISES (InputError): A text is not there or there twice, or a file cannot be read.
    """
    tables = [file for file in files if recognises(file)]
    texts = [file for file in files if file.path.suffix.lower() in (".txt", "")]
    notes: dict[tuple[str, str], Note] = {}
    for note in (note for table in tables for note in _read_table(table, texts, skip_unpaired)):
        key = note.text_file, note.split
        notes[key] = _merge(notes[key], note) if key in notes else note
    yield from name_notes(notes.values())


def _merge(note: Note, further: Note) -> Note:
    """A note with the mentions of a further table, as where each label has a table of its own."""
    told = Problem(further.file, 0, "a further table of the same texts, read with the first")
    problems = (*note.problems, told, *further.problems)
    return note._replace(entities=(*note.entities, *further.entities), problems=problems)


def _separator(header: str) -> str:
    """What sets the columns off, by their names; "" if these are not those of such a table."""
    for separator in SEPARATORS:
        columns = {_COLUMN_OF.get(name.strip(' "').lower()) for name in header.split(separator)}
        if columns.issuperset(NEEDED):
            return separator
    return ""


def _read_table(table: File, texts: Sequence[File], skip_unpaired: bool) -> Iterator[Note]:
    rows: dict[str, list[_Row]] = {}
    problems = []
    for row in _rows(table):
        name = row.values.get("name", "").strip()
        if name:
            rows.setdefault(name.removesuffix(".txt"), []).append(row)
        else:
            problems.append(Problem(str(table.path), row.line, "malformed line", dropped=1))
    for name, listed in rows.items():
        text = _find_text(table, listed[0].line, name, texts, skip_unpaired)
        if text:
            yield _read_note(table, text, name, listed, problems)
            problems = []
    if problems:
        raise InputError(f"{table.path}, line {problems[0].line}: no name of a text in it; give each row one.")


def _rows(table: File) -> Iterator[_Row]:
    """The rows by the columns known, others under their own names.

    RAISES (InputError): A quotation mark is open.
    """
    content = decode(table).removeprefix("\ufeff")
    separator = _separator(content.split("\n")[0].removesuffix("\r"))
    if separator == "\t":  # quotation marks are words there
        lines = ((i, line.removesuffix("\r").split("\t")) for i, line in enumerate(content.split("\n"), start=1))
    else:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
        lines = ((reader.line_num, row) for row in reader)
    try:
        _, header = next(lines)
        names = [_COLUMN_OF.get(name.strip().lower(), name.strip()) for name in header]
        names = [name if names.index(name) == i else header[i].strip() for i, name in enumerate(names)]
        for number, row in lines:
            if any(value.strip() for value in row):
                yield _Row(number, dict(zip(names, row, strict=False)))
    except csv.Error:
        raise InputError(f"{table.path}: a quotation mark without its partner, or too long a value.") from None


def _find_text(table: File, line: int, name: str, texts: Sequence[File], skip_unpaired: bool) -> File | None:
    """The text that rows name, by its path or by its last part; the one nearest to the table, if several have it."""
    found = [text for text in texts if _is_named(text.path, name)]
    common = Counter({i: _common(text.path, table.path) for i, text in enumerate(found)}).most_common(2)
    if not found and skip_unpaired:
        return None
    if not found or (len(common) > 1 and common[0][1] == common[1][1]):
        several = f"{len(found)} texts are" if found else "no text is"
        raise InputError(f"{table.path}, line {line}: {several} called as it says; there must be one, as NAME.txt.")
    return found[common[0][0]]


def _is_named(path: PurePosixPath, name: str) -> bool:
    own = path.with_suffix("") if path.suffix.lower() == ".txt" else path
    return own.name == PurePosixPath(name).name and str(own).endswith(name)


def _common(one: PurePosixPath, other: PurePosixPath) -> tuple[bool, int]:
    same = sum(1 for left, right in zip(one.parts, other.parts, strict=False) if left == right)
    return named_split(one.parts[:-1]) == path_split(other), same


def _read_note(table: File, text: File, name: str, rows: Sequence[_Row], problems: Sequence[Problem]) -> Note:
    path, content = str(table.path), decode(text)
    placed, wrong = place(content, [_read_row(row) for row in rows], path)
    entities = tuple(entity for entity in placed if entity)
    split = named_split(text.path.parts[:-1]) or file_split(table)
    return Note(PurePosixPath(name).name, content, entities, path, str(text.path), split, (*problems, *wrong))


def _read_row(row: _Row) -> Stated:
    values = row.values
    attributes = tuple((name, value) for name, value in values.items() if name not in COLUMNS and value.strip())
    offsets = fragment(values.get("start"), values.get("end"))
    label, kb_id = values.get("label", "").strip(), values.get("kb_id", "").strip()
    return Stated(label, offsets, values.get("quote"), row.line, kb_id, attributes)
