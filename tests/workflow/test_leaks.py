"""No word of the notes leaves the corpus: the workflow runs on notes with planted words, all it makes is searched."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import spacy
from spacy.cli.package import package as stock_package

from scripts.convert.__main__ import main as convert
from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.pipelines import reset_strings
from scripts.package.__main__ import main as package
from scripts.package.audit import audit
from scripts.package.known import general_text
from tests.commands import assert_fails, run
from tests.planted import NOTE, PLANTED
from tests.projects import Project


def texts_of(path: Path) -> str:
    """The bytes of a file as text, those of a wheel's members instead of the wheel's."""
    if path.suffix != ".whl":
        return path.read_bytes().decode("latin-1").lower()
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode("latin-1") for name in archive.namelist()).lower()


def test_nothing_but_the_corpus_and_the_predictions_holds_planted_words(ward):
    places = [path for path in ward.folder.rglob("*") if path.is_file()]
    kept = {path for path in places if path.parent.name == "ward" and path.suffix in (".txt", ".con", ".spacy")}
    assert {path.parts[-3] for path in kept if path.suffix == ".spacy"} == {"corpus", "metrics"}
    searched = [path for path in places if path not in kept]
    assert {"run.log", "report.html", "bert.json", "log.jsonl", "strings.json", "conversion.json"} <= {
        path.name for path in searched
    }
    for path in searched:
        text = texts_of(path)
        assert not [word for word in PLANTED if word in text], path


@pytest.mark.parametrize("model", ["bert", "albert"])
def test_a_wheel_holds_no_path_of_the_machine_that_trained(ward, model):
    (wheel,) = ward.path("packages").glob(f"en_medner_{model}-*/dist/*.whl")
    assert f"encoders/{model}" not in texts_of(wheel) and str(ward.folder).lower() not in texts_of(wheel)


def test_the_words_are_in_the_notes_that_were_trained_on(ward):
    docs = read_docs(ward.path("corpus/ward/train.spacy"), create_nlp().vocab)
    assert all(word in docs[0].text.lower() for word in PLANTED)


@pytest.mark.parametrize("model", ["bert", "albert"])
def test_the_audit_lies_beside_the_wheel(ward, model):
    (wheel,) = ward.path("packages").glob(f"en_medner_{model}-*/dist/*.whl")
    result = json.loads(wheel.with_suffix(".whl.audit.json").read_text())
    with zipfile.ZipFile(wheel) as archive:
        assert result["files"] == len(archive.namelist())
    assert result["hits"] == 0 and result["terms"] > 20 and result["wheel"] == wheel.name


def leaky(ward: Project, folder: Path) -> Path:
    """The trained model as spaCy alone would have saved it: with every token that it read in its string store."""
    nlp = spacy.load(ward.path("training/ward/bert/model-best"))
    list(nlp.pipe([NOTE]))
    nlp.to_disk(folder)
    return folder


def test_stock_packaging_leaks_and_the_audit_catches_it(ward, tmp_path):
    model = leaky(ward, tmp_path / "model")
    stock_package(model, tmp_path, name="stock", version="1", create_sdist=False, create_wheel=True)
    (wheel,) = tmp_path.glob("en_stock-1/dist/*.whl")
    assert all(word in texts_of(wheel) for word in PLANTED)
    result = audit(wheel, [NOTE], general_text(model, {}, "stock", "1"))
    assert list(result.hits) == ["en_stock/en_stock-1/vocab/strings.json"]
    assert set(PLANTED) <= result.hits["en_stock/en_stock-1/vocab/strings.json"].words


def package_of(ward: Project, model: Path, output: Path, *options: str):
    return run(package, model, ward.path("metrics/ward/bert.json"), ward.path("corpus/ward"), output, "--name",
               "medner_bert", "--version", "1.0", *options)  # fmt: skip


def test_ours_does_not_leak_even_if_the_model_does(ward, tmp_path):
    model = leaky(ward, tmp_path / "model")
    assert "zorblattin" in (model / "vocab/strings.json").read_text()
    done = package_of(ward, model, tmp_path / "packages")
    assert done.code == 0, done.output
    (wheel,) = tmp_path.glob("packages/*/dist/*.whl")
    assert not any(word in texts_of(wheel) for word in PLANTED)


@pytest.mark.parametrize("model", ["bert", "albert"])
def test_what_learnt_from_a_wards_notes_is_under_the_wards_terms(ward, model):
    (wheel,) = ward.path("packages").glob(f"en_medner_{model}-*/dist/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        meta = json.loads(archive.read(f"en_medner_{model}/meta.json"))
    assert meta["license"] == "the terms of ward"
    assert meta["sources"][0] == {"name": "ward", "license": "the terms of ward", "open": "no"}


def test_the_name_of_a_folder_changes_no_terms(ward, tmp_path):
    """Converted as ward into a folder called sample, notes once came out as open, and their package under MIT."""
    shutil.copytree(ward.path("corpus/ward"), tmp_path / "sample")
    model = ward.path("training/ward/bert/model-best")
    done = run(package, model, ward.path("metrics/ward/bert.json"), tmp_path / "sample", tmp_path / "packages",
               "--name", "medner_bert", "--version", "1.0")  # fmt: skip
    assert done.code == 0, done.output
    meta = json.loads((tmp_path / "packages/en_medner_bert-1.0/meta.json").read_text())
    assert meta["license"] == "the terms of ward" and meta["sources"][0]["open"] == "no"


def test_a_model_is_not_packaged_under_the_terms_of_other_notes(ward, tmp_path):
    assert run(convert, "sample", ward.path("assets"), tmp_path / "sample").code == 0
    model, metrics = ward.path("training/ward/bert/model-best"), ward.path("metrics/ward/bert.json")
    options = ("--name", "medner_bert", "--version", "1.0")
    done = run(package, model, metrics, tmp_path / "sample", tmp_path / "packages", *options)
    assert_fails(done, "learnt from ward", "holds sample", without=tmp_path / "packages/en_medner_bert-1.0")


def test_a_word_that_is_left_in_stops_the_command(ward, tmp_path):
    model = leaky(ward, tmp_path / "model")
    (model / "notes.txt").write_text("quendrick")
    done = package_of(ward, model, tmp_path / "packages")
    assert_fails(done, "holds words of the notes", without=tmp_path / "packages/en_medner_bert-1.0")
    assert "notes.txt (1)" in " ".join(done.output.split()) and "quendrick" not in done.output
    done = package_of(ward, model, tmp_path / "packages", "--show-text")
    assert done.code == 1 and re.search(r"notes\.txt:\s+quendrick", done.output)


def test_predictions_are_the_same_without_the_words(ward, tmp_path):
    model = leaky(ward, tmp_path / "model")
    texts = [NOTE, "No zorblattin for Quendrick .", ""]

    def predict() -> list:
        nlp = spacy.load(model)
        return [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]

    before = predict()
    size = (model / "vocab/strings.json").stat().st_size
    reset_strings(model)
    assert predict() == before and (model / "vocab/strings.json").stat().st_size < size
    strings = set(json.loads((model / "vocab/strings.json").read_text()))
    assert {"problem", "treatment"} <= strings and not {"zorblattin", "Quendrick", "90817263"} & strings
