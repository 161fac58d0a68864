"""Tables with a note a row: .jsonl, .csv and .parquet, read row by row."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from scripts.archives import DAMAGED
from scripts.cli import InputError

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_ROWS = 100  # rows of a .parquet file that are in memory together
PARQUET_BUFFER = 2**20  # bytes of a column that are read together
_COMPRESSED = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


class MissingColumn(InputError):
    """A table has no column of the name that is to be taken."""


class Columns(NamedTuple):
    """What to take of a table.

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
    """The suffix that says what table a file is, "" if it is none; a .jsonl or .csv may be compressed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        return suffixes[-2] if suffixes[-2:-1] in ([".jsonl"], [".csv"]) else ""
    return suffixes[-1] if suffixes and suffixes[-1] in TABLES else ""


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
    """Read a JSON object a line; lines of blanks are no rows."""
    # JSON may spell a character in twelve bytes, and the other keys take room, too.
    limit = 12 * columns.max_chars + 2**20
    stream = _decompress(path, stream)
    for line, data in _numbered_lines(stream, limit):
        if len(data) >= limit:
            yield Row(line, fault="the line is too long")
        elif data.strip():
            yield json_row(line, data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data, columns)


def read_csv(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read comma-separated values in UTF-8, the names of the columns first.

    RAISES (InputError): There is no column of the name.
    """
    csv.field_size_limit(2**31 - 1)  # 131,072 by default; a cut field would leave its rest to be read as rows
    # Bytes that are no UTF-8 spoil their own row only. The byte-order mark here is the table's.
    lines = io.TextIOWrapper(
        cast(io.BytesIO, _decompress(path, stream)), "utf-8-sig", errors="surrogateescape", newline=""
    )
    try:
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
        except csv.Error:
            raise InputError(f"{path} has broken quotes in line 1: fix them.") from None
        yield from _csv_rows(reader, header, _check_columns(path, header, columns))
    finally:
        lines.detach()  # the file is its opener's to close


def read_parquet(path: PurePosixPath, stream: IO[bytes], columns: Columns) -> Iterator[Row]:
    """Read a .parquet file.

    RAISES (InputError): It is damaged, or there is no column of the name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq  # loaded only where there is such a file, as --help does not wait for them

    if not isinstance(getattr(stream, "raw", None), io.FileIO):
        stream = io.BytesIO(stream.read())  # a member of an archive, in which going back and forth is slow
    try:
        file = pq.ParquetFile(stream, buffer_size=PARQUET_BUFFER, pre_buffer=False)
        columns = _check_columns(path, file.schema_arrow.names, columns)
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
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def _decompress(path: PurePosixPath, stream: IO[bytes]) -> IO[bytes]:
    unpack = _COMPRESSED.get(path.suffix.lower())
    return cast(IO[bytes], unpack(stream)) if unpack else stream


def _numbered_lines(stream: IO[bytes], limit: int) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; of one that is longer than the limit only the beginning."""
    number = 0
    while data := stream.readline(limit):
        number += 1
        yield number, data
        while len(data) == limit and not data.endswith(b"\n"):
            data = stream.readline(limit)


def json_row(line: int, data: bytes, columns: Columns) -> Row:
    """The row that a line of JSON is."""
    try:
        record = json.loads(data.decode("utf8"))
    except UnicodeDecodeError:
        return Row(line, fault="not UTF-8")
    except (ValueError, RecursionError):
        return Row(line, fault="broken JSON")
    if not isinstance(record, dict):
        return Row(line, fault="no JSON object")
    return Row(line, record.get(columns.text), record.get(columns.id or "id"), bool(columns.id) or "id" in record)


def _csv_rows(reader: Any, header: list[str], columns: Columns) -> Iterator[Row]:
    text_at, id_at = header.index(columns.text), header.index(columns.id) if columns.id else 0
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
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


def _check_columns(path: PurePosixPath, names: list[str], columns: Columns) -> Columns:
    """The columns with the name of that of the ids, "" for none."""
    for name, option in ((columns.text, "--text-column"), (columns.id, "--id-column")):
        if name and name not in names:
            # What stands in the first line may be a note, where there are no names of columns.
            raise MissingColumn(f"{path} has no column '{name}': name the one to take with {option}.")
    return columns if columns.id or "id" not in names else columns._replace(id="id")
