"""Intervals and tests over notes: against slow re-statements, and on cases where the answer is known."""

import numpy as np
import pytest

from scripts.compare.significance import (
    SHUFFLES,
    Difference,
    compare_notes,
    f_scores,
    holm,
    intervals,
    label_intervals,
    sentence,
)
from scripts.corpus.resampling import SAMPLES, SEED, Interval, resample


def make_table(notes: int, tp: float, seed: int = 0) -> np.ndarray:
    """Notes of ten mentions of two labels, found with probability tp, and as many invented."""
    hits = np.random.default_rng(seed).binomial(10, tp, size=(notes, 2))
    return np.stack([hits, 10 - hits, 10 - hits], axis=-1)


def test_intervals_are_those_of_drawing_notes_one_by_one():
    table = make_table(20, 0.7)
    random, draws = np.random.default_rng(1), []
    for _ in range(4000):
        tp, fp, fn = table[random.integers(0, 20, size=20)].sum(axis=(0, 1))
        draws.append(2 * tp / (2 * tp + fp + fn))
    expected = np.quantile(draws, [0.025, 0.975])
    assert intervals(table)["f"] == pytest.approx(expected, abs=0.006)


def test_an_interval_holds_the_score_and_narrows_with_more_notes():
    widths = []
    for notes in (10, 1000):
        table = make_table(notes, 0.6)
        low, high = intervals(table)["f"]
        assert low < f_scores(table.sum(axis=(0, 1))) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_resamples_have_as_many_notes_and_come_again():
    table = np.ones((7, 2, 3))
    assert (resample(table) == 7).all() and resample(table).shape == (SAMPLES, 2, 3)
    table = make_table(9, 0.5)
    np.testing.assert_array_equal(resample(table), resample(table))


def test_labels_have_intervals_of_their_own():
    table = make_table(30, 0.5)
    table[:, 1] = (10, 0, 0)
    first, second = label_intervals(table)
    assert first.low < first.high < 1 and second == (1.0, 1.0)


def test_p_is_that_of_swapping_notes_one_by_one():
    one, other = make_table(12, 0.65).sum(axis=1), make_table(12, 0.6, seed=3).sum(axis=1)
    found = compare_notes(one, other)
    random, hits = np.random.default_rng(2), 0
    for _ in range(4000):
        swap = random.integers(0, 2, size=12).astype(bool)
        left, right = np.where(swap[:, None], other, one), np.where(swap[:, None], one, other)
        hits += abs(f_scores(left.sum(axis=0)) - f_scores(right.sum(axis=0))) >= abs(found.difference) - 1e-12
    assert found.p == pytest.approx(hits / 4000, abs=0.03)


def test_equal_models_differ_by_nothing():
    table = make_table(15, 0.7).sum(axis=1)
    assert compare_notes(table, table) == (0.0, (0.0, 0.0), 1.0)
    assert "No difference between a and b is shown" in sentence("a", "b", compare_notes(table, table), 15)


def test_a_clear_difference_is_found_and_stated_the_right_way_round():
    good, bad = make_table(40, 0.9).sum(axis=1), make_table(40, 0.5, seed=1).sum(axis=1)
    result = compare_notes(bad, good)
    assert result.difference < -0.3 and result.interval.high < 0 and result.p < 0.001
    assert sentence("bad", "good", result, 40).startswith("good is better than bad on these notes (bad less good: -")


def test_p_is_never_zero():
    """The observed assignment is one of those possible: (hits + 1) / (shuffles + 1), Noreen 1989."""
    good, bad = make_table(40, 0.95).sum(axis=1), make_table(40, 0.3, seed=1).sum(axis=1)
    assert compare_notes(good, bad).p == 1 / (SHUFFLES + 1)


@pytest.mark.parametrize(
    ("p", "low", "high", "shown"),
    [(0.01, 0.02, 0.04, True), (0.01, -0.001, 0.04, False), (0.2, 0.02, 0.04, False), (0.2, -0.1, 0.04, False),
     (0.05, 0.02, 0.04, False), (0.01, 0.0, 0.04, False)],
)  # fmt: skip
def test_a_difference_is_shown_only_if_both_interval_and_p_say_so(p: float, low: float, high: float, shown: bool):
    said = sentence("a", "b", Difference(0.03, Interval(low, high), p), 20)
    assert said.startswith("a is better than b" if shown else "No difference between a and b is shown")


def test_false_alarms_are_as_rare_as_they_should_be():
    """Of models that differ by chance alone about 5 % are told apart at p < 0.05."""
    alarms = sum(
        compare_notes(make_table(20, 0.7, seed).sum(axis=1), make_table(20, 0.7, 1000 + seed).sum(axis=1)).p < 0.05
        for seed in range(100)
    )
    assert alarms <= 12


def test_few_notes_allow_no_verdict():
    good, bad = make_table(3, 0.9).sum(axis=1), make_table(3, 0.1).sum(axis=1)
    assert "cannot be tested on so few notes" in sentence("a", "b", compare_notes(good, bad), 3)


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_same_numbers_come_out_in_every_run():
    one, other = make_table(12, 0.65).sum(axis=1), make_table(12, 0.6, seed=3).sum(axis=1)
    assert compare_notes(one, other) == compare_notes(one, other)
    assert SEED == 42  # the figures of the documents
