"""The threads of a pipeline: what is asked of them comes back, or is computed by who asks."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch

from scripts.runtime.cores import Cores
from tests.paths import ROOT

# A program that ends while a stream is not read to its end, and one whose last thread goes on reading.
LEFT = """
import sys, threading, time
from scripts.runtime.cores import Cores
import torch

torch.set_num_threads(2)
cores = Cores()

def slow(number):
    time.sleep(0.01)
    print(number, flush=True)
    return number

def read(tasks):
    threading.main_thread().join()
    print("sum", sum(task.result() for task in tasks), "and", cores.submit([lambda: 7])[0].result())

from functools import partial
tasks = cores.submit([partial(slow, number) for number in range(1000)])
if "reader" in sys.argv:
    threading.Thread(target=read, args=(tasks[-3:],)).start()
"""


@pytest.fixture(params=[2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def results(tasks: list[Any]) -> list[Any]:
    return [task.result() for task in tasks]


def where() -> tuple[int, int]:
    return threading.get_ident(), torch.get_num_threads()


def wait_all(barrier: threading.Barrier) -> tuple[int, int]:
    barrier.wait(30)
    return where()


def test_each_thread_has_one_core_and_others_keep_theirs(threads: int):
    cores, barrier = Cores(), threading.Barrier(threads)
    seen = set(results(cores.submit([partial(wait_all, barrier)] * threads)))
    assert len(seen) == threads
    assert {number for _, number in seen} == {1}
    assert threading.get_ident() not in dict(seen)
    assert torch.get_num_threads() == threads
    of_new_thread: list[int] = []
    thread = threading.Thread(target=lambda: of_new_thread.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert of_new_thread == [threads]


def test_threads_outlive_what_they_compute_and_end_with_their_owner(threads: int):
    before = set(threading.enumerate())
    cores, started = Cores(), set()
    for _ in range(3):
        assert results(cores.submit([partial(int, number) for number in range(20)])) == list(range(20))
        started |= set(threading.enumerate()) - before
    assert len(started) == threads and all(thread.is_alive() for thread in started)
    del cores
    gc.collect()
    for thread in started:
        thread.join(30)
    assert not any(thread.is_alive() for thread in started)


def test_a_change_of_torchs_threads_is_followed(threads: int):
    cores = Cores()
    results(cores.submit([int]))
    torch.set_num_threads(threads + 1)
    barrier = threading.Barrier(threads + 1)
    assert len(set(results(cores.submit([partial(wait_all, barrier)] * (threads + 1))))) == threads + 1


def test_several_submit_at_once(threads: int):
    cores, wrong = Cores(), []

    def work(shift: int) -> None:
        for _ in range(20):
            found = results(cores.submit([partial(int, shift + number) for number in range(9)]))
            wrong.extend(number for number, value in enumerate(found) if value != shift + number)

    workers = [threading.Thread(target=work, args=(100 * number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_an_error_is_that_of_its_task_alone(threads: int):
    good, bad, last = Cores().submit([int, partial(int, "pain"), int])
    assert (good.result(), last.result()) == (0, 0)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            bad.result()


def test_what_nobody_waits_for_is_not_computed(threads: int):
    cores, computed, go = Cores(), [], threading.Event()
    first = cores.submit([partial(go.wait, 30)] * threads)
    dropped = cores.submit([partial(computed.append, number) for number in range(9)])
    kept = cores.submit([partial(computed.append, "kept")])
    del dropped
    go.set()
    results(first + kept)
    assert computed == ["kept"]


def test_threads_that_wait_take_turns(threads: int):
    """A request of one note does not wait for all of a long stream."""
    cores, go, order = Cores(), threading.Event(), []
    running = cores.submit([partial(go.wait, 30)] * threads)
    bulk = cores.submit([partial(order.append, "bulk")] * 50)
    small: list[Any] = []
    other = threading.Thread(target=lambda: small.extend(cores.submit([partial(order.append, "small")])))
    other.start()
    other.join()
    go.set()
    results(running + bulk + small)
    assert order.index("small") < 2 * threads + 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda cores: pickle.loads(pickle.dumps(cores))])
def test_a_copy_has_threads_of_its_own(threads: int, copied: Callable[[Cores], Cores]):
    cores = Cores()
    one = results(cores.submit([where]))
    assert dict(one).keys().isdisjoint(dict(results(copied(cores).submit([where]))))


def test_a_pause_waits_for_what_is_computed_and_lets_nothing_begin(threads: int):
    cores, begun, go, order = Cores(), threading.Event(), threading.Event(), []
    running = cores.submit([lambda: begun.set() or go.wait(30)])
    assert begun.wait(30)
    threading.Timer(0.05, go.set).start()
    cores.pause()
    assert running[0]._done
    waiting = cores.submit([partial(order.append, "computed")])
    order.append("paused")
    cores.resume()
    results(waiting)
    assert order == ["paused", "computed"]


def test_a_program_ends_without_the_rest_of_what_it_left():
    done = subprocess.run([sys.executable, "-c", LEFT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) < 500
    assert not done.stderr


def test_a_thread_that_outlives_the_program_computes_itself():
    done = subprocess.run([sys.executable, "-c", LEFT, "reader"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"sum {997 + 998 + 999} and 7"
    assert not done.stderr
