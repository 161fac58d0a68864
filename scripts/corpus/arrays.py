"""A JSON array read element by element, so that one of millions of notes takes no memory."""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

CHUNK = 2**16  # bytes read at once
BLANKS = " \t\r\n"


class BrokenArray(ValueError):
    """The array cannot be read from some line on.

    line (int): 1-based.
    """

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


class ElementTooLong(BrokenArray):
    """An element is longer than allowed."""


def read_array(stream: IO[bytes], begin: bytes, limit: int, line: int = 1) -> Iterator[tuple[int, Any]]:
    """Read the elements of an array. Bytes that are no UTF-8 become halves of surrogate pairs.

    stream (IO[bytes]): What follows `begin`.
    begin (bytes): The beginning, blanks and "[" first.
    limit (int): Characters that an element may have.
    line (int): The line of the beginning.
    YIELDS (tuple[int, Any]): The line in which each one begins, 1-based, and its value.
    RAISES (BrokenArray): What follows is no JSON, ends early, or is too long.
    """
    text = _Text(stream, begin, line)
    text.skip("[")
    if text.next() == "]":
        text.skip("]")
    else:
        while True:
            text.next()
            yield text.line, text.decode(limit)
            mark = text.next()
            text.skip(",]")
            if mark == "]":
                break
    if text.next():
        raise BrokenArray(text.line)


class _Text:
    """The text that is ahead, of which no more is kept than is needed.

    line (int): Where it begins.
    """

    def __init__(self, stream: IO[bytes], begin: bytes, line: int) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder("utf8")("surrogateescape")
        self._ahead, self._ended, self.line = self._decoder.decode(begin), False, line

    def next(self) -> str:
        """The next character that is no blank, "" at the end; the blanks before it are gone."""
        while True:
            rest = self._ahead.lstrip(BLANKS)
            self._drop(len(self._ahead) - len(rest))
            if rest or self._ended:
                return rest[:1]
            self._read(CHUNK)

    def skip(self, marks: str) -> None:
        """RAISES (BrokenArray): The next character is none of these."""
        mark = self.next()
        if not mark or mark not in marks:
            raise BrokenArray(self.line)
        self._drop(1)

    def decode(self, limit: int) -> Any:
        """The value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._ahead)
                if self._ended or self._is_whole(value, end):
                    break
            except RecursionError:
                raise BrokenArray(self.line) from None
            except ValueError:
                if self._ended:
                    raise BrokenArray(self.line) from None
            if len(self._ahead) > limit:
                raise ElementTooLong(self.line)
            self._read(max(CHUNK, len(self._ahead)))  # twice as much, as each try begins anew
        self._drop(end)
        return value

    def _is_whole(self, value: Any, end: int) -> bool:
        """Whether a value that ends there cannot go on, as a number can."""
        return end < len(self._ahead) and (not isinstance(value, int | float) or self._ahead[end] in f"{BLANKS},]")

    def _read(self, size: int) -> None:
        data = self._stream.read(size)
        self._ended = not data
        self._ahead += self._decoder.decode(data, final=self._ended)

    def _drop(self, count: int) -> None:
        self.line += self._ahead.count("\n", 0, count)
        self._ahead = self._ahead[count:]


_DECODER = json.JSONDecoder()
