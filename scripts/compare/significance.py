"""How sure a score is, and whether a difference is more than chance: resampling of whole notes."""

from typing import Any, NamedTuple

import numpy as np

from scripts.corpus.resampling import SEED, Interval, find_intervals, resample
from scripts.corpus.scores import precision_recall_f1

SHUFFLES = 10_000
ALPHA = 0.05  # of tests
FEWEST_NOTES = 6  # with five, no swapping of notes can reach p < 0.05: 2 / 2**5


class Difference(NamedTuple):
    """One model's F less another's on the same notes.

    difference (float): Of the F scores, as shares of 1.
    interval (Interval): Of the difference, by the paired bootstrap.
    p (float): Two-sided, by approximate randomisation over notes.
    """

    difference: float
    interval: Interval
    p: float

    def to_json(self) -> dict[str, float]:
        return {"difference": self.difference, **self.interval._asdict(), "p": self.p}


def count_table(result: dict[str, Any], labels: list[str]) -> np.ndarray:
    """The counts of a result as `evaluate` writes them, notes x labels x 3, for the labels of all models.

    result (dict[str, Any]): Its `per_note` has `labels` and the `counts` of each note.
    """
    found = result["per_note"]
    table = np.zeros((len(found["counts"]), len(labels), 3))
    if found["labels"]:
        table[:, [labels.index(label) for label in found["labels"]]] = found["counts"]
    return table


def f_scores(counts: np.ndarray) -> np.ndarray:
    """F1 of counts of which the last axis is tp, fp, fn."""
    return precision_recall_f1(counts)[..., 2]


def intervals(table: np.ndarray) -> dict[str, Interval]:
    """95 % percentile intervals (Efron 1979) of P, R and F of all labels together.

    table (np.ndarray): Counts by note and label, notes x labels x 3.
    """
    found = find_intervals(precision_recall_f1(resample(table.sum(axis=1))))
    return dict(zip("prf", found, strict=True))


def label_intervals(table: np.ndarray) -> list[Interval]:
    """The same of each label's F."""
    return find_intervals(f_scores(resample(table)))


def compare_notes(one: np.ndarray, other: np.ndarray) -> Difference:
    """Compare two models on the same notes by their F.

    The p-value is that of approximate randomisation (Noreen 1989; Yeh 2000): how often notes whose results are
    swapped between the models at random differ as much, (hits + 1) / (shuffles + 1).

    one, other (np.ndarray): Counts by note, notes x 3.
    """
    difference = float(f_scores(one.sum(axis=0)) - f_scores(other.sum(axis=0)))
    draws = f_scores(resample(one)) - f_scores(resample(other))
    swap = np.random.default_rng(SEED).integers(0, 2, size=(SHUFFLES, len(one)))
    moved = swap @ (other - one)
    shuffled = f_scores(one.sum(axis=0) + moved) - f_scores(other.sum(axis=0) - moved)
    hits = int((np.abs(shuffled) >= abs(difference) - 1e-12).sum())
    (interval,) = find_intervals(draws[:, None])
    return Difference(difference, interval, (hits + 1) / (SHUFFLES + 1))


def holm(p_values: list[float]) -> list[float]:
    """p-values corrected for their number, step-down (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    corrected, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = running
    return corrected


def sentence(one: str, other: str, result: Difference, notes: int, score: str = "strict F1", unit: str = "note") -> str:
    """What a comparison on so many notes, or other units, shows, in words, from the numbers."""
    low, high = (100 * end for end in result.interval)
    numbers = (
        f"{one} less {other}: {100 * result.difference:+.2f} points of {score},"
        f" 95 % interval {low:+.2f} to {high:+.2f}, p = {result.p:.4f}, {notes} {unit}s"
    )
    if notes < FEWEST_NOTES:
        return f"Whether {one} or {other} is better cannot be tested on so few {unit}s ({numbers})."
    if result.p >= ALPHA or low <= 0 <= high:
        return f"No difference between {one} and {other} is shown ({numbers})."
    better, worse = (one, other) if result.difference > 0 else (other, one)
    return f"{better} is better than {worse} on these {unit}s ({numbers})."
