"""The texts to annotate, read one by one: files, folders, archives, and tables with a note a row."""

import hashlib
import io
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from scripts.formats.files import DAMAGED, is_archive, open_members, walk
from scripts.note import InputError
from scripts.tables import TABLES, Row, table_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Text(NamedTuple):
    """A note to annotate.

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
    """A note, or a whole file, that could not be annotated.

    id (str): The note's name, "" where none can be told.
    file (str): The file, relative to the source.
    line (int): 1-based line, or row of a .parquet file; 0 for the file as a whole.
    reason (str): Why, without a word of the note.
    """

    id: str
    file: str
    line: int
    reason: str


class Unreadable(Exception):
    """A note that cannot be taken as it is: the reason, and the line of it in a file of text."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


class Columns(NamedTuple):
    """What to take of a table.

    text (str): Name of the column, or key, of the text.
    id (str): Likewise of the ids; "" for "id" where there is one, else the number of the row.
    max_chars (int): Longest text taken.
    """

    text: str = "text"
    id: str = ""
    max_chars: int = 5_000_000


def read_texts(source: Path, columns: Columns, unused: Counter[str]) -> Iterator[Text | Failure]:
    """Read all notes of a source, always in the same order and never more than one of them in memory.

    source (Path): A .txt file, a table (.jsonl, .csv, .parquet), an archive, or a folder of such files.
    columns (Columns): What to take of tables.
    unused (Counter[str]): Is filled with the suffixes of the files that are none of these.
    YIELDS (Text | Failure): Each note once. Where a whole file cannot be read, one Failure stands for it.
    RAISES (InputError): The source does not exist, or is a single file that cannot be read.
    """
    taken = _Taken()
    for item in _read(source, columns, unused):
        if isinstance(item, Text) and not taken.add(item.id):
            yield Failure(item.id, item.file, item.line, "an earlier note has the same id")
        else:
            yield item


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


class _Taken:
    """The ids that occurred, in a temporary data base of sqlite so that they take no memory; only hashes go there."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")
        self._base.execute("CREATE TABLE taken (hash BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, note_id: str) -> bool:
        """Whether the id is new."""
        found = hashlib.blake2b(note_id.encode("utf8"), digest_size=16).digest()
        return self._base.execute("INSERT OR IGNORE INTO taken VALUES (?)", (found,)).rowcount == 1


def _read(source: Path, columns: Columns, unused: Counter[str]) -> Iterator[Text | Failure]:
    if not source.exists():
        raise InputError(f"{source} does not exist: give a file, a folder or an archive with notes.")
    if source.is_file():
        path = _printable(source.name)
        if not (is_archive(path) or _is_note_file(path)):
            raise InputError(f"{source} is no {', '.join(('.txt', *TABLES))} file, no archive and no folder.")
        with source.open("rb") as stream:
            yield from _read_stream(path, stream, columns, unused, alone=True)
        return
    for file in walk(source):
        path = _printable(file.relative_to(source).as_posix())
        try:
            with file.open("rb") as stream:
                yield from _read_stream(path, stream, columns, unused)
        except OSError as error:
            yield Failure(str(path), str(path), 0, error.strerror or "cannot be read")


def _read_stream(
    path: PurePosixPath, stream: IO[bytes], columns: Columns, unused: Counter[str], alone: bool = False
) -> Iterator[Text | Failure]:
    """The notes of one file.

    alone (bool): It is the whole source, so that what is wrong with all of it is no Failure but raised.
    """
    begun = False
    try:
        for item in _read_any(path, stream, columns, unused, "" if alone else f"{path}/"):
            begun = True
            yield item
    except InputError as error:
        if alone and not begun:
            raise
        yield Failure(str(path), str(path), 0, str(error).removeprefix(f"{path} "))


def _read_any(
    path: PurePosixPath, stream: IO[bytes], columns: Columns, unused: Counter[str], prefix: str
) -> Iterator[Text | Failure]:
    if is_archive(path):
        for inner, content in open_members(path, stream):
            yield from _read_member(inner, content, columns, unused)
    elif table_of(path):
        yield from _read_table(path, stream, columns, prefix)
    elif _is_note_file(path):
        yield _read_note(path, stream, columns.max_chars)
    else:
        unused[path.suffix.lower() or "(none)"] += 1


def _read_member(
    path: PurePosixPath, stream: IO[bytes] | None, columns: Columns, unused: Counter[str]
) -> Iterator[Text | Failure]:
    if stream is None:
        if _is_note_file(path) or is_archive(path):
            yield Failure(str(path), str(path), 0, "a hard link in an archive: unpack it and give the folder")
        return
    try:
        # An archive is read to and fro, which inside another one takes long.
        content = io.BytesIO(stream.read()) if is_archive(path) else stream
        yield from _read_stream(_printable(str(path)), content, columns, unused)
    except DAMAGED:
        yield Failure(str(path), str(path), 0, "damaged in its archive")


def _read_note(path: PurePosixPath, stream: IO[bytes], max_chars: int) -> Text | Failure:
    note_id = str(path.with_suffix(""))
    try:
        data = _read_up_to(stream, 4 * max_chars + 1)  # a character has four bytes at most
        return Text(_checked_id(note_id), _checked_text(_decode(data, max_chars), max_chars), str(path))
    except Unreadable as error:
        return Failure(note_id, str(path), error.line, error.reason)


def _read_up_to(stream: IO[bytes], limit: int) -> bytes:
    # In parts, as read(limit) takes memory for all of the limit first.
    parts, size = [], 0
    while size < limit and (part := stream.read(2**16)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _read_table(path: PurePosixPath, stream: IO[bytes], columns: Columns, prefix: str) -> Iterator[Text | Failure]:
    rows = TABLES[table_of(path)](path, stream, columns.text, columns.id, columns.max_chars)
    try:
        for number, row in enumerate(rows, start=1):
            yield _read_row(row, f"{prefix}{number}", str(path), columns.max_chars)
    except DAMAGED:
        raise InputError(f"{path} is damaged or cut short: the notes behind the damage are missing.") from None


def _read_row(row: Row, number: str, file: str, max_chars: int) -> Text | Failure:
    note_id = ""
    try:
        note_id = _row_id(row, number)
        return Text(_checked_id(note_id), _checked_text(row.text, max_chars), file, row.line)
    except Unreadable as error:
        # Half a character (a lone surrogate) could not be written into errors.jsonl.
        return Failure(note_id.encode("utf8", "backslashreplace").decode("utf8"), file, row.line, error.reason)


def _row_id(row: Row, number: str) -> str:
    if row.fault:
        raise Unreadable(row.fault)
    if not row.has_id:
        return number
    if isinstance(row.id, bool) or not isinstance(row.id, str | int):
        raise Unreadable("no id" if row.id is None else "the id is neither text nor a whole number")
    return str(row.id)


def _checked_id(note_id: str) -> str:
    if not note_id:
        raise Unreadable("no id")
    if _CONTROL.search(note_id) or not _encodes(note_id):
        raise Unreadable("the id holds control characters")
    return note_id


def _checked_text(text: object, max_chars: int) -> str:
    if text is None or text == "":
        raise Unreadable("no text")
    if not isinstance(text, str):
        raise Unreadable("the text is no text")
    if len(text) > max_chars:
        raise Unreadable(f"longer than {max_chars:,} characters")
    if not _encodes(text):
        raise Unreadable("not UTF-8")
    if "\0" in text:
        raise Unreadable("null bytes (UTF-16?)", text.count("\n", 0, text.index("\0")) + 1)
    return text


def _decode(data: bytes, max_chars: int) -> str:
    if len(data) > 4 * max_chars:
        raise Unreadable(f"longer than {max_chars:,} characters")
    try:
        return data.decode("utf8")
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8", data.count(b"\n", 0, error.start) + 1) from None


def _encodes(text: str) -> bool:
    """Whether it holds no half of a surrogate pair: JSON can have one, and it stands for bytes that are no UTF-8."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _is_note_file(path: PurePosixPath) -> bool:
    return path.suffix.lower() == ".txt" or bool(table_of(path))


def _printable(name: str) -> PurePosixPath:
    # Two names that are not UTF-8 stay two.
    return PurePosixPath(name.encode("utf8", "backslashreplace").decode("utf8"))
