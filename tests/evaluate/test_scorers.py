"""Scores: the worked cases of the official scorers, the invariants that hold for all, parity with seqeval."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.scorer import get_ner_prf
from spacy.tokens import Span, SpanGroup
from spacy.training import Example

from scripts.corpus.docs import GOLD
from scripts.evaluate.scorers import (
    Counts,
    Mention,
    Score,
    all_mentions,
    count,
    flat_mentions,
    match_exact,
    match_lenient,
    match_strict,
    seqeval_scores,
    token_accuracy,
)
from tests.docs import DOCS, doc_of, make_doc


def f1(golds: Sequence[Mention], found: Sequence[Mention], match) -> float:
    return count([golds], [found], match).micro().f1


def mentions(*spans: tuple[int, int, str]) -> list[Mention]:
    """From first and last token, as the worked cases state them."""
    return [Mention(label, start, end + 1) for start, end, label in spans]


PROBLEM, TEST, TREATMENT = "problem", "test", "treatment"
# Gold, predicted, then class exact of 2010, strict and lenient of 2018 as the official scorers gave them.
WORKED = {
    "mixed": ([(2, 4, PROBLEM), (7, 7, TEST), (11, 11, TREATMENT)],
              [(3, 4, PROBLEM), (7, 7, PROBLEM), (11, 12, TREATMENT)], 0, 0, 0.667),
    "left shift": ([(2, 4, PROBLEM)], [(1, 3, PROBLEM)], 0, 0, 1),
    "right shift": ([(2, 4, PROBLEM)], [(3, 5, PROBLEM)], 0, 0, 1),
    "duplicate prediction": ([(7, 7, TEST)], [(7, 7, TEST)] * 2, 0.667, 1, 1),
    "duplicate gold": ([(7, 7, TEST)] * 2, [(7, 7, TEST)] * 2, 1, 0.667, 0.667),
    "split": ([(2, 4, PROBLEM)], [(2, 2, PROBLEM), (3, 4, PROBLEM)], 0, 0, 1),
    "merged": ([(2, 2, PROBLEM), (3, 4, PROBLEM)], [(2, 4, PROBLEM)], 0, 0, 0.667),
    "bridging": ([(2, 3, PROBLEM), (4, 5, PROBLEM)], [(2, 2, PROBLEM), (3, 4, PROBLEM)], 0, 0, 0.667),
    "nested": ([(2, 4, PROBLEM), (3, 3, PROBLEM)], [(2, 4, PROBLEM), (3, 3, PROBLEM)], 1, 1, 0.667),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKED)
def test_worked_cases_of_the_official_scorers(case: str):
    gold, found, exact, strict, lenient = WORKED[case]
    scores = [f1(mentions(*gold), mentions(*found), match) for match in (match_exact, match_strict, match_lenient)]
    assert [round(score, 3) for score in scores] == [exact, strict, lenient]


SEQEVAL = {"mixed": (0, 0.733), "left shift": (0, 0.8), "right shift": (0, 0.8), "split": (0, 0.933),
           "merged": (0, 0.933), "bridging": (0, 0.8)}  # fmt: skip


@pytest.mark.parametrize("case", SEQEVAL)
def test_worked_cases_of_seqeval_and_of_the_tokens(case: str):
    gold, found = (make_doc(*((start, end + 1, label) for start, end, label in side)) for side in WORKED[case][:2])
    scores = seqeval_scores([gold], [found])
    assert (round(scores["f"], 3), round(scores["accuracy"], 3)) == SEQEVAL[case]
    assert round(token_accuracy([gold], [found]), 3) == SEQEVAL[case][1]


def test_of_a_discontinuous_mention_only_the_envelope_is_compared():
    doc = make_doc()
    doc.spans[GOLD] = SpanGroup(
        doc, name=GOLD, spans=[Span(doc, 2, 5, PROBLEM)], attrs={"fragments": [[[10, 13], [20, 24]]]}
    )
    assert f1(all_mentions(doc), [Mention(PROBLEM, 10, 24)], match_strict) == 1.0


def test_all_mentions_are_those_of_the_notes_not_of_the_tokens():
    doc = make_doc((2, 5, PROBLEM))
    spans = [Span(doc, 2, 5, PROBLEM), Span(doc, 3, 4, PROBLEM)]
    doc.spans[GOLD] = SpanGroup(doc, name=GOLD, spans=spans, attrs={"fragments": [[[8, 24]], [[15, 19]]]})
    assert all_mentions(doc) == [Mention(PROBLEM, 8, 24), Mention(PROBLEM, 15, 19)]
    assert flat_mentions(doc) == [Mention(PROBLEM, 8, 24)]


def test_averages():
    golds = [mentions((0, 0, "a"), (1, 1, "b")), mentions((0, 0, "a")), []]
    found = [mentions((0, 0, "a")), mentions((5, 5, "a")), []]
    counts = count(golds, found, match_strict)
    assert counts.labels == ["a", "b"] and counts.table.shape == (3, 2, 3)
    assert counts.micro() == Score(1, 1, 2)
    assert counts.per_label() == {"a": Score(1, 1, 1), "b": Score(0, 0, 1)}
    assert counts.macro() == {"p": 0.25, "r": 0.25, "f": 0.25}
    # An empty note scores 0 in n2c2's average over notes.
    assert counts.per_document()["f"] == pytest.approx((2 / 3) / 3)


def test_a_label_without_gold_is_no_part_of_the_macro_average():
    counts = count([mentions((0, 0, "a"))], [mentions((0, 0, "a"), (3, 3, "b"))], match_strict)
    assert counts.macro()["f"] == 1.0 and counts.micro().f1 == 2 / 3


def test_without_mentions_all_scores_are_zero():
    counts = count([[]], [[]], match_strict)
    assert counts.labels == [] and counts.micro() == Score(0, 0, 0)
    assert counts.micro().f1 == counts.macro()["f"] == counts.per_document()["f"] == 0.0
    assert Score(0, 0, 0).precision == Score(0, 0, 0).recall == 0.0


def test_token_accuracy_counts_the_o_tags_and_leaves_blanks_out():
    words = ["acute", "pain", "\n", "now"]
    gold, predicted = make_doc((0, 2, "problem"), words=words), make_doc((0, 1, "problem"), words=words)
    assert token_accuracy([gold], [predicted]) == 2 / 3
    assert token_accuracy([], []) == 0.0


# Invariants

MENTION = st.builds(
    lambda label, start, length: Mention(label, start, start + length),
    st.sampled_from("abc"), st.integers(0, 12), st.integers(1, 5),
)  # fmt: skip
NOTES = st.lists(st.tuples(st.lists(MENTION, max_size=8), st.lists(MENTION, max_size=8)), min_size=1, max_size=4)


def official(golds: list[Mention], found: list[Mention], equal) -> Score:
    """n2c2 2018 track 2, naively: system tags that hit an already hit gold tag are removed before counting."""
    hit, removed, matched = set(), set(), set()
    for i, mention in enumerate(found):
        for j, gold in enumerate(golds):
            if equal(gold, mention):
                matched.add(i)
                if j in hit:
                    removed.add(i)
        hit |= {j for j, gold in enumerate(golds) if equal(gold, mention)}
    tp = len(matched - removed)
    return Score(tp, len(found) - len(removed) - tp, len(golds) - tp)


def overlap(one: Mention, other: Mention) -> bool:
    return one.label == other.label and bool(set(range(one.start, one.end)) & set(range(other.start, other.end)))


@settings(max_examples=300)
@given(NOTES)
def test_strict_and_lenient_are_the_official_definition(notes):
    golds, found = [gold for gold, _ in notes], [predicted for _, predicted in notes]
    for match, equal in ((match_strict, lambda one, other: one == other), (match_lenient, overlap)):
        expected = [official(gold, predicted, equal) for gold, predicted in notes]
        assert count(golds, found, match).micro() == Score(*np.sum(expected, axis=0).tolist())


@given(NOTES)
def test_class_exact_pairs_one_to_one(notes):
    for gold, predicted in notes:
        left, tp = list(gold), 0
        for mention in predicted:
            if mention in left:
                left.remove(mention)
                tp += 1
        assert count([gold], [predicted], match_exact).micro() == Score(tp, len(predicted) - tp, len(gold) - tp)


@settings(max_examples=60)
@given(st.lists(st.tuples(DOCS, DOCS), min_size=1, max_size=3))
def test_seqeval_reads_the_flat_mentions_out_of_the_tags(pairs):
    golds, found = [doc_of(gold) for gold, _ in pairs], [doc_of(predicted) for _, predicted in pairs]
    scores = seqeval_scores(golds, found)
    exact = count(*([flat_mentions(doc) for doc in docs] for docs in (golds, found)), match_exact).micro()
    assert [scores[name] for name in "prf"] == pytest.approx([exact.precision, exact.recall, exact.f1])
    assert scores["accuracy"] == token_accuracy(golds, found)


@settings(max_examples=60)
@given(st.lists(st.tuples(DOCS, DOCS), min_size=1, max_size=3))
def test_strict_is_what_spacy_chooses_the_best_epoch_by(pairs):
    golds, found = [doc_of(gold) for gold, _ in pairs], [doc_of(predicted) for _, predicted in pairs]
    spacys = get_ner_prf([Example(predicted, gold) for gold, predicted in zip(golds, found, strict=True)])
    flat = [[flat_mentions(doc) for doc in docs] for docs in (golds, found)]
    ours = count(*flat, match_exact).micro()
    if ours.support and ours.tp + ours.fp:
        assert ours.f1 == pytest.approx(spacys["ents_f"])
    assert ours == count(*flat, match_strict).micro()


@given(NOTES)
def test_invariants_of_the_scores(notes):
    golds, found = [gold for gold, _ in notes], [predicted for _, predicted in notes]
    exact, swapped = count(golds, found, match_exact), count(found, golds, match_exact)
    assert (exact.micro().precision, exact.micro().f1) == (swapped.micro().recall, swapped.micro().f1)
    assert count(golds, golds, match_exact).micro().f1 == (1.0 if any(golds) else 0.0)
    assert Score(*np.sum(list(exact.per_label().values()), axis=0).tolist() or [0, 0, 0]) == exact.micro()
    assert isinstance(exact, Counts)
