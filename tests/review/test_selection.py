"""Which notes are chosen for review: expected errors a word, and no near copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.corpus.pipelines import count_words
from scripts.review.selection import NEAR, SHINGLE, Candidate, choose, is_near_copy, sign, weigh
from tests.docs import make_doc

WORDS = [f"word{number}" for number in range(400)]


def make_text(words: np.ndarray) -> str:
    return " ".join(WORDS[place] for place in words)


def candidate(name: str, errors: float, words: int, text: str = "") -> Candidate:
    return Candidate(name, errors, 9, 9, words, sign(text or name))


def test_a_note_is_weighed_by_what_its_confidences_leave():
    doc = make_doc((0, 1, "person"), (2, 4, "problem"), (4, 5, "problem"))
    doc.ents[0]._.confidence, doc.ents[1]._.confidence = 0.75, 0.5
    found = weigh("a", doc)
    assert found[:5] == ("a", 0.75, 3, 2, count_words([doc]))
    assert found.worth == 0.75 / found.words
    assert candidate("b", 0.0, 0).worth == 0.0


def test_notes_with_most_expected_errors_a_word_come_first_and_equals_by_name():
    candidates = [
        candidate("long", 4.0, 100),
        candidate("dense", 2.0, 10),
        candidate("sure", 0.0, 10),
        candidate("b", 1.0, 10),
        candidate("a", 1.0, 10),
    ]
    choice = choose(candidates, 3)
    assert [each.id for each in choice.notes] == ["dense", "a", "b"]
    assert (choice.copies, choice.sure, choice.unrated) == (0, 1, 0)
    unrated = candidate("c", 0.0, 10)._replace(rated=0)
    assert choose([unrated, unrated._replace(mentions=0)], 3)[1:] == (0, 1, 1)
    assert [each.id for each in choose(candidates, 9).notes] == ["dense", "a", "b", "long"]


def test_near_copies_of_what_is_chosen_or_known_are_passed_over():
    text = make_text(np.arange(200))
    near = text.replace("word7 ", "seven ")
    candidates = [candidate("one", 3, 10, text), candidate("two", 2, 10, near), candidate("three", 1, 10)]
    choice = choose(candidates, 2)
    assert ([each.id for each in choice.notes], choice.copies) == (["one", "three"], 1)
    choice = choose(candidates, 2, [sign(text)])
    assert ([each.id for each in choice.notes], choice.copies) == (["three"], 2)


@given(st.integers(0, 2**32 - 1), st.integers(0, 190))
def test_signatures_tell_how_much_two_texts_share(seed: int, start: int):
    order = np.random.default_rng(seed).permutation(len(WORDS))
    one, other = order[:200], order[start : start + 200]
    shingles = [{tuple(words[place : place + SHINGLE]) for place in range(198)} for words in (one, other)]
    similarity = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    estimate = (sign(make_text(one)) == sign(make_text(other))).mean()
    assert estimate == pytest.approx(similarity, abs=0.2)  # four standard deviations and more
    if abs(similarity - NEAR) > 0.2:
        assert is_near_copy(sign(make_text(one)), [sign("else"), sign(make_text(other))]) == (similarity > NEAR)


def test_blanks_and_case_make_no_difference_and_any_text_has_a_signature():
    assert (sign("Chest  pain\nsince\tMonday .") == sign("chest pain since monday")).all()
    for text in ("", " ", "pain", "two words", "\ud800 half a pair"):
        assert sign(text).shape == sign("chest pain since Monday").shape
    assert not is_near_copy(sign("pain"), [])
