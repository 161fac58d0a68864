"""Work in other processes: each item once and in order, whichever process is killed, and nothing is left behind."""

import multiprocessing
import os
import random
import signal
import threading
import time

import pytest

from scripts.cli import SIGNALS
from scripts.corpus.workers import AHEAD, LOST, map_in_processes

PARENT = os.getpid()


def double(number: int) -> tuple[int, int]:
    return 2 * number, os.getpid()


def double_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def slow(number: int) -> int:
    time.sleep(0.01)
    return number


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_order_from_other_processes(count):
    results = list(map_in_processes(double, range(count), 3))
    assert [result[0] for result in results] == [2 * number for number in range(count)]
    assert PARENT not in {result[1] for result in results}
    assert len({result[1] for result in results}) <= 3
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("n_process", [1, 2, 4])
def test_what_a_killed_process_had_is_lost_and_nothing_else(n_process, capsys):
    for place in range(12):
        items = [-1 if number == place else number for number in range(12)]
        results = list(map_in_processes(double_or_die, items, n_process))
        lost = [number for number, result in enumerate(results) if result is LOST]
        assert place in lost and (n_process == 1 or len(lost) <= AHEAD)
        assert all(result == 2 * number for number, result in enumerate(results) if result is not LOST)
    assert capsys.readouterr().out.count("One of the processes is gone (signal 9, as Linux does") == 12


def test_when_all_processes_are_gone_everything_comes_back_as_lost(capsys):
    assert list(map_in_processes(double_or_die, [-1] * 20, 2)) == [LOST] * 20


def test_a_process_that_is_killed_while_it_sends_is_lost():
    given = map_in_processes(bytes, [30_000_000] * 9, 2)  # more than a pipe holds, so that sending waits for reading
    assert next(given) == bytes(30_000_000)
    for process in multiprocessing.active_children():
        process.kill()
    assert all(result is LOST or result == bytes(30_000_000) for result in given)


def test_processes_end_with_a_reader_that_stops_early():
    given = map_in_processes(double, range(50), 2)
    next(given)
    assert len(multiprocessing.active_children()) == 2
    given.close()
    assert not multiprocessing.active_children()


def test_random_kills_from_outside_end_no_run():
    for seed in range(20):
        chance, done = random.Random(seed), threading.Event()

        def kill(chance=chance, done=done) -> None:
            while not done.wait(chance.uniform(0, 0.02)):
                for process in multiprocessing.active_children():
                    if chance.random() < 0.2:
                        process.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            results = [result for result in map_in_processes(double, range(300), 2)]
        finally:
            done.set()
            thread.join()
        assert len(results) == 300
        assert all(result is LOST or result[0] == 2 * number for number, result in enumerate(results))


def test_ctrl_c_that_reaches_all_processes_ends_no_worker():
    given = map_in_processes(slow, range(1000), 2)
    next(given)
    for process in multiprocessing.active_children():
        os.kill(process.pid or 0, signal.SIGINT)
    assert [next(given) for _ in range(20)] == list(range(1, 21))
    given.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_processes_start_is_raised_for_afterwards(number, monkeypatch):
    class Came(Exception):
        pass

    def come(*_) -> None:
        raise Came

    def start(process) -> None:
        os.kill(os.getpid(), number)
        started.append(process)
        begin(process)

    started, begin = [], multiprocessing.Process.start
    monkeypatch.setattr(multiprocessing.Process, "start", start)
    before = signal.signal(number, come)
    try:
        with pytest.raises(Came):
            list(map_in_processes(slow, range(1000), 2))
        assert len(started) == 2
        assert not multiprocessing.active_children()
        assert signal.getsignal(number) is come
    finally:
        signal.signal(number, before)
