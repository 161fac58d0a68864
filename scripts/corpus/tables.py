"""Tables with a note a row: JSON, comma-separated values and .parquet, read row by row."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from scripts.archives import DAMAGED
from scripts.cli import InputError
from scripts.corpus.arrays import BrokenArray, ElementTooLong, read_array

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_ROWS = 100  # rows of a .parquet file that are in memory together
PARQUET_BUFFER = 2**20  # bytes of a column that are read together
DELIMITERS = ",;\t"  # the first by which a table's first line has the column of the text counts
SHOWN = 20  # columns that are named where one is missing
BOM = b"\xef\xbb\xbf"
_COMPRESSED = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,39}")  # of a column, as no note looks


class MissingColumn(InputError):
    """A table has no column of the name that is to be taken."""


class Columns(NamedTuple):
    """What to take of a table; a name counts in other case where there is no such name, and one of other case only.

    text (str): Name of the column, or key, of the text.
    id (str): Likewise of the ids; "" for "id" where there is one, else the number of the row.
    max_chars (int): Longest text taken.
    """

    text: str = "text"
    id: str = ""
    max_chars: int = 5_000_000


class Row(NamedTuple):
    """A row of a table.

    line (int): Line where it begins, 1-based; in a .parquet file the number of the row.
    text, id (Any): The values of both columns.
    has_id (bool): Whether the row has an id of its own, be it empty.
    fault (str): Why the row cannot be read, "" where it can.
    """

    line: int
    text: Any = None
    id: Any = None
    has_id: bool = False
    fault: str = ""


def table_of(path: PurePosixPath) -> str:
    """The suffix that says what table a file is, "" if it is none; all but .parquet may be compressed."""
    suffix = unpacked(path).suffix.lower()
    return suffix if suffix in TABLES and (suffix != ".parquet" or unpacked(path) == path) else ""


def unpacked(path: PurePosixPath) -> PurePosixPath:
    """The name of a file that is compressed alone, without the suffix that says so."""
    return path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path


def read_rows(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read a table of any kind.

    path (PurePosixPath): Its name, whose suffix says the kind.
    stream (IO[bytes]): Its content.
    columns (Columns): What to take.
    YIELDS (Row): Each row, also one that cannot be read.
    RAISES (InputError): The table is damaged or lacks a column; the rows before the damage have been yielded.
    """
    try:
        yield from TABLES[table_of(path)](path, stream, columns)
    except DAMAGED:
        raise InputError(f"{path} is damaged or cut short: the notes behind the damage are missing.") from None


def read_jsonl(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read a JSON object a line, or an array of objects; lines of blanks are no rows.

    RAISES (InputError): An array is broken; a broken line is a row that cannot be read.
    """
    limit = _longest(columns)
    stream, begun = decompress(path, stream), False
    for line, data in _numbered_lines(stream, limit):
        if line == 1:
            data = data.removeprefix(BOM)
        if not data.strip():
            continue
        if not begun and data.lstrip().startswith(b"["):
            yield from _array_rows(path, read_array(stream, data, limit, line), columns)
            return
        begun = True
        yield Row(line, fault="the line is too long") if len(data) >= limit else json_row(line, data, columns)


def read_json(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read what `read_jsonl` reads from a file whose name says less of what is in it.

    RAISES (MissingColumn): It holds something else.
    """
    rows = read_jsonl(path, stream, columns)
    for first in rows:
        if first.fault or first.text is None:
            raise MissingColumn(
                f"{path} does not begin with an object that has '{columns.text}': name the key to take with"
                " --text-column."
            )
        yield first
        yield from rows


def read_csv(path: PurePosixPath, stream: IO[bytes], columns: Columns, delimiters: str = DELIMITERS) -> Iterator[Row]:
    """Read separated values in UTF-8, the names of the columns first.

    delimiters (str): What may separate them.
    RAISES (InputError): There is no column of the name, or a line or value is longer than any of a note.
    """
    limit = _longest(columns)
    csv.field_size_limit(min(limit, 2**31 - 1))
    # Bytes that are no UTF-8 spoil their own row only. The byte-order mark here is the table's.
    lines = io.TextIOWrapper(
        cast(io.BytesIO, decompress(path, stream)), "utf-8-sig", errors="surrogateescape", newline=""
    )
    try:
        first = lines.readline(limit)
        reader = csv.reader(
            chain([first] if first else [], _limited_lines(path, lines, limit)), strict=True, delimiter=find_delimiter(first, delimiters, columns)
        )
        try:
            header = next(reader, [])
        except csv.Error:
            raise InputError(f"{path} has broken quotes in line 1: fix them.") from None
        names = header if len(header) > 1 and all(map(_NAME.fullmatch, header)) else []
        yield from _csv_rows(path, reader, header, check_columns(path, header, columns, names))
    finally:
        lines.detach()  # the file is its opener's to close


def read_parquet(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read a .parquet file.

    RAISES (InputError): It is damaged, or there is no column of the name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq  # loaded only where there is such a file, as --help does not wait for them

    if not isinstance(getattr(stream, "raw", None), io.FileIO):
        # A member of an archive, in which going back and forth is slow. Read at once, zipfile would unpack more of one
        # whose size is a lie.
        stream = io.BytesIO(b"".join(iter(partial(stream.read, PARQUET_BUFFER), b"")))
    try:
        file = pq.ParquetFile(stream, buffer_size=PARQUET_BUFFER, pre_buffer=False)
        columns = check_columns(path, file.schema_arrow.names, columns, file.schema_arrow.names)
        names = [columns.text, columns.id] if columns.id else [columns.text]
        count = 0
        for batch in file.iter_batches(PARQUET_ROWS, columns=names):
            for index in range(batch.num_rows):
                yield _parquet_row(batch, index, count + index + 1, columns)
            count += batch.num_rows
    except (pa.ArrowException, OSError):
        raise InputError(f"{path} is damaged or no .parquet file.") from None


TABLES: dict[str, Callable[[PurePosixPath, IO[bytes], Columns], Iterator[Row]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": partial(read_csv, delimiters="\t"),
    ".parquet": read_parquet,
}


def decompress(path: PurePosixPath, stream: IO[bytes]) -> IO[bytes]:
    """The content of a file that may be compressed alone, as its name says."""
    unpack = _COMPRESSED.get(path.suffix.lower())
    return cast(IO[bytes], unpack(stream)) if unpack else stream


def _numbered_lines(stream: IO[bytes], limit: int) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; of one that is longer than the limit only the beginning."""
    number = 0
    while data := stream.readline(limit):
        number += 1
        yield number, data
        while len(data) >= limit and not data.endswith(b"\n"):
            data = stream.readline(limit)


def _longest(columns: Columns) -> int:
    """Bytes that a line may have."""
    return 12 * columns.max_chars + 2**20  # JSON may spell a character in twelve, and what is beside the text has some


def _limited_lines(path: PurePosixPath, lines: IO[str], limit: int) -> Iterator[str]:
    number = 1
    while line := lines.readline(limit):
        number += 1
        if len(line) >= limit and not line.endswith(("\n", "\r")):
            raise _too_long(path, number)
        yield line


def _too_long(path: PurePosixPath, line: int) -> InputError:
    return InputError(f"{path} has too long a row in line {line}: what stands from there on is missing.")


def json_row(line: int, data: bytes, columns: Columns) -> Row:
    """The row that a line of JSON is."""
    try:
        return _object_row(line, json.loads(data.decode("utf8")), columns)
    except UnicodeDecodeError:
        return Row(line, fault="not UTF-8")
    except (ValueError, RecursionError):
        return Row(line, fault="broken JSON")


def _array_rows(path: PurePosixPath, elements: Iterable[tuple[int, Any]], columns: Columns) -> Iterator[Row]:
    try:
        for line, element in elements:
            yield _object_row(line, element, columns)
    except BrokenArray as error:
        what = "too long an object" if isinstance(error, ElementTooLong) else "broken JSON"
        raise InputError(f"{path} has {what} in line {error.line}: what stands from there on is missing.") from None


def _object_row(line: int, record: Any, columns: Columns) -> Row:
    if not isinstance(record, dict):
        return Row(line, fault="no JSON object")
    text, id = (_find_column(record, name) for name in (columns.text, columns.id or "id"))
    return Row(line, record.get(text), record.get(id), bool(columns.id) or id in record)


def find_delimiter(first: str, delimiters: str, columns: Columns) -> str:
    """What separates the values of a table, by its first line."""
    for delimiter in delimiters:
        try:
            if _find_column(next(csv.reader([first], delimiter=delimiter), []), columns.text):
                return delimiter
        except csv.Error:
            continue
    return delimiters[0]


def _csv_rows(path: PurePosixPath, reader: Any, header: list[str], columns: Columns) -> Iterator[Row]:
    text_at, id_at = header.index(columns.text), header.index(columns.id) if columns.id else 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):  # its rest would be read as rows
                raise _too_long(path, line) from None
            yield Row(line, fault="broken quotes")
            continue
        if len(row) == len(header):
            yield Row(line, row[text_at], row[id_at] if columns.id else None, bool(columns.id))
        elif row:  # a blank line is no row
            yield Row(line, fault="more or fewer columns than the first line has")


def _parquet_row(batch: "pa.RecordBatch", index: int, number: int, columns: Columns) -> Row:
    try:
        text = batch.column(columns.text)[index].as_py()
        return Row(number, text, batch.column(columns.id)[index].as_py() if columns.id else None, bool(columns.id))
    except UnicodeDecodeError:
        return Row(number, fault="not UTF-8")


def check_columns(path: PurePosixPath, names: list[str], columns: Columns, shown: list[str]) -> Columns:
    """The columns as they are called, with that of the ids, "" for none.

    shown (list[str]): What may be said of the names: what stands in the first line may be a note.
    """
    for name, option in ((columns.text, "--text-column"), (columns.id, "--id-column")):
        if name and not _find_column(names, name):
            there = f"; there are {', '.join(shown[:SHOWN])}{', ...' * (len(shown) > SHOWN)}" if shown else ""
            raise MissingColumn(f"{path} has no column '{name}': name the one to take with {option}{there}.")
    return columns._replace(text=_find_column(names, columns.text), id=_find_column(names, columns.id or "id"))


def _find_column(names: Iterable[str], name: str) -> str:
    """The name among others, or the only one that differs from it in case alone, "" for none."""
    if name in (names := list(names)):
        return name
    found = [each for each in names if each.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else ""
