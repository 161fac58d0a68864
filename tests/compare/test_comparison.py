"""Results lined up: the p-values of labels are corrected for their number."""

import numpy as np
import pytest

from scripts.compare.comparison import describe
from scripts.compare.significance import compare_notes, holm

LABELS = ["problem", "test", "treatment"]


def make_table(rates: tuple[float, ...], seed: int) -> np.ndarray:
    """25 notes of ten mentions a label, found at the label's rate, and as many invented."""
    hits = np.random.default_rng(seed).binomial(10, rates, size=(25, len(rates)))
    return np.stack([hits, 10 - hits, 10 - hits], axis=-1)


def test_p_values_of_labels_are_corrected_by_holm():
    one, other = make_table((0.75, 0.7, 0.65), seed=0), make_table((0.6, 0.63, 0.6), seed=1)
    found = describe("one", "other", one, other, LABELS)
    p_values = [compare_notes(one[:, i], other[:, i]).p for i in range(len(LABELS))]
    assert [found["labels"][label]["p"] for label in LABELS] == p_values
    corrected = [found["labels"][label]["p_holm"] for label in LABELS]
    assert corrected == holm(p_values)
    # The smallest of three is three times as large: without correction it would stay.
    assert min(corrected) == pytest.approx(3 * min(p_values)) and min(p_values) < 1 / 3


def test_the_difference_of_all_labels_is_not_corrected():
    one, other = make_table((0.75, 0.7, 0.65), seed=0), make_table((0.6, 0.63, 0.6), seed=1)
    assert describe("one", "other", one, other, LABELS)["p"] == compare_notes(one.sum(axis=1), other.sum(axis=1)).p
