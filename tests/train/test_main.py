"""What a trained pipeline states about the notes that it learnt from."""

import hashlib

import pytest
import srsly

from scripts.corpus.pipelines import add_sources
from scripts.encoders import ADAPTED, UNLABELLED
from scripts.train.__main__ import check_paths, list_sources, main
from tests.commands import assert_fails, run
from tests.paths import ROOT

TERMS = {"corpus": "ward", "licence": "the terms of ward", "open": False}


def test_a_pipeline_states_its_notes_their_terms_and_that_its_encoder_was_adapted(tmp_path):
    (tmp_path / "encoder").mkdir()
    srsly.write_json(tmp_path / "meta.json", {"lang": "en"})
    srsly.write_json(tmp_path / "conversion.json", TERMS)
    (tmp_path / "train.spacy").write_bytes(b"notes")
    notes = {"name": "ward", "license": "the terms of ward", "open": "no",
             "sha256": hashlib.sha256(b"notes").hexdigest()}  # fmt: skip
    assert list_sources(tmp_path, str(tmp_path / "encoder")) == [notes]
    (tmp_path / "encoder" / ADAPTED).write_text("{}")
    sources = list_sources(tmp_path, str(tmp_path / "encoder"))
    assert sources == [notes, UNLABELLED]
    add_sources(tmp_path, sources)
    assert srsly.read_json(tmp_path / "meta.json") == {"lang": "en", "sources": sources}


@pytest.mark.parametrize("name", ["${ward}", "a${nlp.lang}b"])
def test_a_path_that_spacy_takes_for_a_variable_is_refused(name, tmp_path):
    for paths in (("bert", name, "out"), (name, "ward", "out"), ("bert", "ward", name)):
        encoder, corpus, output = (tmp_path / path for path in paths)
        done = run(main, ROOT / "configs/bert.cfg", encoder, corpus, output)
        assert_fails(done, "cannot be used, for spaCy takes ${} for a variable", without=output)


def test_other_odd_paths_are_taken():
    check_paths("my notes", "o'neil", 'a"b', "$HOME", "ümlaut", "{x}", "a\\b")
