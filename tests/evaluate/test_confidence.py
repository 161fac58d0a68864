"""Scores of confidences, by their definitions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from scripts.corpus.resampling import resample
from scripts.corpus.scores import BINS, calibration_error
from scripts.evaluate.confidence import score_confidence, score_probabilities
from tests.docs import make_doc, make_said

ROWS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def score(*rows: tuple[float, bool]) -> dict[str, Any]:
    probability, right = (np.array(column) for column in zip(*rows, strict=True))
    found = score_probabilities(probability, right)
    assert found is not None
    return found


def test_probabilities_as_often_right_as_they_say_have_no_calibration_error():
    right, wrong = (0.75, True), (0.75, False)
    assert score(right, right, right, wrong) == {"ece": 0, "brier": pytest.approx(0.1875), "auroc": 0.5, "number": 4}
    assert score((1.0, True), (1.0, False)) == {"ece": 0.5, "brier": 0.5, "auroc": 0.5, "number": 2}
    assert score_probabilities(np.zeros(0), np.zeros(0, dtype=bool)) is None


@given(ROWS)
def test_the_scores_are_those_of_their_definitions(rows):
    expected = 0.0
    for place in range(BINS):
        inside = [(p, right) for p, right in rows if min(int(p * BINS), BINS - 1) == place]
        if inside:
            confidence, accuracy = np.mean([p for p, _ in inside]), np.mean([right for _, right in inside])
            expected += len(inside) / len(rows) * abs(confidence - accuracy)
    found = score(*rows)
    assert found["ece"] == pytest.approx(expected)
    pairs = [(one, other) for one, is_right in rows for other, too in rows if is_right and not too]
    wins = sum((one > other) + (one == other) / 2 for one, other in pairs)
    assert found["auroc"] == (pytest.approx(wins / len(pairs)) if pairs else None)


def make_note(*mentions: tuple[int, int, str, float | None]) -> Doc:
    return make_said("confidence", *mentions)


def test_a_mention_is_right_by_label_and_both_ends():
    golds = [make_doc((0, 1, "person"), (2, 4, "problem")), make_doc((4, 5, "problem"))]
    predictions = [
        make_note((0, 1, "person", 0.9), (2, 5, "problem", 0.6)),
        make_note((0, 1, "person", None), (4, 5, "test", 0.2)),
    ]
    found = score_confidence(golds, predictions)
    assert found is not None
    assert (found["number"], found["without"]) == (3, 1)
    assert found["ece"] == pytest.approx((0.1 + 0.6 + 0.2) / 3)
    assert found["auroc"] == 1.0
    assert {label: each["number"] for label, each in found["per_label"].items()} == {
        "person": 1,
        "problem": 1,
        "test": 1,
    }
    assert found["per_label"]["person"]["ece"] == pytest.approx(0.1)
    table = np.array(found["per_note"])
    assert table.shape == (2, BINS, 3)
    assert table[0, 9].tolist() == [1, 1, 0.9] and table[0, 6].tolist() == [1, 0, 0.6]
    assert table[1].sum(axis=0).tolist() == [1, 0, 0.2]
    low, high = np.quantile(calibration_error(resample(table)), [0.025, 0.975])
    assert found["ece_interval"] == {"low": pytest.approx(low), "high": pytest.approx(high)}
    assert low < found["ece"] < high


def test_without_confidences_there_are_no_scores():
    golds = [make_doc((0, 1, "person"))]
    assert score_confidence(golds, golds) is None
