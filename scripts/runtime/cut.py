"""A stream cut into parts."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc

Item = TypeVar("Item")
TOKENS = 2048  # with which a batch ends


def split(stream: Iterable[Item], count: int) -> Iterator[Iterator[Item]]:
    """Split a stream into parts of so many items, of which none is taken before it is asked for.

    Each part has to be read to its end before the next one.
    """
    items = iter(stream)
    for first in items:
        yield chain([first], islice(items, count - 1))


def cut(
    stream: Iterable[Item], size: Callable[[Item], int], limit: int, most: int | None = None
) -> Iterator[list[Item]]:
    """Cut a stream into lists, and take no more of it than the list that is next.

    size (Callable): The size of an item.
    limit (int): A list ends once its items have this size together.
    most (int | None): It also ends once it has so many items.
    """
    items: list[Item] = []
    total = 0
    for item in stream:
        items.append(item)
        total += size(item)
        if total >= limit or len(items) == most:
            yield items
            items, total = [], 0
    if items:
        yield items


def annotate_batches(component: TrainablePipe, stream: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
    """What spaCy's TrainablePipe does with a stream, but a batch also ends once it has `TOKENS` tokens, so that long
    notes do not wait for others. A batch that fails is left to the error handler, and left out if that raises nothing.
    """
    for part in split(stream, batch_size):
        for docs in cut(part, len, TOKENS):
            try:
                component.set_annotations(docs, component.predict(docs))
            except Exception as error:
                component.get_error_handler()(component.name, component, docs, error)
            else:
                yield from docs
