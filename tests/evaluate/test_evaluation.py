"""Which gold each definition counts: the flat one that the model is trained on, or all that is annotated."""

import pytest
from spacy.tokens import Doc, Span, SpanGroup

from scripts.cli import InputError
from scripts.corpus.docs import GOLD, NOTE_ID
from scripts.evaluate.evaluation import ALL_GOLD, evaluate
from tests.docs import make_doc

FLAT = ((2, 5, "problem"), (7, 8, "test"), (11, 13, "treatment"))
NESTED = (3, 4, "problem")


def make_gold() -> Doc:
    """Three flat mentions, a fourth inside the first, and a duplicate of the second."""
    doc = make_doc(*FLAT)
    doc.user_data[NOTE_ID] = "note"
    spans = [Span(doc, *mention) for mention in (*FLAT, NESTED, FLAT[1])]
    fragments = [[[span.start_char, span.end_char]] for span in spans]
    doc.spans[GOLD] = SpanGroup(doc, name=GOLD, spans=spans, attrs={"fragments": fragments})
    return doc


def test_a_perfect_flat_model_is_perfect_against_the_flat_gold_only():
    metrics = evaluate([make_gold()], [make_doc(*FLAT)], set())
    assert metrics["ents_f"] == metrics["scores"]["strict"]["micro"]["f"] == 1.0
    assert metrics["scores"]["lenient"]["micro"]["support"] == metrics["support"] == 3
    # Of five annotated mentions it finds three.
    exact = metrics["scores"]["class_exact_all"]["micro"]
    assert exact == {"p": 1.0, "r": 3 / 5, "f": 2 * 3 / 8, "support": 5}
    # The script of n2c2 2018 counts a duplicate twice in gold, and the flat mention answers one of them.
    assert metrics["scores"]["strict_all"]["micro"]["r"] == 3 / 5


def test_the_ceiling_is_what_a_perfect_flat_model_scores():
    perfect = evaluate([make_gold()], [make_doc(*FLAT)], set())
    poor = evaluate([make_gold()], [make_doc(FLAT[0])], set())
    assert set(perfect["ceiling"]) == set(ALL_GOLD)
    for name in ALL_GOLD:
        assert poor["ceiling"][name] == perfect["ceiling"][name] == perfect["scores"][name]["micro"]
        assert perfect["ceiling"][name]["f"] < 1.0


def test_each_definition_has_all_its_averages():
    metrics = evaluate([make_gold()], [make_doc(*FLAT)], set())
    for name in ("strict", "lenient", *ALL_GOLD):
        assert list(metrics["scores"][name]) == ["micro", "macro", "per_document"]


def test_predictions_of_other_notes_are_refused():
    with pytest.raises(InputError, match="not the gold notes"):
        evaluate([make_gold()], [make_doc(words=["other"])], set())
