"""Windows: no wordpiece lost or seen twice, and they end where a reader would pause."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from scripts.runtime.pieces import Pieces, read_pieces
from scripts.runtime.windows import cut_windows, next_end
from tests.helpers import hostile_text
from tests.pipelines import HOSTILE, WINDOW, shim_of


def windows_of(nlp: Language, doc: Doc, limit: int = WINDOW - 2) -> tuple[Pieces, np.ndarray]:
    (pieces,) = read_pieces(shim_of(nlp).backend, [doc])
    return pieces, cut_windows(pieces, limit)


def assert_complete(pieces: Pieces, windows: np.ndarray, limit: int) -> None:
    """Windows cover every piece once, in order, and only a token longer than a window is cut."""
    covered = [place for start, end in windows for place in range(start, end)]
    assert covered == list(range(len(pieces.ids)))
    assert all(0 < end - start <= limit for start, end in windows)
    for end in windows[:-1, 1]:
        if pieces.last[end - 1] > pieces.first[end]:
            token = pieces.first[end]
            assert ((pieces.first <= token) & (pieces.last > token)).sum() > limit // 2


@settings(max_examples=60)
@given(text=hostile_text(extra="\npain fever.", max_size=200), limit=st.integers(1, 20))
def test_windows_cover_every_piece_once(nlp: Language, text: str, limit: int):
    pieces, windows = windows_of(nlp, nlp.make_doc(text), limit)
    assert_complete(pieces, windows, limit)


@pytest.mark.parametrize("name", HOSTILE)
def test_windows_of_hostile_notes_cover_every_piece_once(nlp: Language, name: str):
    pieces, windows = windows_of(nlp, nlp.make_doc(HOSTILE[name]))
    assert_complete(pieces, windows, WINDOW - 2)


def test_windows_end_at_lines_then_sentences_then_tokens(nlp: Language):
    lines = nlp.make_doc("pain fever pain .\n" * 20)
    pieces, windows = windows_of(nlp, lines, 40)
    assert all("\n" in lines.text[pieces.ends[end - 1] : pieces.ends[end]] for end in windows[:-1, 1])
    sentences = nlp.make_doc("pain fever pain . " * 20)
    pieces, windows = windows_of(nlp, sentences, 40)
    assert all(sentences.text[pieces.ends[end - 1] - 1] == "." for end in windows[:-1, 1])
    words = nlp.make_doc("pain fever " * 60)
    pieces, windows = windows_of(nlp, words, 40)
    assert all(pieces.last[end - 1] == pieces.first[end] for end in windows[:-1, 1])


def test_windows_are_about_equally_long(nlp: Language):
    _, windows = windows_of(nlp, nlp.make_doc("pain " * 300), 100)
    lengths = windows[:, 1] - windows[:, 0]
    assert lengths.min() > 0.8 * lengths.max()


def words_with_lines(total: int, lines: list[int]) -> Pieces:
    """A note of words of one piece each, whose lines end before some of them."""
    text = "".join(("\n" if place in lines else " ") * (place > 0) + "x" for place in range(total))
    starts, ids = np.arange(total) * 2, np.arange(total)
    return Pieces(text, ids, starts - (starts > 0), starts + 1, ids, ids + 1)  # as in ALBERT a piece has its blank


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], 10),  # an equal share of 30 pieces in windows of 12
        ([11], 11),  # the first line end from there on
        ([9, 12], 12),
        ([9, 13], 9),  # the window does not reach the second one, so the last before
        ([6], 6),
        ([5], 10),  # not over half the share: the window would be so short that there would be more of them
        ([1, 5], 10),
    ],
)
def test_a_line_end_that_makes_a_window_too_short_is_passed(lines: list[int], expected: int):
    pieces = words_with_lines(30, lines)
    assert cut_windows(pieces, 12)[0].tolist() == [0, expected]
    tokens = np.arange(1, 30)
    assert next_end(0, 30, 12, [np.array(lines, dtype=int), tokens]) == expected


def test_half_a_share_counts_from_where_the_window_begins():
    tokens = np.arange(1, 40)
    assert next_end(10, 40, 12, [np.array([15]), tokens]) == 20
    assert next_end(10, 40, 12, [np.array([16]), tokens]) == 16
    assert next_end(30, 40, 12, [np.array([35]), tokens]) == 40  # the rest


def test_without_any_end_a_window_has_its_share():
    assert next_end(0, 30, 12, [np.array([], dtype=int)] * 3) == 10
