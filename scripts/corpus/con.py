"""i2b2 concepts as they are written: X.txt beside X.con, mentions as line:token numbers, and X.ast of assertions."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc

from scripts.corpus.brat import safe_name
from scripts.corpus.mentions import written_mentions
from scripts.corpus.note import Fragment
from scripts.corpus.texts import Text


class Words(NamedTuple):
    """The words of a text, as the release counts them: blanks separate, a blank at the start of a line one more word.

    starts, ends (list[int]): The characters of each that is not empty.
    places (list[tuple[int, int]]): Its line, from 1, and its number there, from 0.
    """

    starts: list[int]
    ends: list[int]
    places: list[tuple[int, int]]

    def around(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last word that a stretch of characters touches; None if it touches none."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end) - 1
        return (first, last) if first <= last else None

    def widen(self, start: int, end: int) -> Fragment | None:
        """The characters of these words."""
        found = self.around(start, end)
        return (self.starts[found[0]], self.ends[found[1]]) if found else None


class ConWriter:
    """A folder of X.txt with X.con, and X.ast where something is said of mentions."""

    suffix = ""

    def __init__(self) -> None:
        self._files: list[tuple[str, str]] = []

    def add(self, note: Text, doc: Doc) -> None:
        concepts, assertions = [], []
        for line, assertion in con_lines(note.text, doc):
            concepts.append(f"{line}\n")
            assertions += [f'{line}||a="{assertion}"\n'] if assertion else []
        name = safe_name(note.id)
        self._files += [(f"{name}.txt", note.text), (f"{name}.con", "".join(concepts))]
        self._files += [(f"{name}.ast", "".join(assertions))] if assertions else []

    def save(self, path: Path) -> None:
        for name, content in self._files:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            with (path / name).open("xb") as file:
                file.write(content.encode("utf8"))


def con_lines(text: str, doc: Doc) -> Iterator[tuple[str, str]]:
    """The lines of a concept file, each with what is said of its mention; these are widened to whole words.

    RAISES (ValueError): A mention is nothing but blanks.
    """
    words = count_words(text)
    for mention in written_mentions(doc):
        found = words.around(mention.start, mention.end)
        if found is None:
            raise ValueError("a mention of blanks")
        quote = " ".join(text[words.starts[found[0]] : words.ends[found[1]]].lower().split())
        ends = (f"{line}:{word}" for line, word in (words.places[place] for place in found))
        yield f'c="{quote}" {" ".join(ends)}||t="{con_label(mention.span.label_)}"', mention.assertion


def con_label(label: str) -> str:
    """A label between quotation marks."""
    return " ".join(label.replace('"', "'").split())


def count_words(text: str) -> Words:
    words, start = Words([], [], []), 0
    for number, line in enumerate(text.split("\n"), start=1):
        found = re.finditer("[^ ]+", line.removesuffix("\r"))
        for place, match in enumerate(found, start=int(line.startswith(" "))):
            words.starts.append(start + match.start())
            words.ends.append(start + match.end())
            words.places.append((number, place))
        start += len(line) + 1
    return words
