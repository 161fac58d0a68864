"""Mentions by character offsets: held against their quotes, in the way of counting that reproduces these."""

import html
from collections.abc import Sequence
from typing import NamedTuple

from scripts.convert.formats.counting import Counting, Located, find_counting
from scripts.convert.formats.quotes import is_quoted
from scripts.corpus.note import Attributes, Entity, Fragment, Problem

MISMATCH = "quote does not match its offsets"
_MOST_DIGITS = 12  # of a number of characters


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
    quoted = [mention for mention in mentions if mention.quote is not None]
    counting, _ = find_counting(text, lambda way: [_locate(text, mention, way) for mention in quoted], len(quoted))
    problems = [Problem(file, 0, f"offsets count {counting.name}")] if counting.name else []
    placed = [_place(text, mention, counting, file) for mention in mentions]
    wrong = sum(problem is not None and problem.kind == MISMATCH for _, problem in placed)
    keep = trusted and 2 * wrong < len(quoted)
    entities: list[Entity | None] = []
    for entity, problem in placed:
        lost = problem is not None and not (keep and problem.kind == MISMATCH)
        entities.append(None if lost else entity)
        problems += [problem._replace(dropped=int(lost))] if problem else []
    return entities, problems


def number(value: object) -> int | None:
    """A number of characters, as files state it; None if it is none."""
    digits = value.strip() if isinstance(value, str) else ""
    if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS:
        value = int(digits)
    if isinstance(value, float) and value.is_integer():  # as tables in JSON have them
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MOST_DIGITS else None


def fragment(start: object, end: object) -> tuple[Fragment, ...]:
    """The one fragment of a mention, for `Stated`; () if it cannot be read."""
    first, last = number(start), number(end)
    return () if first is None or last is None else ((first, last),)


def is_written(text: str) -> bool:
    """Whether a text can be written at all: JSON may hold halves of characters."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _locate(text: str, mention: Stated, counting: Counting) -> Located:
    """Where a mention is; None if its quote is not there."""
    located = counting.locate(mention.fragments) if _is_forward(mention) else None
    return located if located and _is_quoted(text, located, mention.quote or "") else None


def _place(text: str, mention: Stated, counting: Counting, file: str) -> tuple[Entity | None, Problem | None]:
    def dropped(kind: str) -> tuple[None, Problem]:
        return None, Problem(file, mention.line, kind, mention.label if is_written(mention.label) else "", 1)

    said = "".join((mention.label, mention.kb_id, *(word for pair in mention.attributes for word in pair)))
    if not mention.label.strip() or not is_written(said):
        return dropped("no label that can be read")
    if not mention.fragments:
        return dropped("no offsets that can be read")
    if not _is_forward(mention):
        return dropped("empty or reversed offsets")
    located = counting.locate(mention.fragments)
    if not located:
        return dropped("offset beyond the text")
    fragments = tuple(sorted(located))
    entity = Entity(mention.label, fragments, mention.line, kb_id=mention.kb_id, attributes=mention.attributes)
    if mention.quote is not None and not _is_quoted(text, located, mention.quote):
        return entity, Problem(file, mention.line, MISMATCH, mention.label, 1)
    return entity, None


def _is_forward(mention: Stated) -> bool:
    return bool(mention.fragments) and all(start < end for start, end in mention.fragments)


def _is_quoted(text: str, located: Sequence[Fragment], quote: str) -> bool:
    """Whether a quote has the words of a mention, or all from its first character on; case does not count."""
    whole = text[min(start for start, _ in located) : max(end for _, end in located)].lower()
    parts, quote = [text[start:end].lower() for start, end in located], quote.lower()
    # An attribute of XML has & where a CDATA section has &amp;
    return any(is_quoted(words, quote) for words in (parts, [whole], [html.unescape(part) for part in parts]))
