"""Annotation of many notes, in this process or in several; a note that fails does no harm to the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import raise_error

from scripts.corpus.failures import failure_of
from scripts.corpus.texts import Failure, Text
from scripts.corpus.workers import Lost, map_in_processes
from scripts.runtime.cut import cut

BATCH_NOTES, BATCH_CHARS = 64, 200_000
PROCESS_BATCH = 16  # notes that a process is given at once: each has its share of a shard


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
    else:
        yield from annotate_alone(nlp, notes)


def annotate_alone(nlp: Language, notes: Sequence[Text]) -> Iterator[tuple[Text, Doc | Failure]]:
    """Annotate notes in this process, as `annotate` does."""
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
    batches = list(cut(notes, lambda note: len(note.text), BATCH_CHARS, PROCESS_BATCH))
    do = partial(_annotate_packed, nlp)
    for batch, results in zip(batches, map_in_processes(do, batches, n_process), strict=True):
        if isinstance(results, Lost):
            yield from zip(batch, _annotate_batch(nlp, batch), strict=True)
            continue
        for note, result in zip(batch, results, strict=True):
            yield note, _unpack(nlp, note, result)


def _annotate_packed(nlp: Language, batch: Sequence[Text]) -> list[bytes | Failure | None]:
    """As `_annotate_batch`, packed to be sent to another process; None stands for what cannot be packed."""
    return [found if isinstance(found, Failure) else _pack(found) for found in _annotate_batch(nlp, batch)]


def _pack(doc: Doc) -> bytes | None:
    with suppress(Exception):  # a component of other makers may keep with the Doc what has no bytes
        return doc.to_bytes()
    return None


def _unpack(nlp: Language, note: Text, result: bytes | Failure | None) -> Doc | Failure:
    if result is None:
        return _annotate_one(nlp, note)
    return Doc(nlp.vocab).from_bytes(result) if isinstance(result, bytes) else result


def _numbered(notes: Sequence[Text]) -> Iterator[tuple[str, int]]:
    return ((note.text, place) for place, note in enumerate(notes))


@contextmanager
def _error_handler(nlp: Language, handler: Callable) -> Iterator[None]:
    before, nlp.default_error_handler = nlp.default_error_handler, handler
    try:
        yield
    finally:
        nlp.default_error_handler = before
