"""Processes that work for this one; when one is gone, killed for its memory for instance, the others go on."""

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Generic, NamedTuple, TypeVar

from wasabi import msg

from scripts.cli import SIGNALS
from scripts.runtime.libc import end_with_parent

AHEAD = 2  # items that a worker is given, so that the next one is there when the first is done
Item = TypeVar("Item")
Result = TypeVar("Result")


class Lost:
    """Stands for the result of an item whose worker is gone."""


LOST = Lost()


class Worker(NamedTuple):
    """A process, and the places of the items that it was given and has not answered."""

    process: BaseProcess
    given: deque[int]


def map_in_processes(
    do: Callable[[Item], Result], items: Sequence[Item], n_process: int
) -> Generator[Result | Lost, None, None]:
    """Call a function for items in other processes. They end with this one, however it ends.

    do (Callable[[Item], Result]): Raises nothing; its results can be pickled.
    items (Sequence[Item]): What it is called with.
    n_process (int): Number of processes.
    YIELDS (Result | Lost): The result of each item in order, or LOST. Each that comes was computed once.
    """
    pool = _Pool(do, items)
    try:
        with _signals_held():
            for _ in range(min(n_process, len(items))):
                pool.start()
        yield from pool.results()
    finally:
        pool.end()


class _Pool(Generic[Item, Result]):
    """spaCy 3.8 waits forever for a process that is gone, and for the thread that fills its queue."""

    def __init__(self, do: Callable[[Item], Result], items: Sequence[Item]) -> None:
        self._do, self._items = do, items
        self._rest = deque(range(len(items)))
        self._workers: dict[Connection, Worker] = {}
        self._done: dict[int, Result | Lost] = {}

    def start(self) -> None:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=_work, args=(there, self._do, self._items), daemon=True)
        process.start()
        there.close()  # before the next one is forked, so that the end of this process is the end of the pipe
        self._workers[here] = Worker(process, deque())
        for _ in range(AHEAD):
            self._give(here)

    def results(self) -> Iterator[Result | Lost]:
        for place in range(len(self._items)):
            while place not in self._done:
                self._receive()
            yield self._done.pop(place)

    def end(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()
        for here, worker in self._workers.items():
            worker.process.join()
            here.close()
        self._workers.clear()

    def _receive(self) -> None:
        if not self._workers:
            self._done[self._rest.popleft()] = LOST
            return
        for here in wait(list(self._workers)):
            assert isinstance(here, Connection)
            try:
                result = here.recv()
            except (EOFError, OSError):
                self._lose(here)
            else:
                self._done[self._workers[here].given.popleft()] = result
                self._give(here)

    def _give(self, here: Connection) -> None:
        if self._rest:
            self._workers[here].given.append(self._rest.popleft())
            try:
                here.send(self._workers[here].given[-1])
            except OSError:
                pass  # it is gone, which is seen when its answer is read

    def _lose(self, here: Connection) -> None:
        process, given = self._workers.pop(here)
        here.close()
        process.kill()
        process.join()
        self._done.update(dict.fromkeys(given, LOST))
        msg.warn(
            f"One of the processes is gone ({_describe_end(process.exitcode)}): its notes are annotated in this one, the"
            f" others in {len(self._workers) or 'this one, too'}"
        )


def _describe_end(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    why = ", as Linux does where memory is short" if code == -signal.SIGKILL else ""
    return f"signal {-code}{why}"


def _work(there: Connection, do: Callable[[Any], Any], items: Sequence[Any]) -> None:
    """What a worker does: the place of an item comes in, its result goes out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that reads ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # by which multiprocessing ends it, if nobody has
    end_with_parent()
    try:
        while True:
            there.send(do(items[there.recv()]))
    except (EOFError, OSError):  # the one that reads is gone
        return


@contextmanager
def _signals_held() -> Iterator[None]:
    """Raise for what arrives meanwhile afterwards: what is raised within a fork is printed and lost."""
    if threading.current_thread() is not threading.main_thread():  # the only one in which signals raise
        yield
        return
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        held.append(number)

    before = {number: signal.signal(number, hold) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in held[:1]:
            signal.raise_signal(number)
