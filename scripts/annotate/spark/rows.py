"""What a worker makes of the rows of a source: of each a note, or why it is none. Runs without our code installed."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from scripts.corpus.tables import Columns, Row, json_row
from scripts.corpus.texts import Text, note_row, take

# `reason` says why a row is no note, and is null where it is one; `chars` is the length of the text.
NOTES = pa.schema(
    {
        "position": pa.int64(),
        "file": pa.string(),
        "block": pa.int64(),
        "id": pa.string(),
        "text": pa.string(),
        "chars": pa.int64(),
        "reason": pa.string(),
    }
)


def read_notes(batches: Iterable[pa.RecordBatch], kind: str, columns: Columns, root: str) -> Iterator[pa.RecordBatch]:
    """Turn rows as `source` describes them into notes.

    batches (Iterable[pa.RecordBatch]): The rows.
    kind, columns, root: Of the source.
    YIELDS (pa.RecordBatch): As `NOTES` says, by the rules of `read_texts`.
    """
    for batch in batches:
        yield pa.RecordBatch.from_pylist([*_read_batch(batch.to_pylist(), kind, columns, root)], NOTES)


def _read_batch(values: list[dict[str, Any]], kind: str, columns: Columns, root: str) -> Iterator[dict[str, Any]]:
    to_row = _TO_ROW[kind]
    for value in values:
        file = unquote(urlsplit(value["file"]).path).removeprefix(root)
        row = to_row(value, file, columns)
        if row is None:
            continue
        item = take(file, "", row, columns.max_chars)
        found = {"position": value["position"], "file": file, "block": value["block"], "id": item.id}
        if isinstance(item, Text):
            yield {**found, "text": item.text, "chars": len(item.text)}
        else:
            yield {**found, "reason": item.reason}


def _row_of_line(value: dict[str, Any], file: str, columns: Columns) -> Row | None:
    return json_row(0, value["line"].removeprefix(b"\xef\xbb\xbf"), columns) if value["line"].strip() else None


def _row_of_file(value: dict[str, Any], file: str, columns: Columns) -> Row:
    return note_row(PurePosixPath(file), value["text"], columns.max_chars)


def _row_of_csv(value: dict[str, Any], file: str, columns: Columns) -> Row:
    if value["faulty"]:
        return Row(0, fault="more or fewer columns than the first line has")
    cells = {name: None if value[name] is None else value[name].encode("ISO-8859-1") for name in ("text", "id")}
    return _row_of_cells(cells, file, columns)


def _row_of_cells(value: dict[str, Any], file: str, columns: Columns) -> Row:
    return Row(0, _decode(value["text"]), _decode(value["id"]), has_id=True)


def _decode(cell: Any) -> Any:
    """A cell, with half characters for bytes that are no UTF-8: the rules for notes refuse these."""
    return cell.decode("utf8", "surrogateescape") if isinstance(cell, bytes | bytearray) else cell


_TO_ROW: dict[str, Callable[[dict[str, Any], str, Columns], Row | None]] = {
    "jsonl": _row_of_line,
    "txt": _row_of_file,
    "csv": _row_of_csv,
    "parquet": _row_of_cells,
}
