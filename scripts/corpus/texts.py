"""Notes without annotations, read one by one: files, folders, archives, and tables with a note a row."""

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from scripts.archives import (
    DAMAGED,
    LIMITS,
    LINK,
    Fault,
    Limits,
    Opened,
    fault_reason,
    is_archive,
    open_files,
    walk,
)
from scripts.cli import InputError
from scripts.corpus.tables import TABLES, Columns, MissingColumn, Row, decompress, read_rows, table_of, unpacked

ANY_LENGTH = 2**40  # characters: more than a file holds
NOT_UTF8 = "not UTF-8"
DOUBLE = "an earlier note has the same id"
_CONVERT = ": convert the file, for instance by iconv -f cp1252 -t utf-8"  # encodings cannot be told from each other
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Text(NamedTuple):
    """A note without annotations.

    id (str): Its name, unique in the run: the path below the source without .txt, the value of the id column, or
        the number of the row, with the path of the table before it where the source is not the table itself.
    text (str): Its text, character for character as stored.
    file (str): The file it is in, relative to the source.
    line (int): Line or row where it begins; 0 for a file of its own.
    """

    id: str
    text: str
    file: str
    line: int = 0


class Failure(NamedTuple):
    """A note, or a whole file, that could not be read or annotated.

    id (str): The note's name, "" where it is unknown.
    file (str): The file, relative to the source.
    line (int): 1-based line, or row of a .parquet file; 0 for the file as a whole.
    reason (str): Why, without a word of the note.
    at (str): File and line of the program where it failed, "" where the note itself is at fault.
    """

    id: str
    file: str
    line: int
    reason: str
    at: str = ""


class Unreadable(Exception):
    """A note that cannot be taken as it is: the reason, and the line of it in a file of text."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


class _Found(NamedTuple):
    """A note before its checks, as for `take`."""

    file: str
    name: str
    row: Row


def read_texts(
    source: Path, columns: Columns, unused: Counter[str], limits: Limits = LIMITS
) -> Iterator[Text | Failure]:
    """Read all notes of a source, always in the same order and never more than one of them in memory.

    source (Path): A .txt file, a table (one of TABLES), an archive, or a folder of such files.
    columns (Columns): What to take of tables.
    unused (Counter[str]): Is filled with the suffixes of the files that are none of these.
    limits (Limits): Of archives and .parquet files inside archives, which are read whole.
    YIELDS (Text | Failure): Each note once. Where a whole file cannot be read, one Failure stands for it.
    RAISES (InputError): The source does not exist, holds no notes, or is a single file that cannot be read.
    """
    # In a temporary file, so that the ids of millions of notes take no memory; only hashes go there.
    with closing(sqlite3.connect("")) as taken:
        taken.execute("CREATE TABLE taken (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        for found in _find(source, columns, unused, limits=limits):
            item = found if isinstance(found, Failure) else take(*found, columns.max_chars)
            if isinstance(item, Text) and not _add(taken, item.id):
                item = Failure(item.id, item.file, item.line, DOUBLE)
            yield item


def read_all_texts(source: Path, unused: Counter[str]) -> Iterator[str]:
    """Read the texts of a source where every one counts and none is named, as for pretraining.

    The notes are those of `read_texts`, but their ids do not matter, and they may have any length, none included.

    source, unused: As for `read_texts`; of a table the column "text" is taken, and one without it, beside the notes of
        a folder or an archive, is unused, as is a link in an archive to a file that is there as well.
    YIELDS (str): The texts.
    RAISES (InputError): There are none, or one cannot be read.
    """
    try:
        for found in _find(source, Columns(max_chars=ANY_LENGTH), unused, unnamed=True):
            if isinstance(found, Failure):
                raise InputError(f"{found.file} {found.reason}")
            try:
                text = _checked_text(found.row, ANY_LENGTH)
            except Unreadable as error:
                line = found.row.line or error.line
                raise InputError(f"{found.file}, line {line}: {error.reason}; correct or remove the note.") from None
            yield text
    except MissingColumn:
        raise InputError(f"{source} has no column 'text': give that name to the column with the notes.") from None


def fingerprint(source: Path) -> str:
    """A hash of names and contents of a file or of all files in a folder."""
    digest = hashlib.sha256()
    for path in walk(source) if source.is_dir() else [source]:
        digest.update(ascii(str(path.relative_to(source)) if source.is_dir() else source.name).encode("utf8"))
        try:
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:  # as a note it is recorded as failed
            digest.update(str(error.errno).encode("utf8"))
    return digest.hexdigest()


def look_at(source: Path) -> str:
    """A hash of names, sizes and times of change, which costs no reading: where it stays, so does the fingerprint."""
    digest = hashlib.sha256()
    try:
        for path in walk(source) if source.is_dir() else [source]:
            state = path.stat()
            digest.update(f"{ascii(str(path))} {state.st_size} {state.st_mtime_ns} {state.st_ino}\n".encode())
    except OSError as error:
        digest.update(str(error.errno).encode("utf8"))
    return digest.hexdigest()


# From the source to its notes


def _find(
    source: Path, columns: Columns, unused: Counter[str], unnamed: bool = False, limits: Limits = LIMITS
) -> Iterator[_Found | Failure]:
    """The notes before their checks; a Failure stands for a file that cannot be read, or for what is left of it.

    unnamed (bool): Whether only texts matter: then links in archives, and tables of other columns, are unused.
    """
    alone, begun = source.is_file(), False
    if alone and not _holds_notes(PurePosixPath(source.name)):
        raise InputError(f"{source} is no {', '.join(('.txt', *TABLES))} file, no archive and no folder.")
    for file in open_files(source, limits=limits):
        if not _holds_notes(file.path) or (unnamed and isinstance(file, Fault) and file.reason == LINK):
            unused[file.path.suffix.lower() or "(none)"] += 1
            continue
        is_source = alone and len(file.path.parts) == 1
        try:
            for found in _find_in_file(file, columns, "" if is_source else f"{file.path}/"):
                begun = True
                yield found
        except InputError as error:
            if is_source and not begun:
                raise
            # Beside notes a .json may be anything.
            if isinstance(error, MissingColumn) and (unnamed or table_of(file.path) == ".json"):
                unused[file.path.suffix.lower()] += 1
                continue
            begun = True
            yield Failure(str(file.path), str(file.path), 0, str(error).removeprefix(f"{file.path} "))
    if not begun:
        raise InputError(f"{source} holds no notes: no .txt, {', '.join(TABLES)} file in it, or empty ones.")


def _find_in_file(file: Opened | Fault, columns: Columns, prefix: str) -> Iterator[_Found]:
    """The notes of a file.

    prefix (str): Goes before the numbers of rows, so that no two tables have the same ids.
    RAISES (InputError): The file is damaged.
    """
    if isinstance(file, Fault):
        raise InputError(f"{file.path} {file.reason}")
    if table_of(file.path):
        rows = read_rows(file.path, file.stream, columns)
        yield from (_Found(str(file.path), f"{prefix}{number}", row) for number, row in enumerate(rows, start=1))
    else:
        yield _Found(str(file.path), "", _read_note(file, columns.max_chars))


def _holds_notes(path: PurePosixPath) -> bool:
    return unpacked(path).suffix.lower() == ".txt" or bool(table_of(path)) or is_archive(path)


def _read_note(file: Opened, max_chars: int) -> Row:
    try:
        data = _read_up_to(decompress(file.path, file.stream), 4 * max_chars + 1)  # a character has four bytes at most
    except DAMAGED as error:
        raise InputError(f"{file.path} {fault_reason(error)}") from None
    return note_row(file.path, data, max_chars)


def note_row(path: PurePosixPath, data: bytes | None, max_chars: int) -> Row:
    """The row that a file of text is; without its data for one that is too long."""
    row = Row(0, id=str(unpacked(path).with_suffix("")), has_id=True)
    if data is None or len(data) > 4 * max_chars:
        return row._replace(fault=_too_long(max_chars))
    try:
        return row._replace(text=data.decode("utf8"))
    except UnicodeDecodeError as error:
        return row._replace(line=data.count(b"\n", 0, error.start) + 1, fault=NOT_UTF8)


def _read_up_to(stream: IO[bytes], limit: int) -> bytes:
    # In parts, as read(limit) takes memory for all of the limit first.
    parts, size = [], 0
    while size < limit and (part := stream.read(2**16)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


# From a row to a note


def take(file: str, name: str, row: Row, max_chars: int) -> Text | Failure:
    """What a row is, by the rules for notes.

    file (str): As in `Text`.
    name (str): Its id where the row has none of its own.
    row (Row): Its values; a .txt file is a row as well, with its path as its id.
    max_chars (int): Longest text taken.
    """
    note_id = ""
    try:
        note_id = _id_of(row, name)
        text = _checked_text(row, max_chars)
        if not text:
            raise Unreadable("no text")
        check_id(note_id)
        return Text(note_id, text, file, row.line)
    except Unreadable as error:
        reason = f"{NOT_UTF8}{_CONVERT}" if error.reason == NOT_UTF8 else error.reason
        return Failure(printable_id(note_id), file, row.line or error.line, reason)


def _id_of(row: Row, name: str) -> str:
    if not row.has_id:
        return "" if row.fault else name  # what cannot be read may have an id of its own
    if row.id is None or row.id != row.id:  # pandas' NaN
        raise Unreadable("no id")
    # pandas makes floats of whole numbers where one of a column is missing.
    whole = isinstance(row.id, float) and row.id.is_integer() and abs(row.id) < 2**53
    if isinstance(row.id, bool) or not (whole or isinstance(row.id, str | int)):
        raise Unreadable("the id is neither text nor a whole number")
    return str(int(row.id) if whole else row.id)


def check_id(note_id: str) -> None:
    """RAISES (Unreadable): It is no name for a note."""
    if not note_id:
        raise Unreadable("no id")
    if _CONTROL.search(note_id) or not _encodes(note_id):
        raise Unreadable("the id holds control characters")


def printable_id(note_id: str) -> str:
    """An id that can be written: half a character, a lone surrogate, could not be."""
    return note_id.encode("utf8", "backslashreplace").decode("utf8")


def _checked_text(row: Row, max_chars: int) -> str:
    """RAISES (Unreadable): There is no text, or it cannot be taken; an empty one can."""
    if row.fault or row.text is None:
        raise Unreadable(row.fault or "no text")
    return check_text(row.text, max_chars)


def check_text(text: object, max_chars: int) -> str:
    """The text of a note, if it can be annotated; an empty one can.

    RAISES (Unreadable): It cannot.
    """
    if not isinstance(text, str):
        raise Unreadable("the text is no text")
    if len(text) > max_chars:
        raise Unreadable(_too_long(max_chars))
    if not _encodes(text):
        raise Unreadable(NOT_UTF8)
    if "\0" in text:
        raise Unreadable("null bytes (UTF-16?)", text.count("\n", 0, text.index("\0")) + 1)
    return text


def _too_long(max_chars: int) -> str:
    return f"longer than {max_chars:,} characters"


def _encodes(text: str) -> bool:
    """Whether it holds no half of a surrogate pair: JSON can have one, and it stands for bytes that are no UTF-8."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _add(taken: sqlite3.Connection, note_id: str) -> bool:
    """Whether the id is new."""
    found = hashlib.blake2b(note_id.encode("utf8"), digest_size=16).digest()
    return taken.execute("INSERT OR IGNORE INTO taken VALUES (?)", (found,)).rowcount == 1
