"""What a trained pipeline states about the notes that it learnt from."""

import srsly

from scripts.corpus.pipelines import add_sources
from scripts.corpus.terms import terms_of
from scripts.encoders import ADAPTED, UNLABELLED
from scripts.train.__main__ import list_sources


def test_a_pipeline_states_its_corpus_and_that_its_encoder_was_adapted(tmp_path):
    (tmp_path / "encoder").mkdir()
    srsly.write_json(tmp_path / "meta.json", {"lang": "en"})
    terms = terms_of("ward")
    assert list_sources(terms, str(tmp_path / "encoder")) == [terms.to_source()]
    (tmp_path / "encoder" / ADAPTED).write_text("{}")
    sources = list_sources(terms, str(tmp_path / "encoder"))
    assert sources == [{"name": "ward", "license": "the terms of ward", "open": "no"}, UNLABELLED]
    add_sources(tmp_path, sources)
    assert srsly.read_json(tmp_path / "meta.json") == {"lang": "en", "sources": sources}
