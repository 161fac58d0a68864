"""How far the confidences of predicted mentions, and the probabilities of assertions, can be trusted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from spacy.tokens import Doc

from scripts.corpus.pairs import find_right
from scripts.corpus.resampling import find_intervals, resample
from scripts.corpus.scores import BINS, calibration_error


def score_probabilities(probability: np.ndarray, right: np.ndarray) -> dict[str, Any] | None:
    """How far probabilities can be trusted; None where there are none.

    probability (np.ndarray): Of each prediction, that it is right.
    right (np.ndarray): Whether it was, bool.
    RETURNS (dict[str, Any] | None): `ece`, the expected calibration error over ten bins of equal width (Guo et al.
        2017), of mentions as entities (Jagannatha and Yu 2020); `brier`, the mean squared difference to 1 for right and
        0 for wrong ones (Brier 1950); `auroc`, how often a right one has a higher probability than a wrong one, None
        if there are only right or only wrong ones; `number`.
    """
    if not len(probability):
        return None
    return {
        "ece": float(calibration_error(bin_table(probability, right))),
        "brier": float(((probability - right) ** 2).mean()),
        "auroc": float(roc_auc_score(right, probability)) if 0 < right.sum() < len(right) else None,
        "number": len(probability),
    }


def bin_table(probability: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Predictions by tenths of their probability: their number, how many are right, and the sum of the probabilities;
    bins x 3."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    return np.stack([np.bincount(place, values, BINS) for values in (np.ones(len(place)), right, probability)], axis=-1)


def score_confidence(golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Any] | None:
    """The scores of `ent._.confidence`; a mention is right if its label and both ends are (strict match).

    golds, predictions (Sequence[Doc]): The same notes in the same order.
    RETURNS (dict[str, Any] | None): `ece`, `brier`, `auroc` and `number` as `score_probabilities` gives them, with the
        95 % interval of the first as `ece_interval`; the same `per_label`; `without`, the number of mentions without a
        confidence; `per_note`, by note and tenth of confidence the number of mentions, of right ones, and the sum of
        confidences. None if no mention has one.
    """
    rows = [
        [(ent._.confidence, is_right, ent.label_)
         for ent, is_right in zip(predicted.ents, find_right(gold, predicted), strict=True)]
        for gold, predicted in zip(golds, predictions, strict=True)
    ]  # fmt: skip
    sure = [[row for row in note if row[0] is not None] for note in rows]
    probability, right, labels = map(np.array, _columns([row for note in sure for row in note]))
    overall = score_probabilities(probability, right)
    if overall is None:
        return None
    table = np.array([bin_table(*map(np.array, _columns(note)[:2])) for note in sure])
    (interval,) = find_intervals(calibration_error(resample(table))[:, None])
    return {
        **overall,
        "ece_interval": interval._asdict(),
        "per_label": {
            label: score_probabilities(probability[labels == label], right[labels == label])
            for label in sorted(set(labels.tolist()))
        },
        "without": sum(map(len, rows)) - len(labels),
        "per_note": table.round(6).tolist(),
    }


def _columns(rows: Sequence[tuple[float, bool, str]]) -> tuple[list[float], list[bool], list[str]]:
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
