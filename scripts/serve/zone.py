"""A memory zone of spaCy's that several threads share, so that a pipeline forgets the words of notes."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from spacy.language import Language

MOST_CHARS = 2_000_000  # read in one zone: its words take some tens of megabytes


class SharedZone:
    """What a pipeline keeps of the notes' words is dropped when no thread reads any more.

    A zone that is closed frees words that a thread beside may still point to, so it is closed by the last one that
    leaves; if there is always one, threads that come wait for that once `MOST_CHARS` have been read.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp
        self._turn = threading.Condition()
        self._readers = self._chars = 0
        self._zone: AbstractContextManager[Any] | None = None

    @contextmanager
    def reading(self, chars: int) -> Iterator[None]:
        """Read so many characters within the zone; what comes of them may not leave it but as plain values."""
        with self._turn:
            self._turn.wait_for(lambda: self._chars < MOST_CHARS)
            if self._zone is None:
                self._zone = self._nlp.memory_zone()
                self._zone.__enter__()
            self._readers += 1
            self._chars += chars
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                if not self._readers and self._zone is not None:
                    zone, self._zone, self._chars = self._zone, None, 0
                    zone.__exit__(None, None, None)
                    self._turn.notify_all()
