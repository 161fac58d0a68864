"""What the model card says of confidences; the rest of the card is read in the workflow's tests."""

from typing import Any

import pytest

from scripts.publish.card import render_card

SPLIT = dict.fromkeys(("notes", "tokens", "read", "kept", "realigned", "nested", "duplicate", "dropped", "entities"), 9)


def render(**scores: Any) -> str:
    meta = {
        "lang": "en",
        "name": "medner_bert",
        "version": "1.0",
        "spacy_version": ">=3.8",
        "description": "Mentions.",
        "license": "MIT",
        "labels": {"ner": ["problem"]},
        "sources": [{"name": "ward", "license": "CC0-1.0"}, {"name": "bert-compact", "license": "see the encoder"}],
        "performance": {"ents_p": 0.5, "ents_r": 0.5, "ents_f": 0.5, "ents_per_type": {}, **scores},
    }
    audit = {"files": 9, "sha256": "0", "terms": 9, "hits": 0}
    return " ".join(render_card(meta, {"splits": dict.fromkeys(("train", "dev", "test"), SPLIT)}, audit, "x").split())


@pytest.mark.parametrize(
    ("auroc", "said"), [(0.8468, "in 85 of 100 pairs (AUROC)"), (None, "(expected calibration error);")]
)
def test_the_card_says_how_far_confidences_are_off(auroc, said):
    card = render(confidence_ece=0.01553, confidence_auroc=auroc)
    assert "is off by 1.6 points on average (expected calibration error)" in card and said in card
    assert "on notes of another kind it may be far off" in card


def test_the_card_says_that_there_are_none():
    assert "Its mentions have no confidence" in render()
