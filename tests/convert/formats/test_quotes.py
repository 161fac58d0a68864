"""Quotes: what is as good as what, and where a quote is looked for when its offsets are wrong."""

import pytest

from scripts.convert.formats import brat
from scripts.convert.formats.quotes import Misplaced, is_quoted, repair
from scripts.corpus.note import Note
from tests.helpers import file, problems

REPAIRED = "offsets repaired by the quote"
MISMATCH = "quote does not match its offsets"


def read(text: str, *lines: str) -> Note:
    annotations = "".join(f"T{number}\t{line}\n" for number, line in enumerate(lines, start=1))
    (note,) = brat.read([file("a.txt", text), file("a.ann", annotations)])
    return note


def starts(note: Note) -> list[int]:
    return [entity.start for entity in note.entities]


@pytest.mark.parametrize(
    ("parts", "quote"),
    [
        (["20\xa0mg"], "20 mg"),
        (["20 mg"], "20\u2009mg"),
        (["fever\r\nand"], "fever and"),
        (["fever\r\nand"], r"fever\r\nand"),
        (["fever\nand"], r"fever\nand"),
        (["a\tb"], r"a\tb"),
        ([r"a\tb"], r"a\tb"),
        (["R-", "zorvex"], "R-zorvex"),
        (["R-", "zorvex"], "R- zorvex"),
        (["R-", "zor", "vex 20"], "R- zorvex 20"),
        (['"a"'], "&quot;a&quot;"),
    ],
)
def test_blanks_are_as_good_as_others_and_fragments_may_touch(parts, quote):
    assert is_quoted(parts, quote)


@pytest.mark.parametrize(
    ("parts", "quote"),
    [(["20 mg"], "20mg"), (["Fever"], "fever"), (["a", "b"], "a"), (["a", "b"], "ba"), (["a"], ""), ([r"a\b"], "a b")],
)
def test_other_words_are_other_words(parts, quote):
    assert not is_quoted(parts, quote)


def test_two_occurrences_as_near_are_not_guessed_between():
    note = read("fever or fever now", "x 4 9\tfever")  # 4 characters from 0, 5 from 9
    assert starts(note) == [0]
    note = read("fever  xxx fever now", "x 5 10\tfever", "x 6 11\tfever")
    assert problems(note)[0] == (1, REPAIRED, 0)
    note = read("fever x fever now", "x 4 9\tfever")
    assert note.entities == () and problems(note) == [(1, MISMATCH, 1)]


def test_an_occurrence_of_other_capitals_nearby_may_be_the_one():
    note = read("fever , then again Fever", "x 2 7\tFever")
    assert note.entities == () and problems(note) == [(1, MISMATCH, 1)]
    assert starts(read("fever , then again Fever", "x 17 22\tFever")) == [19]


def test_repairs_stay_between_the_mentions_that_are_right():
    text = "pain , then fever , then chills , then fever ."
    chills = f"x {text.index('chills')} {text.index('chills') + 6}\tchills"
    assert starts(read(text, chills, "x 27 32\tfever")) == [25, 39]
    assert starts(read(text, chills, "x 22 27\tfever")) == [25, 12]
    # Nearer to the first fever, but behind the chills
    text = "fever , chills , and then at last fever ."
    assert starts(read(text, "x 8 14\tchills", "x 10 15\tfever")) == [8, 34]
    assert starts(read(text[:20], "x 8 14\tchills", "x 10 15\tfever")) == [8]


def test_two_mentions_do_not_become_one():
    text = "fever , fever , fever ."
    note = read(text, "x 1 6\tfever", "x 9 14\tfever", "x 17 22\tfever")
    assert starts(note) == [0, 8, 16] and len(note.problems) == 3
    # Only one of these is there
    note = read("no fever at all", "x 4 9\tfever", "x 5 10\tfever")
    assert starts(note) == [3] and problems(note)[1] == (2, MISMATCH, 1)
    # The place of one that is right is taken, but for another label
    assert starts(read("no fever at all", "x 3 8\tfever", "x 4 9\tfever")) == [3]
    assert starts(read("no fever at all", "x 3 8\tfever", "y 4 9\tfever")) == [3, 3]


def test_a_line_that_is_there_twice_is_repaired_twice():
    assert starts(read("no fever at all", "x 4 9\tfever", "x 4 9\tfever")) == [3, 3]


def test_the_quote_itself_comes_before_what_it_stands_for():
    text = "a &lt; b < c"
    assert repair(text, [Misplaced("x", "&lt;", 3, (0, 12))], []) == [(2, 6)]
    assert repair("a  < c", [Misplaced("x", "&lt;", 1, (0, 6))], []) == [(3, 4)]
    assert repair("a  < c", [Misplaced("x", "", 1, (0, 6))], []) == [None]
