"""Whether notes may be shown or shared: as `convert` stated it, and never by the name of a folder."""

import shutil

import pytest
import srsly

from scripts.cli import InputError
from scripts.convert.__main__ import main as convert
from scripts.corpus.corpora import CORPORA
from scripts.corpus.terms import are_sources, closed_sources, read_terms, terms_of
from tests.commands import run
from tests.paths import ROOT

ASSETS = ROOT / "assets"
OPEN = {"sample", "sample-medications"}


def test_only_the_projects_own_notes_are_open():
    assert {name for name in CORPORA if terms_of(name, ASSETS).open} == OPEN
    assert all(terms_of(name, ASSETS).licence == "CC0-1.0" for name in OPEN)
    assert terms_of("i2b2-2011", ASSETS).licence == "n2c2 data use agreement"
    assert terms_of("ward", ASSETS) == ("ward", "the terms of ward", False)


@pytest.mark.parametrize("name", OPEN)
def test_other_notes_that_are_called_like_the_projects_own_stay_closed(name, tmp_path):
    shutil.copytree(ASSETS / CORPORA[name].folder, tmp_path / CORPORA[name].folder)
    assert run(convert, name, tmp_path, tmp_path / "out").code == 0
    assert read_terms(tmp_path / "out") == (name, f"the terms of {name}", False)


@pytest.mark.parametrize("name", ["Sample", "sample ", "sample2", "SAMPLE"])
def test_a_name_that_is_almost_an_open_one_opens_nothing(name):
    assert not terms_of(name, ASSETS).open


def test_convert_states_the_terms(tmp_path):
    assert run(convert, "sample-medications", ASSETS, tmp_path / "ward").code == 0
    assert read_terms(tmp_path / "ward") == ("sample-medications", "CC0-1.0", True)
    header = srsly.read_json(tmp_path / "ward/conversion.json")
    assert list(header)[:3] == ["corpus", "licence", "open"]


def test_protected_notes_in_a_folder_called_sample_stay_protected(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / "notes" / split).mkdir(parents=True)
        (tmp_path / "notes" / split / f"{split}.conll").write_text("pain\tB-problem\n")
    assert run(convert, "ward", tmp_path / "notes", tmp_path / "corpus/sample").code == 0
    assert read_terms(tmp_path / "corpus/sample") == ("ward", "the terms of ward", False)


@pytest.mark.parametrize("value", ["no", "yes", 1, None, [True]])
def test_open_is_yes_or_no_and_nothing_else(value, tmp_path):
    srsly.write_json(tmp_path / "conversion.json", {"corpus": "ward", "licence": "the terms of ward", "open": value})
    with pytest.raises(InputError, match="does not state the terms"):
        read_terms(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"corpus": "sample", "licence": "CC0-1.0"}', "[]", "{", ""])
def test_terms_that_are_not_stated_are_asked_for(content, tmp_path):
    (tmp_path / "conversion.json").write_text(content)
    with pytest.raises(InputError, match="conversion.json .*: convert the corpus again"):
        read_terms(tmp_path)


def test_a_corpus_that_was_not_converted_is_reported_so(tmp_path):
    with pytest.raises(InputError, match="does not exist: convert the corpus first"):
        read_terms(tmp_path)


def test_what_is_not_stated_to_be_open_is_closed():
    source = terms_of("sample", ASSETS).to_source()
    assert closed_sources([source]) == []
    for changed in ({**source, "open": "no"}, {**source, "open": True}, {**source, "open": ""}, {**source, "open": "Yes"},
                    {key: value for key, value in source.items() if key != "open"}):  # fmt: skip
        assert closed_sources([source, changed]) == [changed]


def test_sources_are_distinct_from_other_values():
    source = terms_of("ward", ASSETS).to_source()
    assert are_sources([source]) and are_sources([source, {"name": "bert", "license": "see the encoder"}])
    for other in (None, [], {}, "ward", ["ward"], [source, "bert"], [{"name": "ward"}]):
        assert not are_sources(other)
