"""Words of notes are forgotten, however many threads read, and never under a thread that reads."""

import threading

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
