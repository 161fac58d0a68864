"""What waits, by who asked for it: who asks for much does not keep others waiting."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """A queue of queues, one for each who asks; they take turns, an item each.

    size (Callable): The size of an item.
    is_wanted (Callable): Whether anybody waits for it still.
    """

    def __init__(self, size: Callable[[Item], int], is_wanted: Callable[[Item], bool]) -> None:
        self._size, self._is_wanted = size, is_wanted
        self._queues: dict[Hashable, deque[Item]] = {}

    def add(self, who: Hashable, item: Item) -> None:
        self._queues.setdefault(who, deque()).append(item)

    def take(self, limit: int, most: int) -> list[Item]:
        """Take what is due.

        limit (int): The size of all together that ends the list; one item is taken however large it is.
        most (int): How many items at most.
        RETURNS (list): The items that are still wanted; empty if nothing waits.
        """
        taken: list[Item] = []
        total = 0
        while self._queues and total < limit and len(taken) < most:
            who, queue = next(iter(self._queues.items()))
            del self._queues[who]
            item = queue.popleft()
            if queue:
                self._queues[who] = queue  # behind the others
            if self._is_wanted(item):
                taken.append(item)
                total += self._size(item)
        return taken

    def __bool__(self) -> bool:
        return bool(self._queues)
