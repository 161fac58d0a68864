"""What a pipeline does with a stream of notes: some are encoded while the components behind work on those before.

The file travels inside the packaged models, so it imports nothing of the project.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy_transformers.pipeline_component import Transformer

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
AHEAD = 2  # batches that are with the encoder when one before them is handed on


@registry.callbacks("medner.ReadAhead.v1")
def create_read_ahead() -> Callable[[Language], Language]:
    """For `after_pipeline_creation`: our encoder takes notes from `nlp.pipe` ahead of the components behind it.

    Notes are encoded together until they have `max_batch_items` tokens, however many they are, so a stream is read up
    to three times `max_batch_items` tokens ahead of these. What comes out, and in which order, stays the same.
    """

    def read_ahead(nlp: Language) -> Language:
        for _, component in nlp.components:
            if isinstance(component, Transformer) and component.model.name == "medner-transformer":
                component.pipe = partial(pipe, component)  # type: ignore[method-assign]
        return nlp

    return read_ahead


def pipe(transformer: Transformer, stream: Iterable[Doc], *, batch_size: int) -> Iterator[Doc]:
    """In place of spacy-transformers' `Transformer.pipe`, whose arguments it takes; `batch_size` is not used."""
    begun: deque[tuple[list[Doc], Any]] = deque()
    shim: Any = transformer.model.shims[0]
    with shim.by_cores():
        for docs in batch_by_tokens(stream, transformer.cfg["max_batch_items"]):
            begun.append((docs, transformer.predict(docs)))
            if len(begun) > AHEAD:
                yield from _finish(transformer, *begun.popleft())
        while begun:
            yield from _finish(transformer, *begun.popleft())


def _finish(transformer: Transformer, docs: list[Doc], vectors: Any) -> list[Doc]:
    transformer.set_annotations(docs, vectors)
    give_back_memory()
    return docs


def give_back_memory() -> None:
    """Let the system have what is freed. glibc keeps it, and as batches have ever new shapes it would pile up."""
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)


def batch_by_tokens(stream: Iterable[Doc], size: int) -> Iterator[list[Doc]]:
    """Cut a stream into lists that end once they have `size` tokens; a note without any counts as one."""
    docs, tokens = [], 0
    for doc in stream:
        docs.append(doc)
        tokens += max(1, len(doc))
        if tokens >= size:
            yield docs
            docs, tokens = [], 0
    if docs:
        yield docs
