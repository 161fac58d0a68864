"""What annotated notes are written as: one writer a format, each keeps the notes of a shard and saves them at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import srsly
from spacy.tokens import Doc, DocBin

from scripts.corpus.brat import ann_lines, safe_name
from scripts.corpus.conll import rows
from scripts.corpus.docs import DOCBIN_ATTRS, NOTE_ID
from scripts.corpus.jsonl import to_row
from scripts.corpus.texts import Text
from scripts.runtime.extensions import NAMES


class Writer(Protocol):
    """Keeps notes until they are saved together.

    suffix (str): Of the file that is saved; "" for a folder.
    """

    suffix: str

    def add(self, note: Text, doc: Doc) -> None:
        """Keep what is written of an annotated note, whole or, if it raises, not at all."""
        ...

    def save(self, path: Path) -> None:
        """Write all notes to a new file, or into an empty folder."""
        ...


class JsonlWriter:
    """A JSON object a line: id, text and, under spaCy's names, ents."""

    suffix = ".jsonl"

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, note: Text, doc: Doc) -> None:
        self._lines.append(f"{srsly.json_dumps(to_row(note, doc))}\n")

    def save(self, path: Path) -> None:
        with path.open("w", encoding="utf8", newline="") as file:
            file.writelines(self._lines)


class ParquetWriter:
    """A row a note, just as JsonlWriter has them; notes without mentions are rows as well."""

    suffix = ".parquet"
    schema = pa.schema(
        {
            "id": pa.string(),
            "text": pa.string(),
            "ents": pa.list_(
                pa.struct(
                    {
                        "start": pa.int64(),
                        "end": pa.int64(),
                        "label": pa.string(),
                        "text": pa.string(),
                        "confidence": pa.float64(),
                        "assertion": pa.string(),
                        "assertion_probability": pa.float64(),
                    }
                )
            ),
        }
    )

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def add(self, note: Text, doc: Doc) -> None:
        self._rows.append(to_row(note, doc))

    def save(self, path: Path) -> None:
        pq.write_table(pa.Table.from_pylist(self._rows, self.schema), path, compression="zstd")


class ConllWriter:
    """Token and IOB2 tag a line, as `export` writes them.

    assertions (bool): Whether there is a third column, of what is said of the mentions.
    """

    suffix = ".conll"

    def __init__(self, assertions: bool = False) -> None:
        self._assertions = assertions
        self._notes: list[str] = []

    def add(self, note: Text, doc: Doc) -> None:
        self._notes.append("".join(f"{row}\n" for row in rows(doc, note.id, self._assertions)))

    def save(self, path: Path) -> None:
        with path.open("w", encoding="utf8", newline="") as file:
            file.writelines(self._notes)


class SpacyWriter:
    """A DocBin, as `convert` and `evaluate` write it.

    The note's id is in `doc.user_data["note_id"]`, what is said of a mention in its extensions.
    """

    suffix = ".spacy"

    def __init__(self) -> None:
        self._docs = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)

    def add(self, note: Text, doc: Doc) -> None:
        # The rest of the user data may be the output of the encoder, hundreds of times as large as the note.
        doc.user_data = {NOTE_ID: note.id, **_extensions(doc)}
        # DocBin.add may raise half-way.
        self._docs.merge(DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=[doc]))

    def save(self, path: Path) -> None:
        self._docs.to_disk(path)


class BratWriter:
    """A folder of pairs X.txt and X.ann; the text is kept byte for byte."""

    suffix = ""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, str, str]] = []

    def add(self, note: Text, doc: Doc) -> None:
        annotations = "".join(f"{line}\n" for line in ann_lines(note.text, doc))
        self._pairs.append((safe_name(note.id), note.text, annotations))

    def save(self, path: Path) -> None:
        for name, text, annotations in self._pairs:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            for suffix, content in ((".txt", text), (".ann", annotations)):
                # Two names may be one to a file system that takes no notice of case: never overwrite.
                with (path / f"{name}{suffix}").open("xb") as file:
                    file.write(content.encode("utf8"))


WRITERS: dict[str, Callable[..., Writer]] = {
    "brat": BratWriter,
    "jsonl": JsonlWriter,
    "conll": ConllWriter,
    "spacy": SpacyWriter,
    "parquet": ParquetWriter,
}


def _extensions(doc: Doc) -> dict[Any, Any]:
    """What of a Doc's user data are values of its mentions' extensions, under the keys that spaCy keeps them by."""
    keys = {("._.", name, ent.start_char, ent.end_char) for ent in doc.ents for name in NAMES}
    return {key: value for key, value in doc.user_data.items() if key in keys}
