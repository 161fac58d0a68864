"""IOB tags as corpora spell them: B-x, B_x, x-B, or without a label; several in one cell."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

UNLABELLED = "entity"  # the label where tags have none
_SEPARATORS = "|;,"  # of several tags in a cell
_MOST = 0.5  # of the cells of a column that holds tags
_NEARLY_ALL = 0.9  # of those that are not O, where tags are spelt in a rarer way


class Tag(NamedTuple):
    """A tag other than O.

    prefix (str): One of B, I, E, S, L, U.
    label (str): What it is a part of.
    """

    prefix: str
    label: str


class Scheme(NamedTuple):
    """A way to spell tags.

    name (str): As it is told; "" for the plain one.
    pattern (re.Pattern): With groups `prefix` and `label`, which O has none of.
    """

    name: str
    pattern: re.Pattern[str]

    def parse(self, cell: str) -> list[Tag] | None:
        """The tags of a cell, none for O; None if it holds something else, or two tags of one label."""
        return _parse(self, cell)

    def parse_anew(self, cell: str) -> list[Tag] | None:
        for separator in _SEPARATORS:
            pieces = cell.split(separator)
            if len(pieces) > 1 and all(self.pattern.fullmatch(piece.strip()) for piece in pieces):
                tags = [tag for piece in pieces for tag in self._parse_one(piece.strip()) or ()]
                return tags if len({tag.label for tag in tags}) == len(tags) else None
        return self._parse_one(cell)

    def _parse_one(self, cell: str) -> list[Tag] | None:
        match = self.pattern.fullmatch(cell)
        if not match:
            return None
        groups = match.groupdict()
        return [Tag(groups["prefix"], groups.get("label", UNLABELLED))] if groups["prefix"] else []


@lru_cache(maxsize=10_000)
def _parse(scheme: Scheme, cell: str) -> list[Tag] | None:
    """Of millions of cells few are different."""
    return scheme.parse_anew(cell)


PLAIN = Scheme("", re.compile(r"O|(?P<prefix>[BIESLU])-(?P<label>.+)"))
_RARE = (
    Scheme("tags spelt B_x", re.compile(r"O|(?P<prefix>[BIESLU])_(?P<label>.+)")),
    Scheme("tags spelt x-B", re.compile(r"O|(?P<label>.+)[-_](?P<prefix>[BIESLU])")),
    Scheme(f"tags without a label, read as '{UNLABELLED}'", re.compile(r"O|(?P<prefix>[BIESLU])-?")),
)


def find_scheme(cells: Iterable[str]) -> Scheme | None:
    """How the tags of a column are spelt; None if it holds none."""
    numbers = Counter(cells)
    total, outside = numbers.total(), numbers["O"]
    plain = _count(PLAIN, numbers)
    if plain > outside and plain > _MOST * total:
        return PLAIN
    for scheme in _RARE:
        found = _count(scheme, numbers) - outside
        if found and found >= _NEARLY_ALL * (total - outside):
            return scheme
    return PLAIN if plain and plain >= _MOST * total else None


def has_labels(cells: Iterable[str], scheme: Scheme) -> bool:
    """Whether a column has more than O."""
    return any(scheme.parse(cell) for cell in {*cells})


def _count(scheme: Scheme, numbers: Counter[str]) -> int:
    return sum(number for cell, number in numbers.items() if scheme.parse(cell) is not None)
