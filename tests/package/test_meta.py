"""The fields of a package's meta.json: licence, sources and scores."""

import pytest

from scripts.corpus.terms import ASSETS, terms_of
from scripts.encoders import UNLABELLED
from scripts.package.meta import REQUIREMENTS, SCORES, meta_fields, tried_range

METRICS = {"encoder": "bert-compact", "corpus": "sample", "notes": 24, "support": 1694, **dict.fromkeys(SCORES, 0.5)}


def fields(*sources: dict) -> dict:
    return meta_fields(METRICS, list(sources))


def test_a_model_of_open_notes_is_under_the_licence_of_the_code():
    found = fields(terms_of("sample", ASSETS).to_source())
    assert found["license"] == "MIT"
    assert found["sources"] == [
        {"name": "sample", "license": "CC0-1.0", "open": "yes"},
        {"name": "bert-compact", "license": "see the encoder"},
    ]


@pytest.mark.parametrize(
    ("corpus", "licence"), [("ward", "the terms of ward"), ("i2b2-2011", "n2c2 data use agreement")]
)
def test_a_model_of_closed_notes_is_under_their_terms(corpus, licence):
    assert fields(terms_of(corpus, ASSETS).to_source())["license"] == licence


def test_the_hash_of_the_notes_stays_behind():
    source = terms_of("ward", ASSETS).to_source()
    assert fields({**source, "sha256": "0"})["sources"][0] == source


def test_an_adapted_encoder_closes_a_model_of_open_notes():
    found = fields(terms_of("sample", ASSETS).to_source(), UNLABELLED)
    assert found["license"] == UNLABELLED["license"] and found["sources"][-1] == UNLABELLED


def test_the_notes_say_what_was_measured_on_what():
    notes = fields(terms_of("ward", ASSETS).to_source())["notes"]
    assert "24 test notes of sample, 1,694 mentions" in notes and "the terms of ward" in notes


def test_libraries_are_required_in_the_range_that_was_tried():
    for name in REQUIREMENTS:
        assert tried_range(name).startswith(f"{name}>=") and "<" in tried_range(name)
