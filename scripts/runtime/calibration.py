"""A logistic curve from what a model gives as a probability to how often it is right (Platt 1999)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

EDGE = 1e-6  # how near to 0 and 1 a probability may come
IDENTITY = (1.0, 0.0)  # the curve that changes nothing


def log_odds(probabilities: Any) -> np.ndarray:
    clipped = np.clip(np.asarray(probabilities, dtype="d"), EDGE, 1 - EDGE)
    return np.log(clipped / (1 - clipped))


def calibrate(probabilities: Any, curve: Sequence[float] | None) -> list[float | None]:
    """Calibrated probabilities.

    probabilities (np.ndarray): What the model gives.
    curve (Sequence[float] | None): Slope and intercept, on log-odds; None if there is none, and so no probability.
    """
    if curve is None:
        return [None] * len(probabilities)
    slope, intercept = curve
    return (1 / (1 + np.exp(-(slope * log_odds(probabilities) + intercept)))).tolist()
