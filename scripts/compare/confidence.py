"""Confidences of several models lined up: calibration, and what is left at each threshold."""

import warnings
from typing import Any

import numpy as np

from scripts.compare.runs import Runs, all_have
from scripts.compare.significance import count_table
from scripts.corpus.resampling import find_intervals, resample
from scripts.corpus.scores import BINS, calibration_error

SCORES = ("ece", "brier", "auroc")


def compare_confidence(runs: Runs) -> dict[str, Any] | None:
    """Line up the confidences of several models on the same notes.

    runs (Runs): On the same notes.
    RETURNS (dict[str, Any] | None): By model `ece`, `brier` and `auroc`, means over seeds, with their `spread` and the
        `ece_interval`; `bins`, by tenth of confidence the share of mentions, their mean confidence and the share of
        right ones; `without`, the number of mentions without a confidence; `thresholds`, precision and recall of the
        mentions that are at least as sure, with 95 % intervals;
        `labels`, the scores by label. None unless all results have confidences; told if only some have.
    """
    if not all_have(runs, "confidence", "Confidences"):
        return None
    return {name: _summarise(group) for name, group in runs.items()}


def _summarise(group: list[dict[str, Any]]) -> dict[str, Any]:
    found = [result["confidence"] for result in group]
    tables = [np.array(each["per_note"]) for each in found]
    golds = [count_table(result, result["per_note"]["labels"])[..., [0, 2]].sum(axis=(1, 2)) for result in group]
    (interval,) = find_intervals(np.mean([calibration_error(resample(table)) for table in tables], axis=0)[:, None])
    labels = sorted({label for each in found for label in each["per_label"]})
    return {
        **_means(found),
        "spread": {key: float(np.std([each[key] for each in found], ddof=1)) for key in SCORES
                   if None not in [each[key] for each in found]} if len(found) > 1 else None,
        "ece_interval": interval._asdict(),
        "without": float(np.mean([each["without"] for each in found])),
        "bins": _bins(np.mean(tables, axis=0).sum(axis=0)),
        "thresholds": _thresholds(tables, golds),
        "labels": {label: _means([each["per_label"][label] for each in found if label in each["per_label"]])
                   for label in labels},
    }  # fmt: skip


def _means(found: list[dict[str, Any]]) -> dict[str, float | None]:
    """Over seeds, of those that have the score."""
    values = {key: [each[key] for each in found if each[key] is not None] for key in (*SCORES, "number")}
    return {key: float(np.mean(of_key)) if of_key else None for key, of_key in values.items()}


def _bins(table: np.ndarray) -> list[dict[str, float]]:
    """The tenths of confidence in which there are mentions."""
    return [
        {"share": number / table[:, 0].sum(), "confidence": sums / number, "right": right / number}
        for number, right, sums in table.tolist()
        if number
    ]


def _thresholds(tables: list[np.ndarray], golds: list[np.ndarray]) -> list[dict[str, Any]]:
    """Precision and recall of the mentions from each tenth of confidence on, means over seeds, with 95 % intervals;
    where no mention is as sure, precision is None."""
    pairs = list(zip(tables, golds, strict=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
        values = np.nanmean([_scores(table.sum(axis=0), gold.sum()) for table, gold in pairs], axis=0)
        draws = np.nanmean([_scores(resample(table), resample(gold)) for table, gold in pairs], axis=0)
        ends = [find_intervals(draws[:, place]) for place in range(BINS)]
    rows = [
        {key: {"value": float(value), **interval._asdict()}
         for key, value, interval in zip("pr", values[place], ends[place], strict=True)}
        for place in range(BINS)
    ]  # fmt: skip
    return [
        {"threshold": place / BINS, **{key: None if np.isnan(each["value"]) else each for key, each in row.items()}}
        for place, row in enumerate(rows)
    ]


def _scores(table: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Precision, NaN where there is no mention, and recall from each bin on, ... x bins x 2.

    table (np.ndarray): Number of mentions and of right ones, ... x bins x 3.
    gold (np.ndarray): Number of gold mentions, ...
    """
    above = table[..., ::-1, :].cumsum(axis=-2)[..., ::-1, :]
    precision = np.where(above[..., 0] > 0, above[..., 1] / np.maximum(above[..., 0], 1), np.nan)
    return np.stack([precision, above[..., 1] / np.maximum(gold, 1)[..., None]], axis=-1)
