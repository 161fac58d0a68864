"""Assertions of several models lined up, as `comparison` lines up their mentions."""

from itertools import combinations
from typing import Any

import numpy as np

from scripts.compare.runs import Runs, all_have
from scripts.compare.significance import compare_notes, count_table, holm, intervals, label_intervals, sentence
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import NOTE

TASKS = {"given": "F1 of the assertions of given mentions", "end_to_end": "strict F1 of mentions with assertion"}


def compare_assertions(runs: Runs, unit: str = NOTE) -> dict[str, Any] | None:
    """Line up the assertions of several models on the same notes.

    runs (Runs): On the same notes.
    unit (str): What these are called.
    RETURNS (dict[str, Any] | None): Of `given` and `end_to_end` mentions `models` (the scores of each with its
        interval) and `differences` between each two with their test; of given ones also `values`, by value and model,
        `confusion` and `calibration` by model. None unless all results have assertions; told if only some have.
    """
    if not all_have(runs, "assertions", "Assertions"):
        return None
    found = {name: [result["assertions"] for result in group] for name, group in runs.items()}
    return {task: _compare_task(found, task, unit) for task in TASKS} | {
        "values": _compare_values(found),
        "confusion": {name: group[0]["given"]["confusion"] for name, group in found.items()},
        "calibration": {name: group[0]["given"]["calibration"] for name, group in found.items()},
    }


def _compare_task(found: dict[str, list[dict[str, Any]]], task: str, unit: str) -> dict[str, Any]:
    tables = {name: _tables(group, task, _labels(found, task)) for name, group in found.items()}
    notes = len(next(iter(tables.values())))
    differences = {
        (one, other): compare_notes(tables[one].sum(axis=1), tables[other].sum(axis=1))
        for one, other in combinations(found, 2)
    }
    return {
        "models": {
            name: {
                **{key: float(np.mean([each[task]["micro"][key] for each in group])) for key in ("p", "r", "f")},
                "support": group[0][task]["micro"]["support"],
                "intervals": {key: each._asdict() for key, each in intervals(tables[name]).items()},
            }
            for name, group in found.items()
        },
        "differences": [
            {
                "one": one,
                "other": other,
                **result.to_json(),
                "sentence": sentence(one, other, result, notes, TASKS[task], unit),
            }
            for (one, other), result in differences.items()
        ],
    }


def _compare_values(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """By value: of each model F with its interval, and the tests of each two, corrected for the number of values."""
    values = _labels(found, "given")
    tables = {name: _tables(group, "given", values) for name, group in found.items()}
    ranges = {name: label_intervals(table) for name, table in tables.items()}
    tests = {}
    for one, other in combinations(found, 2):
        results = [compare_notes(tables[one][:, i], tables[other][:, i]) for i in range(len(values))]
        tests[one, other] = list(zip(results, holm([result.p for result in results]), strict=True))
    return {
        value: {
            "models": {
                name: {
                    "f": float(np.mean([each["given"]["per_value"].get(value, {"f": 0.0})["f"] for each in group])),
                    "support": float(tables[name][:, i][:, [0, 2]].sum()),
                    **ranges[name][i]._asdict(),
                }
                for name, group in found.items()
            },
            "differences": [
                {"one": one, "other": other, "difference": result.difference, "p": result.p, "p_holm": corrected}
                for (one, other), rows in tests.items()
                for result, corrected in [rows[i]]
            ],
        }
        for i, value in enumerate(values)
    }


def _labels(found: dict[str, list[dict[str, Any]]], task: str) -> list[str]:
    """Of all results, in the order of the values."""
    labels = {label for group in found.values() for each in group for label in each[task]["per_note"]["labels"]}
    return sorted(labels, key=lambda label: (VALUES.index(label) if label in VALUES else 0, label))


def _tables(group: list[dict[str, Any]], task: str, labels: list[str]) -> np.ndarray:
    """The mean over seeds of the counts, notes x labels x 3."""
    return np.mean([count_table(each[task], labels) for each in group], axis=0)
