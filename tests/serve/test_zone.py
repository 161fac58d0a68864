"""Words of notes are forgotten, however many threads read, and never under a thread that reads."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.serve import zone as zones
from scripts.serve.zone import SharedZone
from tests.serving import make_pipeline


def test_words_are_forgotten_when_the_last_thread_leaves():
    nlp = make_pipeline()
    shared, inside, leave = SharedZone(nlp), threading.Event(), threading.Event()

    def read_beside() -> None:
        with shared.reading(1):
            nlp("beside zorblattin")
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=read_beside)
    with shared.reading(1):
        thread.start()
        assert inside.wait(30)
        nlp("quendrick")
        assert "quendrick" in nlp.vocab.strings and "zorblattin" in nlp.vocab.strings
    assert "quendrick" in nlp.vocab.strings  # the other one reads still
    leave.set()
    thread.join()
    assert "quendrick" not in nlp.vocab.strings and "zorblattin" not in nlp.vocab.strings
    with shared.reading(1):
        assert nlp("She has chest pain .").ents


def test_a_thread_waits_once_much_was_read_until_the_zone_is_a_new_one(monkeypatch):
    monkeypatch.setattr(zones, "MOST_CHARS", 10)
    nlp = make_pipeline()
    shared, entered = SharedZone(nlp), threading.Event()

    def come() -> None:
        with shared.reading(1):
            assert "quendrick" not in nlp.vocab.strings
            entered.set()

    thread = threading.Thread(target=come)
    with shared.reading(10):
        nlp("quendrick")
        thread.start()
        assert not entered.wait(0.3)
    thread.join(30)
    assert entered.is_set()


def test_what_fails_in_a_zone_leaves_it():
    nlp = make_pipeline()
    shared = SharedZone(nlp)
    try:
        with shared.reading(1):
            nlp("quendrick")
            raise LookupError
    except LookupError:
        pass
    assert "quendrick" not in nlp.vocab.strings


@contextmanager
def switching_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_threads_add_no_word_twice():
    """spaCy's table of words breaks if they do, after some thousands of times."""
    nlp = make_pipeline()
    SharedZone(nlp)
    texts = [" ".join(f"zorblattin{number}x{word}" for word in range(50)) for number in range(200)]
    threads = [threading.Thread(target=lambda: list(map(nlp.make_doc, texts)), daemon=True) for _ in range(4)]
    with switching_threads_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert len(nlp.vocab) == len(list(nlp.vocab)) > 10_000


def test_short_notes_do_not_wait_for_a_long_one_nor_a_long_one_for_ever(monkeypatch):
    monkeypatch.setattr(zones, "MOST_CHARS", 10)
    nlp = make_pipeline()
    shared, entered = SharedZone(nlp), threading.Event()

    def come(long: bool) -> None:
        with shared.reading(1, long):
            entered.set()

    def come_often() -> None:
        for _ in range(20):  # far beyond what one zone reads
            with shared.reading(2):
                pass

    with shared.reading(50, long=True):
        short = threading.Thread(target=come_often)
        short.start()
        short.join(30)
        assert not short.is_alive()
        another = threading.Thread(target=come, args=(True,))
        another.start()
        assert not entered.wait(0.3)
    another.join(30)
    assert entered.is_set()
    entered.clear()
    with shared.reading(10):  # without a long one, others wait for a new zone, so that a long one gets in as well
        another = threading.Thread(target=come, args=(False,))
        another.start()
        assert not entered.wait(0.3)
    another.join(30)
    assert entered.is_set()
