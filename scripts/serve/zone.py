"""A pipeline's words when several threads read: added by one thread at a time, and forgotten when nobody reads."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from scripts.runtime.libc import give_back_memory

MOST_CHARS = 2_000_000  # read in one zone: its words take some tens of megabytes
WHILE_LONG = 10  # times as many while a long note is read, so that others need not wait for it


class OneAtATime:
    """A tokenizer that cuts one text at a time.

    Two threads that add the same word to spaCy's vocabulary may add it twice, between two calls of Python; a zone then
    frees it twice, and after some thousands of times its table of words never ends a search (spaCy 3.8, preshed 3.0).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._turn = tokenizer, threading.Lock()

    def __call__(self, text: str) -> Doc:
        with self._turn:
            return self._tokenizer(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)


class SharedZone:
    """What a pipeline keeps of the notes' words is dropped when no thread reads any more.

    A zone that is closed frees words that a thread beside may still point to, so it is closed by the last one that
    leaves; if there is always one, threads that come wait for that once `MOST_CHARS` have been read.

    nlp (Language): The pipeline; its tokenizer is made one for several threads.
    """

    def __init__(self, nlp: Language) -> None:
        nlp.tokenizer = OneAtATime(nlp.tokenizer)
        self._nlp = nlp
        self._turn = threading.Condition()
        self._readers = self._long = self._chars = 0
        self._zone: AbstractContextManager[Any] | None = None

    @contextmanager
    def reading(self, chars: int, long: bool = False) -> Iterator[None]:
        """Read so many characters within the zone; what comes of them may leave it only as plain values.

        long (bool): Whether it takes long, so that others do not wait until it has ended.
        """
        with self._turn:
            self._turn.wait_for(lambda: self._has_room(long))
            if self._zone is None:
                zone = self._nlp.memory_zone()
                zone.__enter__()
                self._zone = zone
            self._readers += 1
            self._long += long
            self._chars += chars
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                self._long -= long
                try:
                    if not self._readers:
                        self._close()
                finally:
                    self._turn.notify_all()

    def _has_room(self, long: bool) -> bool:
        return self._chars < MOST_CHARS * (WHILE_LONG if self._long and not long else 1)

    def _close(self) -> None:
        zone, self._zone, self._chars = self._zone, None, 0
        if zone is not None:
            zone.__exit__(None, None, None)
            give_back_memory()
