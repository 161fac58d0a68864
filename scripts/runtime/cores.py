"""The cores of a CPU: threads that compute batches, each on one core, for all streams of a pipeline.

Cores that share a batch wait for each other after every product; each with a batch of its own, they do not.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakSet, ref

import torch


class Cores:
    """The threads of a pipeline, which outlive its streams. Copies of it and forked processes start their own."""

    def __init__(self) -> None:
        self._life = 0
        self.forget()
        with _starting:
            _every.add(self)

    def __reduce__(self) -> tuple:
        return Cores, ()

    def forget(self) -> None:
        """Begin again without threads; a task given before is left to whoever asks for its result."""
        self._life += 1
        self._turn = threading.Condition()
        self.lock = threading.Lock()  # of what is made once for all threads that use the pipeline
        # By the thread that waits, which take turns; weak, as what no stream waits for any more is not computed
        self._waiting: dict[int, deque[ref[Task]]] = {}
        self._workers = self._running = self._paused = self._size = 0
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, calls: Sequence[Callable[[], Any]]) -> list["Task"]:
        """Let the threads compute, in order, one call after another; there are as many as torch has set here."""
        with self._turn:
            self._start(count_threads())
            tasks = [Task(self, call, self._life if self._size else None) for call in calls]
            self._waiting.setdefault(threading.get_ident(), deque()).extend(map(ref, tasks))
            for _ in range(min(self._size - self._workers, len(tasks))):
                self._go_on()
                self._workers += 1
        return tasks

    def _start(self, size: int) -> None:
        """Start the threads and wait until each is on one core, without a change to what torch has set elsewhere."""
        if size == self._size:
            return
        executor, ready = ThreadPoolExecutor(size, initializer=compute_alone), threading.Barrier(size + 1)
        with _starting:
            try:
                for _ in range(size):
                    executor.submit(ready.wait)
                ready.wait()
                self._executor, self._size = executor, size
            except BaseException as error:
                ready.abort()
                self._end()
                if not isinstance(error, RuntimeError):  # which says that the interpreter ends and starts no thread
                    raise
            finally:
                torch.set_num_threads(size)  # a thread yet to come computes with as many as were set last

    def _go_on(self) -> None:
        """Let a thread compute what waits first. Each time anew, so that little is left to do when a program ends."""
        executor = self._executor
        try:
            if executor is not None:
                executor.submit(self._work)
                return
        except RuntimeError:  # the interpreter ends
            pass
        with self._turn:
            self._end()

    def _end(self) -> None:
        self._life += 1
        self._executor, self._size, self._workers = None, 0, 0
        self._waiting.clear()
        self._turn.notify_all()

    def _work(self) -> None:
        with self._turn:
            self._turn.wait_for(lambda: not self._paused)
            task = self._take()
            if task is None:
                self._workers -= 1
                return
            task.running = True
            self._running += 1
        task.run()
        with self._turn:
            self._running -= 1
            self._turn.notify_all()
        self._go_on()

    def _take(self) -> "Task | None":
        while self._waiting:
            thread, tasks = next(iter(self._waiting.items()))
            del self._waiting[thread]
            task = tasks.popleft()() if tasks else None
            if tasks:
                self._waiting[thread] = tasks
            if task is not None:
                return task
        return None

    def pause(self) -> None:
        """Wait until no thread computes, and let none begin."""
        with self._turn:
            self._paused += 1
            self._turn.wait_for(lambda: not self._running)

    def resume(self) -> None:
        with self._turn:
            self._paused -= 1
            self._turn.notify_all()


_every: WeakSet[Cores] = WeakSet()
_starting = threading.RLock()


def list_cores() -> list[Cores]:
    """Those of all pipelines."""
    with _starting:
        return list(_every)


def count_threads() -> int:
    """The threads that torch has set here; not while cores start, when those of a new thread would be one for good."""
    with _starting:
        return torch.get_num_threads()


def forget_all() -> None:
    """In the child of a fork, which has none of the threads."""
    global _starting
    _starting = threading.RLock()
    for cores in list_cores():
        cores.forget()


class Task:
    """What a core is to compute. It is dropped, unless it is computed already, when nobody refers to it any more."""

    def __init__(self, cores: Cores, call: Callable[[], Any], life: int | None) -> None:
        self._cores, self._life = cores, life
        self._call: Callable[[], Any] | None = call
        self.running = self._done = False
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Call once, and keep what comes of it."""
        assert self._call is not None
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        self._call, self._done = None, True

    def result(self) -> Any:
        """Wait for the result; compute it here if no thread is going to, as after a fork.

        RAISES (BaseException): What the call raised.
        """
        with self._cores._turn:
            self._cores._turn.wait_for(self._is_decided)
        if not self._done:
            self.run()
        if self._error is not None:
            raise self._error
        return self._value

    def _is_decided(self) -> bool:
        return self._done or (self._life != self._cores._life and not self.running)


def compute_alone() -> None:
    """Let torch compute with one core in this thread.

    torch 2.13 sets the number again when a thread asks for the first time, to the one that was set last in any.
    """
    torch.set_num_threads(1)
    torch.get_num_threads()
