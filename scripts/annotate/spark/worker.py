"""What a worker makes of notes: annotates them with an installed pipeline. Runs without our code installed, as what is
referred to here travels with the tasks; so nothing here may lead to what cannot be pickled.
"""

import importlib
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from spacy.language import Language
from spacy.tokens import Doc

from scripts.annotate.annotation import describe, write_note
from scripts.cli import InputError
from scripts.corpus.jsonl import to_row
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.processes import annotate_alone, count_chars
from scripts.corpus.texts import Failure, Text
from scripts.corpus.writers import ParquetWriter
from scripts.runtime.cut import cut
from scripts.runtime.extensions import install_extensions

NOTES, CHARS = 500, 1_000_000  # that are annotated before they are handed on
COUNTS = ("words", "mentions", "written", "left_out", "unrated")
# `failure` says why a note has no ents; `counts` is null for what never came to the pipeline.
OUTPUT = pa.schema(
    [
        *ParquetWriter.schema,
        pa.field("failure", pa.struct({"reason": pa.string(), "at": pa.string(), "file": pa.string()})),
        pa.field("counts", pa.struct(dict.fromkeys(COUNTS, pa.int64()))),
    ]
)
_LOADED = "_medner_pipeline"


class Rows:
    """A writer that keeps its notes as values of JSON; Spark writes them."""

    suffix = ""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, note: Text, doc: Doc) -> None:
        self.rows.append(to_row(note, doc))

    def save(self, path: Path) -> None:
        raise NotImplementedError


def annotate_notes(
    batches: Iterable[pa.RecordBatch], model: str, described: dict[str, str], min_confidence: float
) -> Iterator[pa.RecordBatch]:
    """Annotate notes, of any length, and hand them on when there are enough.

    batches (Iterable[pa.RecordBatch]): With the columns `id`, `text`, `file`.
    model (str): Name of the installed pipeline.
    described (dict[str, str]): What `describe` says of it where the run was begun.
    min_confidence (float): As for `annotate_rest`.
    YIELDS (pa.RecordBatch): As `OUTPUT` says, a row a note.
    RAISES (InputError): This worker has not the same pipeline.
    """
    nlp = load_once(model, described)
    notes = (Text(row["id"], row["text"], row["file"]) for batch in batches for row in batch.to_pylist())
    for part in cut(notes, count_chars, CHARS, NOTES):
        with nlp.memory_zone():  # without it spaCy keeps every word that it has met
            rows = [_make_row(note, found, min_confidence) for note, found in annotate_alone(nlp, part)]
        yield pa.RecordBatch.from_pylist(rows, OUTPUT)


def load_once(model: str, described: dict[str, str]) -> Language:
    """The pipeline, kept for all tasks of this process, on as many cores as a task has.

    RAISES (InputError): It is not installed here, or not the same.
    """
    try:
        package = importlib.import_module(model)
        if not hasattr(package, _LOADED):  # each task has globals of its own, but modules outlive it
            install_extensions()
            nlp = load_pipeline(model)
            if describe(nlp) != described:
                raise InputError(f"{model} is another build than where the run was begun: install the same wheel.")
            setattr(package, _LOADED, nlp)
    except (ImportError, InputError) as error:
        said = str(error) if isinstance(error, InputError) else f"{model} is not installed, or lacks {error.name}."
        raise InputError(f"On the worker {socket.gethostname()}: {said}") from None
    context = TaskContext.get()
    if context and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(context.cpus())
    return getattr(package, _LOADED)


def _make_row(note: Text, found: Doc | Failure, min_confidence: float) -> dict[str, Any]:
    writer = Rows()
    done = found if isinstance(found, Failure) else write_note(writer, note, found, min_confidence)
    if isinstance(done, Failure):
        why = {"reason": done.reason, "at": done.at, "file": done.file}
        return {"id": done.id, "failure": why, "counts": dict.fromkeys(COUNTS, 0)}
    return {**writer.rows[0], "counts": {name: getattr(done, name) for name in COUNTS}}
