"""A stream cut into lists."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


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
