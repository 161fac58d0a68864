"""Precision, recall, F1 and calibration error from counts: the one place where they are computed."""

import numpy as np

BINS = 10  # of probabilities, of equal width
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


def calibration_error(bins: np.ndarray) -> np.ndarray:
    """The expected calibration error (Guo et al. 2017): how far the mean probability of a bin is from its share of
    right predictions, on average over the predictions.

    bins (np.ndarray): The number of predictions, of right ones, and the sum of their probabilities, ... x bins x 3.
    RETURNS (np.ndarray): As shares of 1; 0 without a prediction.
    """
    number, right, sums = np.moveaxis(np.asarray(bins), -1, 0)
    return np.abs(sums - right).sum(axis=-1) / np.maximum(number.sum(axis=-1), 1)
