"""Comparing models side by side."""

import json
from pathlib import Path

from scripts.compare import main
from tests.commands import assert_fails, run


def write_metrics(path: Path, f1: float, test: str = "one", labels: tuple[str, ...] = ("problem",)) -> Path:
    scores = {"p": f1, "r": f1, "f": f1, "support": 10}
    metrics = {
        "model": path.stem,
        "corpus": "sample",
        "test_sha256": test,
        "encoder": f"{path.stem}-base",
        "ents_p": f1,
        "ents_r": f1,
        "ents_f": f1,
        "support": 10,
        "token_accuracy": f1,
        "ents_per_type": dict.fromkeys(labels, scores),
        "notes": 2,
        "words": 100,
        "words_per_second": 1234,
    }
    path.write_text(json.dumps(metrics))
    return path


def test_all_models_stand_in_one_table(tmp_path):
    paths = [
        write_metrics(tmp_path / "bert.json", 0.8123),
        write_metrics(tmp_path / "albert.json", 0.7, labels=("problem", "test")),
    ]
    done = run(main, tmp_path / "comparison.json", *paths)
    assert done.code == 0
    comparison = json.loads((tmp_path / "comparison.json").read_text())
    assert comparison["models"]["bert"]["ents_f"] == 0.8123
    assert comparison["models"]["albert"]["encoder"] == "albert-base"
    assert comparison["ents_f_per_type"] == {
        "problem": {"bert": 0.8123, "albert": 0.7},
        "test": {"bert": 0.0, "albert": 0.7},
    }
    table = [line.split() for line in done.output.splitlines() if line.strip()]
    assert ["F", "81.23", "70.00"] in table and ["words/s", "1,234", "1,234"] in table


def test_models_measured_on_other_notes_are_refused(tmp_path):
    paths = [
        write_metrics(tmp_path / "bert.json", 0.8),
        write_metrics(tmp_path / "albert.json", 0.7, test="other"),
    ]
    done = run(main, tmp_path / "comparison.json", *paths)
    assert_fails(done, "bert, albert were evaluated on different notes", without=tmp_path / "comparison.json")


def test_a_missing_result_is_told(tmp_path):
    done = run(main, tmp_path / "comparison.json", tmp_path / "bert.json")
    assert_fails(done, "bert.json does not exist: evaluate the model first")
