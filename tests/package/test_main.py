"""A model is packaged with the notes that it learnt from and was scored on, and with no others."""

import hashlib

import pytest
import srsly
from packaging.version import Version

from scripts.cli import InputError
from scripts.package.__main__ import check_names, check_sources, main
from tests.commands import assert_fails, run

NOTES = {"train.spacy": b"train notes", "test.spacy": b"test notes"}
SOURCE = {"name": "ward", "license": "the terms of ward", "open": "no",
          "sha256": hashlib.sha256(NOTES["train.spacy"]).hexdigest()}  # fmt: skip
RESULTS = {"test_sha256": hashlib.sha256(NOTES["test.spacy"]).hexdigest()}


@pytest.fixture
def corpus(tmp_path):
    for name, content in NOTES.items():
        (tmp_path / name).write_bytes(content)
    srsly.write_json(tmp_path / "conversion.json", {"corpus": "ward", "licence": "the terms of ward", "open": False})
    return tmp_path


def test_the_sources_of_a_model_of_these_notes_are_taken(corpus):
    assert check_sources({"sources": [SOURCE]}, RESULTS, corpus) == [SOURCE]


@pytest.mark.parametrize("sources", [None, [], "ward", ["ward"], [{"name": "ward"}]])
def test_a_model_that_does_not_state_its_notes_is_refused(sources, corpus):
    with pytest.raises(InputError, match="does not state which notes it learnt from: train it again"):
        check_sources({"sources": sources}, RESULTS, corpus)


def test_a_model_of_another_corpus_is_refused(corpus):
    with pytest.raises(InputError, match=r"learnt from other, but .* holds ward: give its own corpus"):
        check_sources({"sources": [{**SOURCE, "name": "other"}]}, RESULTS, corpus)


@pytest.mark.parametrize(
    ("file", "said"), [("train.spacy", "learnt from other notes"), ("test.spacy", "scored on other")]
)
def test_a_corpus_of_the_name_with_other_notes_is_refused(file, said, corpus):
    (corpus / file).write_bytes(b"other notes")
    with pytest.raises(InputError, match=said):
        check_sources({"sources": [SOURCE]}, RESULTS, corpus)


@pytest.mark.parametrize(
    "name", ["my model", "o'neil", "../up", "a-b", "Bert", "bert_", "a__b", "bért", "2b", "a$b", ""]
)
def test_a_name_that_no_package_can_have_is_refused(name, tmp_path):
    done = run(main, tmp_path, tmp_path, tmp_path, tmp_path / "out", "--version", "1.0", f"--name={name}")
    assert_fails(done, "cannot name a package", "medner_bert", without=tmp_path / "out")


@pytest.mark.parametrize("version", ["1.0 beta", "1.0-beta", "v1.0", "01.0", "../1", "latest", "1..0", "1.0\n", ""])
def test_a_version_that_no_package_can_have_is_refused(version, tmp_path):
    done = run(main, tmp_path, tmp_path, tmp_path, tmp_path / "out", "--name", "medner_bert", f"--version={version}")
    assert_fails(done, "cannot be the version of a package", without=tmp_path / "out")


@pytest.mark.parametrize("version", ["0.1.0", "1", "2.10", "1.0rc1", "1.0.post2", "0.1.0.dev3"])
def test_names_and_versions_of_packages_are_taken(version):
    assert str(Version(version)) == version
    check_names("medner_bert2_ward", version)


def test_what_evaluate_did_not_write_is_no_result(corpus):
    srsly.write_json(corpus / "meta.json", {"sources": [SOURCE]})
    srsly.write_json(corpus / "comparison.json", {"models": {}})
    done = run(main, corpus, corpus / "comparison.json", corpus, corpus / "out", "--name", "a", "--version", "1")
    assert_fails(done, "comparison.json is damaged or of another kind: evaluate the model again")
