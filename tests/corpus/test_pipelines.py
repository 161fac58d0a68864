"""Saved pipelines: loaded with a sentence where that fails, and without the words of the notes that they read."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc

from scripts.cli import InputError
from scripts.corpus.docs import create_nlp
from scripts.corpus.pipelines import add_sources, count_words, load_pipeline, reset_strings


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf8"))


@pytest.fixture
def saved(tmp_path):
    """A pipeline that has read a word of a note, saved."""
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "problem", "pattern": "pain"}])  # type: ignore[attr-defined]
    nlp("Zorblatt has pain .")
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_a_pipeline_takes_notes_of_any_length(saved):
    for model in (saved, str(saved)):
        assert load_pipeline(model).max_length == sys.maxsize


def test_what_is_no_pipeline_is_one_sentence(tmp_path):
    for model in (tmp_path, str(tmp_path), tmp_path / "gone"):
        with pytest.raises(InputError, match="holds no trained pipeline: train one first"):
            load_pipeline(model)
    with pytest.raises(InputError, match="neither the folder of a trained pipeline nor an installed package"):
        load_pipeline("en_medner_gone")


def test_a_pipeline_that_cannot_be_loaded_names_the_kind_of_error_only(saved):
    (saved / "config.cfg").write_text("[nlp]\nlang = \"en\"\npipeline = [\"gone\"]\n")
    with pytest.raises(InputError, match=r"cannot be loaded \(\w+\)\.$"):
        load_pipeline(saved)


def test_only_labels_and_spacys_own_strings_are_kept(saved):
    assert "Zorblatt" in read(saved / "vocab/strings.json")
    reset_strings(saved)
    strings = read(saved / "vocab/strings.json")
    assert "Zorblatt" not in strings and "problem" in strings
    assert [ent.label_ for ent in spacy.load(saved)("Zorblatt has pain .").ents] == ["problem"]


def test_sources_are_stated_beside_what_spacy_states(saved):
    before = read(saved / "meta.json")
    add_sources(saved, [{"name": "ward", "license": "the terms of ward"}])
    assert read(saved / "meta.json") == {**before, "sources": [{"name": "ward", "license": "the terms of ward"}]}


def test_blanks_are_no_words():
    vocab = create_nlp().vocab
    assert count_words([Doc(vocab, words=["chest", "\n", "pain"]), Doc(vocab, words=[" "])]) == 2
