"""Frequent English words, counted in what is always there: Python's documentation, our own, and the sample's notes."""

import re
from collections import Counter
from pydoc_data.topics import topics

from tests.paths import ROOT


def frequent_words(number: int) -> list[str]:
    """The most frequent words, those that software and its packages speak of among them, the first first."""
    paths = [*ROOT.glob("docs/*.md"), *ROOT.glob("assets/sample/**/*.txt")]
    texts = [*topics.values(), *(path.read_text(encoding="utf8") for path in sorted(paths))]
    counts = Counter(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]]
