"""Confidences of several models lined up: means, spread, intervals, and what is left at each threshold."""

from typing import Any

import numpy as np
import pytest

from scripts.compare.confidence import compare_confidence
from scripts.compare.plots import draw_reliability, draw_thresholds
from scripts.corpus.resampling import resample
from scripts.corpus.scores import BINS, calibration_error
from scripts.evaluate.confidence import bin_table, score_probabilities

NOTES, GOLD = 20, 15


def make_result(seed: int, auroc: float | None = 0.8) -> dict[str, Any]:
    """Notes of ten mentions, of which as many are right as their confidences say, and 15 gold ones."""
    random = np.random.default_rng(seed)
    sure = random.random((NOTES, 10))
    right = random.random((NOTES, 10)) < sure
    table = np.array([bin_table(*note) for note in zip(sure, right, strict=True)])
    scores = score_probabilities(sure.ravel(), right.ravel())
    assert scores is not None
    tp = right.sum(axis=1)
    counts = np.stack([tp, 10 - tp, GOLD - tp], axis=-1)[:, None]
    confidence = {**scores, "auroc": auroc, "without": 2, "per_label": {"problem": scores}, "per_note": table.tolist()}
    return {"confidence": confidence, "per_note": {"labels": ["problem"], "counts": counts.tolist()}}


def test_thresholds_have_the_precision_and_recall_of_what_is_as_sure():
    result = make_result(0)
    found = compare_confidence({"bert": [result]})
    assert found is not None
    bert, table = found["bert"], np.array(result["confidence"]["per_note"]).sum(axis=0)
    assert [row["threshold"] for row in bert["thresholds"]] == [place / BINS for place in range(BINS)]
    for place, row in enumerate(bert["thresholds"]):
        number, right = table[place:, :2].sum(axis=0)
        assert row["p"]["value"] == pytest.approx(right / number)
        assert row["r"]["value"] == pytest.approx(right / (NOTES * GOLD))
        assert row["p"]["low"] < row["p"]["value"] < row["p"]["high"]
        assert row["r"]["low"] < row["r"]["value"] < row["r"]["high"]
    recalls = [row["r"]["value"] for row in bert["thresholds"]]
    assert recalls == sorted(recalls, reverse=True)
    assert bert["without"] == 2
    shares = [row["share"] for row in bert["bins"]]
    assert sum(shares) == pytest.approx(1)
    for row, (number, right, sums) in zip(bert["bins"], table, strict=True):
        assert (row["confidence"], row["right"]) == pytest.approx((sums / number, right / number))


def empty_top(result: dict[str, Any]) -> dict[str, Any]:
    """The same without a mention in the highest bin."""
    table = np.array(result["confidence"]["per_note"])
    table[:, -1] = 0
    result["confidence"]["per_note"] = table.tolist()
    return result


def test_where_no_mention_is_as_sure_precision_is_undefined():
    found = compare_confidence({"bert": [empty_top(make_result(0))]})
    assert found is not None
    last = found["bert"]["thresholds"][-1]
    assert last["p"] is None and last["r"]["value"] == 0
    assert "from 0.8 precision" in (picture := draw_thresholds(found)) and "from 0.9" not in picture
    # Of several seeds those count that have some
    whole = compare_confidence({"bert": [make_result(1)]})
    both = compare_confidence({"bert": [empty_top(make_result(0)), make_result(1)]})
    assert whole and both
    assert both["bert"]["thresholds"][-1]["p"] == whole["bert"]["thresholds"][-1]["p"]


def test_seeds_are_averaged_and_their_spread_is_told():
    runs = [make_result(seed) for seed in range(3)]
    found = compare_confidence({"bert": runs, "albert": [make_result(9, None)]})
    assert found is not None
    errors = [run["confidence"]["ece"] for run in runs]
    assert found["bert"]["ece"] == pytest.approx(np.mean(errors))
    assert found["bert"]["spread"]["ece"] == pytest.approx(np.std(errors, ddof=1))
    assert found["bert"]["labels"]["problem"]["brier"] == pytest.approx(found["bert"]["brier"])
    draws = np.mean([calibration_error(resample(np.array(run["confidence"]["per_note"]))) for run in runs], axis=0)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found["bert"]["ece_interval"] == {"low": pytest.approx(low), "high": pytest.approx(high)}
    assert found["albert"]["spread"] is None and found["albert"]["auroc"] is None


def test_without_confidences_of_all_models_there_is_nothing_to_compare(capsys):
    result = make_result(0)
    assert compare_confidence({"bert": [result], "albert": [{"confidence": None}]}) is None
    assert "the results of albert have none" in " ".join(capsys.readouterr().out.split())
    assert compare_confidence({"bert": [{}]}) is None  # evaluated by an older version


def test_the_pictures_can_be_read_aloud():
    found = compare_confidence({"bert": [make_result(0)], "albert": [make_result(1)]})
    assert found is not None
    bins, thresholds = found["bert"]["bins"], found["albert"]["thresholds"]
    first = f"bert: of {100 * bins[0]['confidence']:.0f} right {100 * bins[0]['right']:.0f}, "
    assert f'aria-label="Right mentions by confidence. {first}' in draw_reliability(found)
    row = thresholds[9]
    last = f"from 0.9 precision {100 * row['p']['value']:.1f}, recall {100 * row['r']['value']:.1f}."
    assert last in draw_thresholds(found)
