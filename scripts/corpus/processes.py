"""Annotation of many notes, in this process or in several; a note that fails does no harm to the others."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import raise_error
from wasabi import msg

from scripts.corpus.failures import failure_of, place_of
from scripts.corpus.texts import Failure, Text
from scripts.runtime.cut import cut
from scripts.runtime.libc import end_with_parent

BATCH_NOTES, BATCH_CHARS = 64, 200_000
PROCESS_BATCH = 16  # notes that a process is given at once: each has its share of a shard
WATCH_SECONDS = 1
_piping = False


def annotate(nlp: Language, notes: Sequence[Text], n_process: int = 1) -> Iterator[tuple[Text, Doc | Failure]]:
    """Annotate notes.

    A batch in which the pipeline raises is done again note by note.

    nlp (Language): The pipeline.
    notes (Sequence[Text]): The notes.
    n_process (int): Number of processes.
    YIELDS (tuple[Text, Doc | Failure]): Each note in order, with what became of it.
    """
    if n_process > 1:
        yield from _annotate_in_processes(nlp, notes, n_process)
        return
    for batch in cut(notes, lambda note: len(note.text), BATCH_CHARS, BATCH_NOTES):
        yield from zip(batch, _annotate_batch(nlp, batch), strict=True)


def annotate_items(
    nlp: Language, items: Sequence[Text | Failure], n_process: int = 1
) -> Iterator[tuple[Text | Failure, Doc | Failure]]:
    """Annotate what was read, notes and failures; when all are through, spaCy forgets their words.

    YIELDS (tuple[Text | Failure, Doc | Failure]): Each item in order, with what became of it.
    """
    # Without the zone spaCy keeps every word that it has met.
    with nlp.memory_zone():
        results = annotate(nlp, [item for item in items if isinstance(item, Text)], n_process)
        for item in items:
            yield (item, item) if isinstance(item, Failure) else next(results)


def count_chars(item: Text | Failure) -> int:
    return len(item.text) if isinstance(item, Text) else 0


def _annotate_batch(nlp: Language, batch: Sequence[Text]) -> list[Doc | Failure]:
    found: dict[int, Doc] = {}
    with suppress(Exception):  # it is raised again for the note at fault, and recorded
        found = {place: doc for doc, place in nlp.pipe(_numbered(batch), as_tuples=True)}
    return [found[place] if place in found else _annotate_one(nlp, note) for place, note in enumerate(batch)]


def _annotate_one(nlp: Language, note: Text) -> Doc | Failure:
    try:
        with _error_handler(nlp, raise_error):
            return nlp(note.text)
    except Exception as error:
        return failure_of(note, "the pipeline failed", error)


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
    except Exception as error:  # a process is gone, or a text could not even be cut into tokens
        place = f"{type(error).__name__}, {place_of(error)}"
        msg.warn(f"The processes ended early ({place}): what is left of this shard is annotated in one.")
    finally:
        _piping = False


@contextmanager
def _watched(n_process: int) -> Iterator[None]:
    """When one process is gone, for which spaCy 3.8 would wait forever, end the others, so that it raises."""
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


def _after_fork_in_child() -> None:
    """A process for `nlp.pipe` would wait for work forever when the one that gives it is killed."""
    if _piping:
        end_with_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
