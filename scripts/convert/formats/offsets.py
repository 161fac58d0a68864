"""Mentions by character offsets: held against their quotes, in the way of counting that reproduces these."""

import html
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from scripts.corpus.note import Attributes, Entity, Fragment, Problem

MISMATCH = "quote does not match its offsets"
_MOST_DIGITS = 12  # of a number of characters
_Widths = Callable[[str], Iterable[int]]


class Stated(NamedTuple):
    """A mention as a file states it.

    label (str): As spelt there; "" if it cannot be read.
    fragments (tuple[Fragment, ...]): Offsets as they stand; () if they cannot be read.
    quote (str | None): The words that the file gives with it; None if it gives none.
    line (int): 1-based line of the file.
    kb_id (str), attributes (Attributes): As in `Entity`.
    """

    label: str
    fragments: tuple[Fragment, ...]
    quote: str | None
    line: int
    kb_id: str = ""
    attributes: Attributes = ()


def place(
    text: str, mentions: Sequence[Stated], file: str, trusted: bool = False
) -> tuple[list[Entity | None], list[Problem]]:
    """Turn stated mentions into those of a note; what does not fit is dropped, never looked for elsewhere.

    Offsets that count something else than characters are told by their quotes: of the ways of counting the one that
    reproduces the most is taken for the whole note, as stored before all others.

    file (str): Where they stand, for the problems.
    trusted (bool): Keep mentions whose quote is not the text at their offsets, as long as most quotes are. For releases
        that are known for careless quotes, and whose official scores go by offsets alone.
    RETURNS (tuple): A mention or None for each of those stated, and what was wrong.
    """
    problems = []
    index = _choose_counting(text, mentions)
    if index:
        problems.append(Problem(file, 0, f"offsets that count {index.name}"))
    placed = [_place(text, mention, index, file) for mention in mentions]
    wrong = sum(problem is not None and problem.kind == MISMATCH for _, problem in placed)
    keep = trusted and 2 * wrong < sum(mention.quote is not None for mention in mentions)
    entities: list[Entity | None] = []
    for entity, problem in placed:
        lost = problem is not None and not (keep and problem.kind == MISMATCH)
        entities.append(None if lost else entity)
        problems += [problem._replace(dropped=int(lost))] if problem else []
    return entities, problems


def number(value: object) -> int | None:
    """A number of characters, as files state it; None if it is none."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
        value = int(value) if len(value.strip()) <= _MOST_DIGITS else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MOST_DIGITS else None


def fragment(start: object, end: object) -> tuple[Fragment, ...]:
    """The one fragment of a mention, for `Stated`; () if it cannot be read."""
    first, last = number(start), number(end)
    return () if first is None or last is None else ((first, last),)


def is_written(text: str) -> bool:
    """Whether a text can be written at all: JSON may hold halves of characters."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class _Index(NamedTuple):
    """Where in the text stands what a way of counting numbers."""

    name: str
    places: dict[int, int]


def _choose_counting(text: str, mentions: Sequence[Stated]) -> _Index | None:
    """RETURNS (_Index | None): None if offsets count the characters as stored."""
    quoted = [mention for mention in mentions if mention.quote is not None and mention.fragments]
    best, index = sum(_fits(text, mention, None) for mention in quoted), None
    for name, widths in _COUNTINGS.items():
        if best == len(quoted):
            break
        other = _index(name, text, widths)
        fits = sum(_fits(text, mention, other) for mention in quoted) if other else 0
        if fits > best:
            best, index = fits, other
    return index


def _index(name: str, text: str, widths: _Widths) -> _Index | None:
    ends = [0, *accumulate(widths(text))]
    if len(ends) == ends[-1] + 1:  # each character counts once
        return None
    places: dict[int, int] = {}
    for place, counted in enumerate(ends):
        places.setdefault(counted, place)
    return _Index(name, places)


def _line_ends_as_one(text: str) -> Iterable[int]:
    return (text[i : i + 2] != "\r\n" for i in range(len(text)))


def _line_ends_as_two(text: str) -> Iterable[int]:
    return (2 if character == "\n" and text[i - 1 : i] != "\r" else 1 for i, character in enumerate(text))


_COUNTINGS: dict[str, _Widths] = {
    "line ends as one character": _line_ends_as_one,
    "line ends as two characters": _line_ends_as_two,
    "UTF-16 units": lambda text: (1 + (character > "\uffff") for character in text),
    "UTF-8 bytes": lambda text: (len(character.encode("utf8", "replace")) for character in text),
}


def _fits(text: str, mention: Stated, index: _Index | None) -> bool:
    fragments = _translate(text, mention.fragments, index)
    return bool(fragments) and _same(text, fragments, mention.quote or "")


def _translate(text: str, fragments: Sequence[Fragment], index: _Index | None) -> tuple[Fragment, ...]:
    """Offsets of the text; () where it has none of them."""
    found = [tuple(index.places.get(end, -1) if index else end for end in fragment) for fragment in fragments]
    return tuple((start, end) for start, end in found) if all(0 <= s < e <= len(text) for s, e in found) else ()


def _place(text: str, mention: Stated, index: _Index | None, file: str) -> tuple[Entity | None, Problem | None]:
    def dropped(kind: str) -> tuple[None, Problem]:
        return None, Problem(file, mention.line, kind, mention.label if is_written(mention.label) else "", 1)

    said = "".join((mention.label, mention.kb_id, *(word for pair in mention.attributes for word in pair)))
    if not mention.label.strip() or not is_written(said):
        return dropped("no label that can be read")
    if not mention.fragments:
        return dropped("no offsets that can be read")
    if any(start >= end for start, end in mention.fragments):
        return dropped("empty or reversed offsets")
    fragments = _translate(text, mention.fragments, index)
    if not fragments:
        return dropped("offset beyond the text")
    entity = Entity(
        mention.label, tuple(sorted(fragments)), mention.line, kb_id=mention.kb_id, attributes=mention.attributes
    )
    if mention.quote is not None and not _same(text, fragments, mention.quote):
        return entity, Problem(file, mention.line, MISMATCH, mention.label, 1)
    return entity, None


def _same(text: str, fragments: Sequence[Fragment], quote: str) -> bool:
    """Whether a quote has the words of a mention, or those from its first character to its last."""
    words = _squeeze(" ".join(text[start:end] for start, end in fragments))
    whole = text[fragments[0][0] : max(end for _, end in fragments)]
    return _squeeze(quote) in (words, _squeeze(html.unescape(words)), _squeeze(whole)) or (
        _squeeze(html.unescape(quote)) == words or _squeeze(quote, "") == _squeeze(words, "")
    )


def _squeeze(text: str, blank: str = " ") -> str:
    return blank.join(text.lower().split())
