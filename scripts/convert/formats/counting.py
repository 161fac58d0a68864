"""How offsets count the characters of a text: as it is stored, or as another tool or system has it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from scripts.corpus.note import Fragment

_UNITS = {
    "": lambda character: 1,
    "UTF-16 units": lambda character: 1 + (character > "\uffff"),
    "UTF-8 bytes": lambda character: len(character.encode("utf8")),
}


Located = list[Fragment] | None


class Counting(NamedTuple):
    """A way of counting.

    name (str): What it counts other than it is stored; "" for nothing.
    places (Sequence[int]): For each offset that can be counted the character of the text.
    """

    name: str
    places: Sequence[int]

    def locate(self, fragments: Sequence[Fragment]) -> Located:
        """The characters of the text that offsets stand for; None if some are beyond it, or stand for none."""
        located = []
        for start, end in fragments:
            if end >= len(self.places) or self.places[start] >= self.places[end]:
                return None
            located.append((self.places[start], self.places[end]))
        return located


def find_counting(
    text: str, locate: Callable[[Counting], list[Located]], number: int
) -> tuple[Counting, list[Located]]:
    """The way of counting that gives most quotes; as stored, if none gives more than that.

    locate (Callable): Where a way of counting puts mentions, None for those whose quote is not there.
    number (int): Of the mentions with quotes.
    RETURNS (tuple[Counting, list[Located]]): And where it puts them.
    """
    best = Counting("", range(len(text) + 1))
    located = locate(best)
    most = len(located) - located.count(None)
    for counting in _other_countings(text) if most < number else ():
        places = locate(counting)
        found = len(places) - places.count(None)
        if found > most:
            best, located, most = counting, places, found
        if most == number:
            break
    return best, located


def _other_countings(text: str) -> Iterator[Counting]:
    """All ways by which this text has another number of characters, plain ones first."""
    ends = ["", *(["line ends as one character"] if "\r\n" in text else []),
            *(["line ends as two characters"] if text.count("\n") > text.count("\r\n") else [])]  # fmt: skip
    units = [name for name, size in _UNITS.items() if not name or any(size(each) > 1 for each in set(text))]
    marks = ["", *(["no byte-order mark"] if text.startswith("\ufeff") else [])]
    ways = [
        [name for name in way if name]
        for way in ((end, unit, mark) for end in ends for unit in units for mark in marks)
    ]
    for way in sorted(filter(None, ways), key=len):
        yield Counting(" and ".join(way), _places(text, way))


def _places(text: str, way: Sequence[str]) -> list[int]:
    size = next((_UNITS[name] for name in way if name in _UNITS), _UNITS[""])
    sizes = {character: size(character) for character in set(text)}
    places: list[int] = []
    for place, character in enumerate(text):
        after_return = character == "\n" and text[place - 1 : place] == "\r"
        if place == 0 and "no byte-order mark" in way:
            continue
        if after_return and "line ends as one character" in way:
            continue
        twice = character == "\n" and not after_return and "line ends as two characters" in way
        places.extend([place] * (sizes[character] + twice))
    return [*places, len(text)]
