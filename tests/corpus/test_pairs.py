"""Pairs of gold and predicted mentions: each mention in exactly one, and each class for what its name says."""

from collections import Counter

from hypothesis import given, settings

from scripts.corpus.pairs import Outcome, pair_mentions
from tests.docs import DOCS, doc_of, make_doc


def outcomes(gold, predicted) -> list[Outcome]:
    return [pair.outcome for pair in pair_mentions(gold, predicted)]


def test_each_class_is_what_its_name_says():
    gold = make_doc((0, 1, "person"), (2, 5, "problem"), (7, 8, "test"), (9, 10, "test"), (11, 13, "treatment"))
    found = make_doc((0, 1, "person"), (3, 5, "problem"), (7, 8, "problem"), (12, 14, "test"), (14, 15, "test"))
    assert outcomes(gold, found) == [
        Outcome.CORRECT, Outcome.LABEL, Outcome.BOUNDARY, Outcome.BOTH, Outcome.MISSED, Outcome.SPURIOUS]  # fmt: skip


def test_equal_labels_are_paired_before_a_larger_overlap():
    gold = make_doc((2, 6, "problem"))
    found = make_doc((2, 5, "test"), (5, 7, "problem"))
    assert outcomes(gold, found) == [Outcome.BOUNDARY, Outcome.SPURIOUS]


def test_of_equal_kinds_the_larger_overlap_is_paired():
    gold = make_doc((2, 6, "problem"))
    found = make_doc((1, 3, "problem"), (3, 6, "problem"))
    (pair, alone) = pair_mentions(gold, found)
    assert pair.predicted is not None and pair.predicted.start == 3 and alone.outcome is Outcome.SPURIOUS


@settings(max_examples=200)
@given(DOCS, DOCS)
def test_every_mention_is_in_exactly_one_class(gold, predicted):
    one, other = doc_of(gold), doc_of(predicted)
    pairs = pair_mentions(one, other)
    assert sorted(p.gold.start for p in pairs if p.gold) == [ent.start for ent in one.ents]
    assert sorted(p.predicted.start for p in pairs if p.predicted) == [ent.start for ent in other.ents]
    exact = {(e.label_, e.start, e.end) for e in one.ents} & {(e.label_, e.start, e.end) for e in other.ents}
    assert Counter(p.outcome for p in pairs)[Outcome.CORRECT] == len(exact)
    for pair in pairs:
        if pair.gold and pair.predicted:
            assert pair.gold.start < pair.predicted.end and pair.predicted.start < pair.gold.end
