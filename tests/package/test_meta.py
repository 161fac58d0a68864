"""The fields of a package's meta.json: licence, sources and scores."""

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from scripts.corpus.terms import ASSETS, terms_of
from scripts.encoders import UNLABELLED
from scripts.package.meta import RANGES, SCORES, meta_fields
from tests.paths import ROOT

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


def test_scores_without_mentions_are_said_to_be_undefined():
    sources = [terms_of("ward", ASSETS).to_source()]
    assert "undefined" not in meta_fields(METRICS, sources)["notes"]
    assert "0 mentions, so recall and F1 are undefined." in meta_fields({**METRICS, "support": 0}, sources)["notes"]


def test_the_notes_say_what_was_measured_on_what():
    notes = fields(terms_of("ward", ASSETS).to_source())["notes"]
    assert "24 test notes of sample, 1,694 mentions" in notes and "the terms of ward" in notes


def test_how_far_confidences_can_be_trusted_is_stated_where_there_are_some():
    sources = [terms_of("sample", ASSETS).to_source()]
    assert not [name for name in fields(*sources)["performance"] if name.startswith("confidence")]
    confidence = {"ece": 0.016, "brier": 0.127, "auroc": 0.847, "per_note": []}
    found = meta_fields({**METRICS, "confidence": confidence}, sources)["performance"]
    stated = {"confidence_ece": 0.016, "confidence_brier": 0.127, "confidence_auroc": 0.847}
    assert {name: value for name, value in found.items() if name.startswith("confidence")} == stated


def test_libraries_are_required_from_one_version_up_to_another():
    required = [Requirement(text) for text in fields(terms_of("sample", ASSETS).to_source())["requirements"]]
    assert {requirement.name: requirement.specifier for requirement in required} == {
        name: SpecifierSet(versions) for name, versions in RANGES.items()
    }
    assert all({bound.operator for bound in requirement.specifier} == {">=", "<"} for requirement in required)


def test_the_libraries_of_the_project_are_in_the_ranges_of_its_packages():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf8").splitlines()
    pins = dict(line.partition("#")[0].strip().split("==") for line in lines if "==" in line)
    outside = {name: pins[name] for name, versions in RANGES.items() if pins[name] not in SpecifierSet(versions)}
    assert not outside
