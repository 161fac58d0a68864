"""The search for an annotation's quote in the text, where its offsets are wrong."""

import re

from scripts.corpus.note import Fragment


def find_nearest(pattern: re.Pattern[str], text: str, window: Fragment, expected: int) -> Fragment | None:
    """The occurrence of a quote that begins nearest to where its offsets say.

    An occurrence that cuts a word or a number ("he" in "the") is another word, so none.

    pattern (re.Pattern): Matches the quote.
    window (Fragment): The characters of the text in which to look.
    expected (int): Where the quote should begin.
    """
    found = [match.span() for match in pattern.finditer(text, *window)]
    whole = [span for span in found if not any(_inside_word(text, index) for index in span)]
    return min(whole, key=lambda span: abs(span[0] - expected), default=None)


def _inside_word(text: str, index: int) -> bool:
    around = text[max(0, index - 1) : index + 1]
    return len(around) == 2 and (around.isalpha() or around.isdigit())
