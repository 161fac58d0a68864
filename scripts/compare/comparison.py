"""Results of several models lined up: scores with intervals, and the differences of each two with their tests."""

from itertools import combinations
from typing import Any

import numpy as np

from scripts.cli import InputError
from scripts.compare.assertions import compare_assertions
from scripts.compare.confidence import compare_confidence
from scripts.compare.significance import (
    compare_notes,
    count_table,
    holm,
    intervals,
    label_intervals,
    sentence,
)
from scripts.corpus.note import NOTE

AVERAGED = ("ents_p", "ents_r", "ents_f", "token_accuracy", "words_per_second")


def compare(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Line up the results of several models on the same notes.

    results (list[dict[str, Any]]): Each as `evaluate` writes it.
    RETURNS (dict[str, Any]): The test notes, `models` with scores, intervals and errors, `labels` with each label's F
        and interval by model, `differences` between each two models with their tests.
    RAISES (InputError): The models were measured on different notes.
    """
    if len({result["test_sha256"] for result in results}) > 1:
        names = ", ".join(result["model"] for result in results)
        raise InputError(f"{names} were evaluated on different notes: evaluate them again on the same.")
    runs: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        runs.setdefault(result["model"].partition("-seed")[0], []).append(result)
    unit = results[0].get("unit", NOTE)
    labels = sorted({label for result in results for label in result["per_note"]["labels"]})
    tables = {name: np.mean([count_table(run, labels) for run in group], axis=0) for name, group in runs.items()}
    by_label = {name: label_intervals(table) for name, table in tables.items()}
    return {
        **{key: results[0][key] for key in ("corpus", "notes", "words", "support", "test_sha256", "ceiling")},
        "unit": unit,
        "in_train": results[0].get("in_train", 0),
        "models": {name: summarise(group, tables[name]) for name, group in runs.items()},
        "labels": {
            label: {
                name: {**mean_of(group, ("ents_per_type", label)), **by_label[name][i]._asdict()}
                for name, group in runs.items()
            }
            for i, label in enumerate(labels)
        },
        "differences": [
            describe(one, other, tables[one], tables[other], labels, unit) for one, other in combinations(runs, 2)
        ],
        "confidence": compare_confidence(runs),
        "assertions": compare_assertions(runs, unit),
    }


def summarise(runs: list[dict[str, Any]], table: np.ndarray) -> dict[str, Any]:
    """A model's scores: means over its runs, the spread of F over seeds, intervals over notes."""
    first = runs[0]
    f_scores = [run["ents_f"] for run in runs]
    return {
        **{key: first[key] for key in ("encoder", "machine", "versions", "errors")},
        **{key: float(np.mean([run[key] for run in runs])) for key in AVERAGED},
        "seeds": [run["seed"] for run in runs],
        "spread": float(np.std(f_scores, ddof=1)) if len(runs) > 1 else None,
        "intervals": {name: interval._asdict() for name, interval in intervals(table).items()},
        "scores": {
            name: {average: mean_of(runs, ("scores", name, average)) for average in scores}
            for name, scores in first["scores"].items()
        },
    }


def mean_of(runs: list[dict[str, Any]], keys: tuple[str, ...]) -> dict[str, float]:
    """The mean over runs of a table of numbers that lies under `keys`; a label that a run never met counts as zeros."""
    found = []
    for run in runs:
        value: Any = run
        for key in keys:
            value = value.get(key, {})
        found.append(value)
    names = next((list(value) for value in found if value), ["p", "r", "f", "support"])
    return {name: float(np.mean([value.get(name, 0.0) for value in found])) for name in names}


def describe(
    one: str, other: str, table: np.ndarray, against: np.ndarray, labels: list[str], unit: str = NOTE
) -> dict[str, Any]:
    """The difference of two models, overall and by label, the latter's p-values corrected for their number."""
    overall = compare_notes(table.sum(axis=1), against.sum(axis=1))
    each = [compare_notes(table[:, i], against[:, i]) for i in range(len(labels))]
    corrected = holm([result.p for result in each])
    mentions = table[..., [0, 2]].sum()  # of the gold notes
    undefined = f"Whether {one} or {other} is better cannot be tested: the test notes have no mention."
    return {
        "one": one,
        "other": other,
        **overall.to_json(),
        "sentence": sentence(one, other, overall, len(table), unit=unit) if mentions else undefined,
        "labels": {
            label: {**result.to_json(), "p_holm": p} for label, result, p in zip(labels, each, corrected, strict=True)
        },
    }
