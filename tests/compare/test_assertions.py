"""Assertions of several models lined up: means, intervals and tests from the counts of the notes."""

from typing import Any

import numpy as np
import pytest

from scripts.compare.assertions import compare_assertions
from scripts.compare.plots import draw_confusion
from scripts.compare.significance import compare_notes, holm
from scripts.corpus.scores import precision_recall_f1

VALUES = ["absent", "present"]


def make_result(rates: tuple[float, float], seed: int) -> dict[str, Any]:
    """25 notes of ten mentions a value, found at the value's rate; wrong ones are taken for the other value."""
    hits = np.random.default_rng(seed).binomial(10, rates, size=(25, 2))
    table = np.stack([hits, (10 - hits)[:, ::-1], 10 - hits], axis=-1)
    p, r, f = precision_recall_f1(table.sum(axis=(0, 1))).tolist()
    per_value = precision_recall_f1(table.sum(axis=0)).tolist()
    task = {
        "micro": {"p": p, "r": r, "f": f, "support": 500},
        "per_value": {
            value: dict(zip("prf", row, strict=True), support=250) for value, row in zip(VALUES, per_value, strict=True)
        },
        "per_note": {"labels": VALUES, "counts": table.tolist()},
    }
    confusion = [{"gold": "absent", "predicted": "present", "count": 3}]
    return {"assertions": {"given": {**task, "confusion": confusion, "calibration": None}, "end_to_end": task}}


def test_models_have_scores_intervals_and_tests():
    one, other = make_result((0.9, 0.8), 0), make_result((0.7, 0.75), 1)
    found = compare_assertions({"bert": [one], "albert": [other]})
    assert found is not None
    tables = [np.array(result["assertions"]["given"]["per_note"]["counts"]) for result in (one, other)]
    for task in ("given", "end_to_end"):
        bert = found[task]["models"]["bert"]
        assert bert["f"] == one["assertions"][task]["micro"]["f"]
        assert bert["intervals"]["f"]["low"] < bert["f"] < bert["intervals"]["f"]["high"]
        (difference,) = found[task]["differences"]
        result = compare_notes(*(table.sum(axis=1) for table in tables))
        assert (difference["difference"], difference["p"]) == (result.difference, result.p)
        assert difference["sentence"].startswith("bert is better than albert on these notes")
    p_values = [compare_notes(tables[0][:, i], tables[1][:, i]).p for i in range(2)]
    rows = [found["values"][value]["differences"][0] for value in ("present", "absent")]
    assert [row["p"] for row in rows] == p_values[::-1] and [row["p_holm"] for row in rows] == holm(p_values)[::-1]
    assert list(found["values"]) == ["present", "absent"]  # in the order of i2b2 2010
    assert found["values"]["absent"]["models"]["bert"]["support"] == 250


def test_seeds_are_averaged():
    runs = [make_result((0.9, 0.8), seed) for seed in range(3)]
    found = compare_assertions({"bert": runs, "albert": [make_result((0.7, 0.75), 9)]})
    assert found is not None
    mean = np.mean([run["assertions"]["given"]["micro"]["f"] for run in runs])
    assert found["given"]["models"]["bert"]["f"] == pytest.approx(mean)


def test_a_value_that_one_model_never_met_counts_as_zeros():
    one, other = make_result((0.9, 0.8), 0), make_result((0.7, 0.75), 1)
    given = other["assertions"]["given"]
    given["per_note"] = {"labels": ["present"], "counts": np.array(given["per_note"]["counts"])[:, 1:].tolist()}
    del given["per_value"]["absent"]
    found = compare_assertions({"bert": [one], "albert": [other]})
    assert found is not None
    assert found["values"]["absent"]["models"]["albert"]["f"] == 0.0


def test_without_assertions_of_all_models_there_is_nothing_to_compare():
    with_some = make_result((0.9, 0.8), 0)
    assert compare_assertions({"bert": [with_some], "albert": [{"assertions": None}]}) is None
    assert compare_assertions({"bert": [with_some], "albert": [{}]}) is None  # evaluated by an older version


def test_the_picture_of_confusions_can_be_read_aloud():
    pairs = [
        {"gold": "absent", "predicted": "absent", "count": 30},
        {"gold": "absent", "predicted": "associated_with_someone_else", "count": 2},
        {"gold": "absent", "predicted": "", "count": 1},
    ]
    picture = draw_confusion("bert", pairs)
    assert (
        'aria-label="Assertions by bert. gold absent: 30 absent, 2 someone else, 1 none; gold someone else: ."'
        in picture
    )
