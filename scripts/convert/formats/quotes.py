"""An annotation's quote: whether it is what the text has at its offsets, and where else in the text it is."""

import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from scripts.corpus.note import Fragment

_ESCAPED_BLANK = re.compile(r"\\[nrt]")  # a line end or tab as some tools write it into a quote


class Misplaced(NamedTuple):
    """A mention whose quote is not at its offsets.

    label (str): Its label.
    quote (str): Blanks of any kind are as good as others.
    start (int): Where it should begin.
    window (Fragment): The characters of the text in which to look.
    """

    label: str
    quote: str
    start: int
    window: Fragment


def squeeze(text: str) -> str:
    """The text with one blank for each run of white space of any kind."""
    return " ".join(text.split())


def is_quoted(parts: Sequence[str], quote: str) -> bool:
    """Whether a quote gives the text of a mention, part by part: parts are joined with blanks or without."""
    if (len(parts) == 1 and parts[0] == quote) or _is_joined(parts, quote):
        return True
    # n2c2 2022 quotes hold entities such as &quot;
    plain = _plain(quote)
    return plain != quote and _is_joined(parts, plain)


def find_nearest(pattern: re.Pattern[str], text: str, window: Fragment, expected: int) -> Fragment | None:
    """The occurrence of a quote that begins nearest to where its offsets say; None if two are as near.

    An occurrence that cuts a word or a number ("he" in "the") is another word, so none.

    pattern (re.Pattern): Matches the quote.
    window (Fragment): The characters of the text in which to look.
    expected (int): Where the quote should begin.
    """
    return _nearest(_find_whole(pattern, text, window), expected)


def repair(text: str, misplaced: Sequence[Misplaced], placed: Iterable[tuple[str, Fragment]]) -> list[Fragment | None]:
    """Find quotes where their offsets are wrong, without changing the order of mentions, and never by a guess.

    Mentions stay between those before and behind them whose offsets are right; none gets the place of another one with
    its label; and if two occurrences are as near, or one of other capitals is nearer, it is not known which was meant.

    placed (Iterable[tuple[str, Fragment]]): Label and place of the mentions at their offsets.
    RETURNS (list[Fragment | None]): For each of the misplaced its place, None if it is not known.
    """
    taken = set(placed)
    anchors = sorted(start for _, (start, _) in taken)
    found: dict[Misplaced, Fragment | None] = {}
    low = 0
    for start, group in groupby(sorted(set(misplaced), key=lambda each: each.start), key=lambda each: each.start):
        before, behind = bisect_left(anchors, start), bisect_right(anchors, start)
        low = max(low, anchors[before - 1] if before else 0)
        high = anchors[behind] if behind < len(anchors) else len(text)
        places = {each: _find_free(text, each, (low, high), taken) for each in group}
        known = [(each.label, place) for each, place in places.items() if place]
        taken.update(known)
        low = max([low, *(place[0] for _, place in known)])
        found |= places
    return [found[each] for each in misplaced]


def _find_free(text: str, each: Misplaced, bounds: Fragment, taken: set[tuple[str, Fragment]]) -> Fragment | None:
    for quote in dict.fromkeys((squeeze(each.quote), squeeze(_plain(each.quote)))):
        pattern = re.compile(r"\s+".join(map(re.escape, quote.split())), re.IGNORECASE)
        likely = [
            span
            for span in (_find_whole(pattern, text, each.window) if quote else [])
            if bounds[0] <= span[0] <= bounds[1] and (each.label, span) not in taken
        ]
        if likely:
            nearest = _nearest(likely, each.start)
            return nearest if nearest and squeeze(text[slice(*nearest)]) == quote else None
    return None


def _find_whole(pattern: re.Pattern[str], text: str, window: Fragment) -> list[Fragment]:
    found = [match.span() for match in pattern.finditer(text, *window)]
    return [span for span in found if not any(_inside_word(text, index) for index in span)]


def _nearest(spans: Sequence[Fragment], expected: int) -> Fragment | None:
    ranked = sorted(spans, key=lambda span: abs(span[0] - expected))
    if len(ranked) > 1 and abs(ranked[0][0] - expected) == abs(ranked[1][0] - expected):
        return None
    return ranked[0] if ranked else None


def _is_joined(parts: Sequence[str], quote: str) -> bool:
    if squeeze(" ".join(parts)) == squeeze(quote):
        return True
    return len(parts) > 1 and "".join("".join(parts).split()) == "".join(quote.split())


def _plain(quote: str) -> str:
    return _ESCAPED_BLANK.sub(" ", html.unescape(quote))


def _inside_word(text: str, index: int) -> bool:
    around = text[max(0, index - 1) : index + 1]
    return len(around) == 2 and (around.isalpha() or around.isdigit())


def line_spans(text: str) -> list[Fragment]:
    """Where the lines of a text begin and end, without the characters that end them."""
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line.removesuffix("\r"))))
        start += len(line) + 1
    return spans
