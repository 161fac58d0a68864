"""What a pipeline does with a stream of notes: some are encoded while the components behind work on those before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy_transformers.pipeline_component import Transformer

from . import registered
from .cut import cut
from .libc import give_back_memory
from .shim import encoder_shim, has_encoder

AHEAD = 2  # batches that are with the encoder when one before them is handed on


@registry.callbacks(registered("medner.ReadAhead.v1"))
def create_read_ahead() -> Callable[[Language], Language]:
    """For `after_pipeline_creation`: our encoder takes notes from `nlp.pipe` ahead of the components behind it.

    Notes are encoded together until they have `max_batch_items` tokens, however many they are, so a stream is read up
    to three times `max_batch_items` tokens ahead of these. What comes out, and in which order, stays the same.
    """

    def read_ahead(nlp: Language) -> Language:
        for _, component in nlp.components:
            if isinstance(component, Transformer) and has_encoder(component.model):
                component.pipe = partial(pipe, component)  # type: ignore[method-assign]
        return nlp

    return read_ahead


def pipe(transformer: Transformer, stream: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
    """In place of spacy-transformers' `Transformer.pipe`, whose arguments it takes; `batch_size` is not used."""
    begun: deque[tuple[list[Doc], Any]] = deque()
    with encoder_shim(transformer.model).by_cores():
        for docs in cut(stream, count_tokens, transformer.cfg["max_batch_items"]):
            begun.append((docs, transformer.predict(docs)))
            if len(begun) > AHEAD:
                yield from _finish(transformer, *begun.popleft())
        while begun:
            yield from _finish(transformer, *begun.popleft())


def count_tokens(doc: Doc) -> int:
    """The tokens of a note; one without any counts as one, so that not all of these are read at once."""
    return max(1, len(doc))


def _finish(transformer: Transformer, docs: list[Doc], vectors: Any) -> list[Doc]:
    transformer.set_annotations(docs, vectors)
    give_back_memory()
    return docs
