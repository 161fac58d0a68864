"""What a worker makes of notes: annotates them with an installed pipeline. Runs without our code installed."""

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

from scripts.annotate.annotation import annotate_shard, describe
from scripts.annotate.shards import Totals
from scripts.cli import InputError
from scripts.corpus.jsonl import to_row
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.processes import count_chars
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
    """A writer that keeps its notes as values of JSON."""

    suffix = ""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, note: Text, doc: Doc) -> None:
        self.rows.append(to_row(note, doc))

    def save(self, path: Path) -> None:
        raise NotImplementedError  # Spark writes them


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
    for shard in cut(notes, count_chars, CHARS, NOTES):
        writer = Rows()
        done = list(annotate_shard(nlp, shard, writer, n_process=1, min_confidence=min_confidence))
        rows = iter(writer.rows)
        yield pa.RecordBatch.from_pylist([_failed(each) if isinstance(each, Failure) else {**next(rows), "counts":
            _counts(each)} for each in done], OUTPUT)  # fmt: skip


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


def _failed(failure: Failure) -> dict[str, Any]:
    why = {"reason": failure.reason, "at": failure.at, "file": failure.file}
    return {"id": failure.id, "failure": why, "counts": dict.fromkeys(COUNTS, 0)}


def _counts(totals: Totals) -> dict[str, int]:
    return {name: getattr(totals, name) for name in COUNTS}
