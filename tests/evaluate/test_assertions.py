"""Scores of assertions: what is counted of mentions that are given, and of those that are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from scripts.corpus.assertions import VALUES
from scripts.corpus.given import Given
from scripts.evaluate.assertions import score_end_to_end, score_given
from scripts.runtime.assertion import Assertion
from tests.docs import make_doc, make_said

SPAN = make_doc((2, 5, "problem")).ents[0]


def say(gold: str, found: str | None, probability: float | None = 0.9) -> Given:
    return Given(SPAN, gold, None if found is None else Assertion(found, 0.5, probability))


def make_note(*mentions: tuple[int, int, str, str | None]) -> Doc:
    return make_said("assertion", *mentions)


def test_given_mentions_are_counted_by_value():
    notes = [
        [say("present", "present"), say("absent", "absent"), say("absent", "present")],
        [],
        [say("possible", "absent"), say("possible", None)],
    ]
    found = score_given(notes)
    assert found["micro"] == {"p": 2 / 4, "r": 2 / 5, "f": 4 / 9, "support": 5}
    assert found["per_value"] == {
        "absent": {"p": 1 / 2, "r": 1 / 2, "f": 1 / 2, "support": 2},
        "possible": {"p": 0.0, "r": 0.0, "f": 0.0, "support": 2},
        "present": {"p": 1 / 2, "r": 1.0, "f": 2 / 3, "support": 1},
    }
    assert found["confusion"] == [
        {"gold": "present", "predicted": "present", "count": 1},
        {"gold": "absent", "predicted": "present", "count": 1},
        {"gold": "absent", "predicted": "absent", "count": 1},
        {"gold": "possible", "predicted": "absent", "count": 1},
        {"gold": "possible", "predicted": "", "count": 1},
    ]
    counts = np.array(found["per_note"]["counts"])
    assert found["per_note"]["labels"] == ["absent", "possible", "present"] and counts.shape == (3, 3, 3)
    assert counts.sum(axis=(0, 1)).tolist() == [2, 2, 3] and not counts[1].any()


pairs = st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES))


@given(st.lists(st.lists(pairs, max_size=6), min_size=1, max_size=5))
def test_with_a_prediction_for_each_the_micro_scores_are_the_accuracy(notes):
    found = score_given([[say(*pair) for pair in note] for note in notes])
    every = [pair for note in notes for pair in note]
    right = sum(gold == predicted for gold, predicted in every)
    accuracy = right / len(every) if every else 0.0
    assert [found["micro"][key] for key in "prf"] == pytest.approx([accuracy] * 3)
    assert sum(row["count"] for row in found["confusion"]) == len(every)
    assert sum(row["count"] for row in found["confusion"] if row["gold"] == row["predicted"]) == right


def test_two_mentions_at_one_place_are_two():
    assert score_given([[say("present", "present"), say("present", "absent")]])["micro"]["support"] == 2


def test_end_to_end_label_ends_and_assertion_have_to_be_right():
    gold = make_note((2, 5, "problem", "absent"), (7, 8, "problem", "present"), (11, 13, "problem", "present"))
    found = make_note((2, 5, "problem", "absent"), (7, 8, "problem", "absent"), (11, 12, "problem", "present"))
    assert score_end_to_end([gold], [found])["micro"] == {"p": 1 / 3, "r": 1 / 3, "f": 1 / 3, "support": 3}
    assert score_end_to_end([gold], [gold])["micro"]["f"] == 1.0
    other = make_note((2, 5, "finding", "absent"))
    assert score_end_to_end([gold], [other])["micro"]["p"] == 0.0
    unsaid = make_note((2, 5, "problem", None), (7, 8, "test", None))
    assert score_end_to_end([unsaid], [gold])["micro"] == {"p": 0.0, "r": 0.0, "f": 0.0, "support": 0}


def test_probabilities_are_scored_where_there_are_some():
    notes = [[say("present", "present", 0.75)] * 3, [say("absent", "present", 0.75), say("absent", None)]]
    found = score_given(notes)["calibration"]
    assert found == {"ece": 0.0, "brier": pytest.approx(0.75 * 0.25), "auroc": 0.5, "number": 4}
    assert score_given([[say("present", "present", None), say("present", None)]])["calibration"] is None
    assert isinstance(SPAN, Span)
