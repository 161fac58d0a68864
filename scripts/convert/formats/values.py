"""The values of JSON and JSON Lines files, each with its line; an outermost list is as good as a value a line."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from scripts.archives import File, decode
from scripts.cli import InputError

_START = 2**20  # bytes in which the first value of most files ends
_MOST_DIGITS = 18
_BLANKS = re.compile(r"[\ufeff \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_LIST = re.compile(r'[\ufeff \t\r\n]*\[[ \t\r\n]*(?!")')  # a list that begins with a string is a value itself


class Value(NamedTuple):
    """A value and the 1-based line on which it begins."""

    line: int
    value: Any


def read_values(file: File) -> Iterator[Value]:
    """All values of a file.

    RAISES (InputError): It is not UTF-8, or no JSON.
    """
    text = decode(file)
    line, counted = 1, 0
    try:
        for place, value in _values(text):
            line += text.count("\n", counted, place)
            counted = place
            yield Value(line, value)
    except json.JSONDecodeError as error:
        number = text.count("\n", 0, error.pos) + 1
        raise InputError(f"{file.path}, line {number}: damaged JSON; write the file again.") from None


def begins_json(file: File) -> bool:
    return file.data[:100].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def first_value(file: File) -> Any:
    """The first value of a file, to tell what it is, by its beginning if that will do; None if it is no JSON."""
    if not begins_json(file):
        return None
    for size in (_START, len(file.data)):
        try:
            _, value = next(_values(file.data[:size].decode("utf8", "ignore")), (0, None))
            return value
        except json.JSONDecodeError:
            continue
    return None


def _values(text: str) -> Iterator[tuple[int, Any]]:
    decoder = json.JSONDecoder(parse_int=_int)
    opening = _LIST.match(text)
    place = opening.end() if opening else _end(_BLANKS, text, 0)
    while place < len(text):
        if opening and text[place] == "]":
            if text[place + 1 :].strip():
                raise json.JSONDecodeError("more after the list", text, place + 1)
            return
        try:
            value, end = decoder.raw_decode(text, place)
        except RecursionError:
            raise json.JSONDecodeError("too deep", text, place) from None
        yield place, value
        place = _end(_BETWEEN if opening else _BLANKS, text, end)
    if opening:
        raise json.JSONDecodeError("a list without an end", text, len(text))


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None  # int takes thousands of them for an error


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place
