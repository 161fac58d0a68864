"""What each precision costs in F, of trained pipelines and the test notes of their corpus."""

from pathlib import Path

import pytest
import srsly
from spacy.tokens import DocBin
from thinc.api import Adam

from benchmarks import precisions
from benchmarks.precisions import MEASURED, measure, report
from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, to_doc
from scripts.corpus.note import Entity, Note
from scripts.runtime.shim import PRECISIONS
from tests import encoders
from tests.pipelines import LINES, build, train

TEXT = "she denies chest pain ."  # what the pipeline learns


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "encoder").mkdir()
    encoders.build_bert(LINES, folder / "encoder")
    nlp = build(folder / "encoder")
    train(nlp, Adam(0.002), 50)
    assert [(ent.start_char, ent.label_) for ent in nlp(TEXT).ents] == [(0, "person"), (11, "problem")]
    nlp.to_disk(folder / "bert")
    return folder / "bert"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """One note with both mentions that the model finds, and one that it does not."""
    entities = [Entity(label, ((start, end),), 1) for label, start, end in
                (("person", 0, 3), ("problem", 11, 21), ("test", 22, 23))]  # fmt: skip
    doc = to_doc(create_nlp(), Note("1", TEXT, tuple(entities), "a", "a")).doc
    (tmp_path / "ward").mkdir()
    DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=[doc]).to_disk(tmp_path / "ward/test.spacy")
    return tmp_path / "ward"


def test_every_precision_is_measured_and_float32_first():
    assert MEASURED[0] == "float32" and {*MEASURED, "auto"} == {*PRECISIONS}


def test_a_row_has_strict_f_in_each_precision(corpus: Path, model: Path):
    row = measure(corpus, model)
    assert row["ents_f"] == dict.fromkeys(MEASURED, 0.8)  # two of three, nothing wrong
    assert row["corpus"] == "ward" and row["seed"] == 0 and row["machine"]


def test_rows_are_kept_and_differences_shown(corpus: Path, model: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(precisions, "RESULTS", tmp_path / "results.jsonl")
    precisions.main(corpus, [model, model])
    rows = [*srsly.read_jsonl(tmp_path / "results.jsonl")]
    assert [row["ents_f"]["float32"] for row in rows] == [0.8, 0.8]
    capsys.readouterr()
    for row, f in zip(rows, (0.75, 0.81), strict=True):
        row["ents_f"]["bfloat16"] = f
    report(rows)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bfloat16 - float32"))
    assert line.split()[3:] == ["-5.00", "+1.00", "-2.00"]
