"""Precision, recall and F1 from counts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scripts.corpus.scores import precision_recall_f1

COUNT = st.integers(0, 10_000)


@given(COUNT, COUNT, COUNT)
def test_they_are_what_their_names_say(tp: int, fp: int, fn: int):
    precision, recall, f1 = precision_recall_f1(np.array([tp, fp, fn])).tolist()
    assert precision == (tp / (tp + fp) if tp + fp else 0.0)
    assert recall == (tp / (tp + fn) if tp + fn else 0.0)
    assert f1 == (2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0)
    if precision + recall:
        assert abs(f1 - 2 * precision * recall / (precision + recall)) < 1e-12


def test_any_number_of_axes_may_stand_before_the_counts():
    counts = np.random.default_rng(0).integers(0, 9, size=(4, 2, 3))
    found = precision_recall_f1(counts)
    assert found.shape == (4, 2, 3)
    np.testing.assert_array_equal(found[3, 1], precision_recall_f1(counts[3, 1]))
