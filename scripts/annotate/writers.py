"""What annotated notes are written as: one writer a format, each keeps the notes of a shard and saves them at once."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from scripts.corpus.conll import rows
from scripts.corpus.docs import DOCBIN_ATTRS, NOTE_ID
from scripts.corpus.note import Fragment
from scripts.corpus.texts import Text
from scripts.runtime.extensions import NAMES

ATTRIBUTE = "Assertion"  # its name in brat
# Where str.splitlines, with which brat reads, ends a line; no quote may hold one of them.
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_UNSAFE = re.compile(r"[^\w .+=@,()\[\]~#&-]")  # of a file's name
_LONGEST_PART, _LONGEST_PATH = 200, 1000  # bytes; file systems take 255 for a name


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


def to_row(note: Text, doc: Doc) -> dict[str, Any]:
    """A note as a value of JSON; `start` and `end` are characters of the text, 0-based and end-exclusive."""
    return {
        "id": note.id,
        "text": note.text,
        "ents": [
            {
                "start": ent.start_char,
                "end": ent.end_char,
                "label": ent.label_,
                "text": ent.text,
                **{name: ent._.get(name) for name in NAMES},
            }
            for ent in doc.ents
        ],
    }


def _extensions(doc: Doc) -> dict[Any, Any]:
    """What of a Doc's user data are values of the mentions' extensions, under the keys that spaCy keeps them by."""
    keys = (key for key in doc.user_data if isinstance(key, tuple) and key[:1] == ("._.",) and key[1] in NAMES)
    return {key: doc.user_data[key] for key in keys}


def ann_lines(text: str, doc: Doc) -> Iterator[str]:
    """The lines of a brat annotation file, that of a mention before that of its assertion.

    RAISES (ValueError): A mention is nothing but blanks, which brat cannot hold.
    """
    for number, ent in enumerate(doc.ents, start=1):
        fragments = list(cut_lines(text, (ent.start_char, ent.end_char)))
        if not fragments:
            raise ValueError("a mention of blanks")
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        quote = " ".join(text[start:end] for start, end in fragments)
        yield f"T{number}\t{brat_type(ent.label_)} {offsets}\t{quote}"
        if ent._.assertion:
            yield f"A{number}\t{ATTRIBUTE} T{number} {brat_type(ent._.assertion)}"


def cut_lines(text: str, mention: Fragment) -> Iterator[Fragment]:
    """The parts of a mention between line ends, without the blanks beside these, as brat cuts a selection."""
    start, end = mention
    cuts = [match.span() for match in _LINE_ENDS.finditer(text, start, end)]
    for left, right in zip([start, *(cut[1] for cut in cuts)], [*(cut[0] for cut in cuts), end], strict=True):
        part = text[left:right]
        if left > start:
            left += len(part) - len(part.lstrip())
        if right < end:
            right -= len(part) - len(part.rstrip())
        if left < right and part.strip():
            yield left, right


def brat_type(label: str) -> str:
    """A label as the name of a type, or an assertion as a value; brat takes no blanks there."""
    return re.sub(r"\s+", "_", label)


def brat_config(nlp: Language) -> str:
    """The annotation.conf without which brat does not know the labels and the assertions of a pipeline."""
    types, values = _names(nlp, "doc.ents"), _names(nlp, "span._.assertion")
    attributes = [f"{ATTRIBUTE}\tArg:<ENTITY>, Value:{'|'.join(values)}"] if values else []
    return "\n".join(["[entities]", *types, "", "[relations]", "", "[events]", "", "[attributes]", *attributes, ""])


def _names(nlp: Language, assigned: str) -> list[str]:
    """What the components of a pipeline that assign something can give."""
    givers = [name for name in nlp.pipe_names if assigned in nlp.get_pipe_meta(name).assigns]
    return sorted({brat_type(label) for name in givers for label in nlp.pipe_labels.get(name, [])})


def safe_name(note_id: str) -> str:
    """The path of a note's files below their folder, without suffix; no two ids have the same.

    Plain ids are their own path. Elsewhere characters become %XX, as in web addresses, so that nothing leads out of the
    folder, hides a file from our readers, or is a file and a folder at once.
    """
    *folders, leaf = note_id.split("/")
    parts = [*(_safe_part(re.sub(r"\.(?=(?:txt|ann)$)", "\0", part, flags=re.I)) for part in folders), _safe_part(leaf)]
    if any(len(part.encode("utf8")) > _LONGEST_PART for part in parts) or len("/".join(parts).encode()) > _LONGEST_PATH:
        # An escape has digits and capitals behind its sign, so no other name holds "%-".
        return f"{_safe_part(leaf)[:40]}%-{hashlib.sha256(note_id.encode('utf8')).hexdigest()}"
    return str(PurePosixPath(*parts))


def _safe_part(part: str) -> str:
    if not part:
        return "%"
    part = _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf8")), part)
    hides = part.startswith(".") or part == "__MACOSX"
    return f"%{ord(part[0]):02X}{part[1:]}" if hides else part
