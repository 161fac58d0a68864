"""Precision, recall and F1 from counts: the one place where they are computed."""

import numpy as np

UNDEFINED = "The test notes have no mention: recall and F1 are undefined, and written as 0."


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """P, R and F1 of counts; where nothing is counted they are 0.

    counts (np.ndarray): The last axis is tp, fp, fn: mentions found, invented and missed.
    RETURNS (np.ndarray): The last axis is P, R, F1, as shares of 1.
    """
    tp, fp, fn = np.moveaxis(np.asarray(counts), -1, 0)
    precision = tp / np.maximum(tp + fp, 1)
    recall = tp / np.maximum(tp + fn, 1)
    return np.stack([precision, recall, 2 * tp / np.maximum(2 * tp + fp + fn, 1)], axis=-1)
