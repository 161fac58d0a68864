"""Annotation of many notes, in this process or in several; a note that fails does no harm to the others."""

import ctypes
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import raise_error

from scripts.corpus.texts import Failure, Text

BATCH_NOTES, BATCH_CHARS = 64, 200_000
PROCESS_BATCH = 16  # notes that a process is given at once: each has its share of a shard
WATCH_SECONDS = 1
_PR_SET_PDEATHSIG = 1  # from Linux' prctl.h
_piping = False
_Item = TypeVar("_Item", bound="Text | Failure")


def annotate(nlp: Language, notes: Sequence[Text], n_process: int = 1) -> Iterator[tuple[Text, Doc | Failure]]:
    """Annotate notes.

    A batch in which the pipeline raises is done again note by note.

    nlp (Language): The pipeline.
    notes (Sequence[Text]): The notes.
    n_process (int): Number of processes.
    YIELDS (tuple[Text, Doc | Failure]): Each note in order, with what became of it. Of an exception the kind alone is
        told, as its message may quote the note.
    """
    if n_process > 1:
        yield from _annotate_in_processes(nlp, notes, n_process)
        return
    for batch in cut(notes, BATCH_NOTES, BATCH_CHARS):
        yield from zip(batch, _annotate_batch(nlp, batch), strict=True)


def cut(items: Iterable[_Item], most: int, most_chars: int) -> Iterator[list[_Item]]:
    """Cut a stream into lists that end at a number of items or of characters."""
    taken: list[_Item] = []
    chars = 0
    for item in items:
        taken.append(item)
        chars += len(item.text) if isinstance(item, Text) else 0
        if len(taken) >= most or chars >= most_chars:
            yield taken
            taken, chars = [], 0
    if taken:
        yield taken


def _annotate_batch(nlp: Language, batch: Sequence[Text]) -> list[Doc | Failure]:
    found: dict[int, Doc] = {}
    with suppress(Exception):
        found = {place: doc for doc, place in nlp.pipe(_numbered(batch), as_tuples=True)}
    return [found[place] if place in found else _annotate_one(nlp, note) for place, note in enumerate(batch)]


def _annotate_one(nlp: Language, note: Text) -> Doc | Failure:
    try:
        with _error_handler(nlp, raise_error):
            return nlp(note.text)
    except Exception as error:
        return Failure(note.id, note.file, note.line, f"the pipeline failed ({type(error).__name__})")


def _annotate_in_processes(
    nlp: Language, notes: Sequence[Text], n_process: int
) -> Iterator[tuple[Text, Doc | Failure]]:
    place = 0
    for doc, found in _pipe_in_processes(nlp, notes, n_process):
        for missing in notes[place:found]:
            yield missing, _annotate_one(nlp, missing)
        yield notes[found], doc
        place = found + 1
    for missing in notes[place:]:
        yield missing, _annotate_one(nlp, missing)


def _pipe_in_processes(nlp: Language, notes: Sequence[Text], n_process: int) -> Iterator[tuple[Doc, int]]:
    """The notes that succeed with their places, in order; spaCy leaves out those of a batch that fails."""
    global _piping
    _piping = True
    try:
        with _error_handler(nlp, _leave_out), _watched(n_process):
            yield from nlp.pipe(_numbered(notes), as_tuples=True, n_process=n_process, batch_size=PROCESS_BATCH)
    except Exception:
        return  # a process is gone, or the text could not even be cut into tokens
    finally:
        _piping = False


@contextmanager
def _watched(n_process: int) -> Iterator[None]:
    """When one process is gone, for which spaCy 3.8 would wait for ever, end the others, so that it raises."""
    before, done = multiprocessing.active_children(), threading.Event()

    def watch() -> None:
        looks = 0
        while not done.wait(WATCH_SECONDS):
            workers = [child for child in multiprocessing.active_children() if child not in before]
            looks = looks + 1 if 0 < len(workers) < n_process else 0
            if looks > 1:  # at the first look they may be about to start, or to end
                for worker in workers:
                    worker.kill()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _numbered(notes: Sequence[Text]) -> Iterator[tuple[str, int]]:
    return ((note.text, place) for place, note in enumerate(notes))


@contextmanager
def _error_handler(nlp: Language, handler: Callable) -> Iterator[None]:
    before, nlp.default_error_handler = nlp.default_error_handler, handler
    try:
        yield
    finally:
        nlp.default_error_handler = before


def _leave_out(*_) -> None:
    """Do not raise, so that the other batches are finished."""


def _end_with_parent() -> None:
    """A process for `nlp.pipe` would wait for work for ever when the one that gives it is killed."""
    if _piping and platform.system() == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


os.register_at_fork(after_in_child=_end_with_parent)
