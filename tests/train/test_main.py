"""What a trained pipeline states about the notes that it learnt from."""

import hashlib

import srsly

from scripts.corpus.pipelines import add_sources
from scripts.encoders import ADAPTED, UNLABELLED
from scripts.train.__main__ import list_sources

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
