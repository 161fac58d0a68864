"""How sure a score is: 95 % intervals by the bootstrap over whole notes (Efron 1979)."""

from typing import NamedTuple

import numpy as np

SAMPLES = 1000
LEVEL = 0.95
SEED = 42


class Interval(NamedTuple):
    """The middle 95 % of a score's resamples."""

    low: float
    high: float


def resample(table: np.ndarray) -> np.ndarray:
    """Counts of 1,000 draws of as many notes with replacement, the same draws for every table of as many notes.

    table (np.ndarray): Counts by note, notes x ...
    RETURNS (np.ndarray): samples x ...
    """
    notes = len(table)
    weights = np.random.default_rng(SEED).multinomial(notes, np.full(notes, 1 / notes), size=SAMPLES)
    return np.tensordot(weights, table, axes=1)


def find_intervals(draws: np.ndarray) -> list[Interval]:
    """The interval of each of several scores.

    draws (np.ndarray): What they are in the resamples, samples x scores; NaN where one is undefined.
    """
    found = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [Interval(*column) for column in found.T.tolist()]
