"""Vectors that are waited for."""

import threading

import numpy as np

from scripts.runtime.vectors import TokenVectors


def test_who_waits_for_vectors_does_not_hold_up_others():
    """Nor a forked child, which would wait for a lock that a thread of its parent holds."""
    go = threading.Event()
    slow = TokenVectors(lambda: [np.zeros((1, 2), "f")] if go.wait(30) else [])
    thread = threading.Thread(target=lambda: slow.vectors)
    thread.start()
    try:
        others: list[int] = []
        quick = threading.Thread(target=lambda: others.append(len(TokenVectors(list).vectors)))
        quick.start()
        quick.join(10)
        assert others == [0]
    finally:
        go.set()
        thread.join()


def test_vectors_are_found_once():
    found: list[int] = []
    vectors = TokenVectors(lambda: found.append(1) or [])
    assert vectors.vectors is vectors.vectors
    assert found == [1]
