"""Error classes: each mention in exactly one, and each class for what its name says."""

from collections import Counter

from hypothesis import given, settings

from scripts.errors import NOTHING, Outcome, analyse, mention_keys, pair_mentions
from tests.test_scorers import DOCS, doc_of, make_doc

NO_ERRORS = dict.fromkeys([outcome.value for outcome in Outcome], 0)


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


@settings(max_examples=200, deadline=None)
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


def test_confusion_and_shifts_are_counted():
    gold = make_doc((2, 5, "problem"), (7, 8, "test"), (11, 12, "treatment"))
    found = make_doc((1, 4, "problem"), (7, 8, "problem"), (13, 14, "test"))
    analysis = analyse([gold, gold], [found, found], set())
    assert analysis["outcomes"] == NO_ERRORS | {"boundary": 2, "label": 2, "missed": 2, "spurious": 2}
    assert analysis["shifts"] == [{"label": "problem", "start": -1, "end": -1, "count": 2}]
    confusion = {(row["gold"], row["predicted"]): row["count"] for row in analysis["confusion"]}
    assert confusion == {("test", "problem"): 2, ("treatment", NOTHING): 2, (NOTHING, "test"): 2}


def test_recall_is_told_by_what_training_has_shown_and_by_length():
    train = make_doc((2, 5, "problem"), (7, 8, "problem"))
    gold = make_doc((2, 5, "problem"), (7, 8, "test"), (11, 13, "treatment"))
    found = make_doc((2, 5, "problem"), (11, 13, "treatment"))
    recall = analyse([gold], [found], mention_keys([train]))["recall"]
    # A word that training showed under another label counts as unseen.
    assert recall["seen"] == {"seen in train": {"r": 1.0, "support": 1}, "unseen in train": {"r": 0.5, "support": 2}}
    assert recall["length"] == {"1": {"r": 0.0, "support": 1}, "2": {"r": 1.0, "support": 1},
                                "3 to 4": {"r": 1.0, "support": 1}}  # fmt: skip


def test_a_mention_is_known_whatever_its_case_and_blanks():
    one, other = make_doc((0, 2, "a"), words=["Chest", "PAIN"]), make_doc((0, 3, "a"), words=["chest", "\n", "pain"])
    assert mention_keys([one]) == mention_keys([other]) == {("a", "chest pain")}


def test_an_analysis_holds_no_text():
    gold = make_doc((2, 5, "problem"), (11, 12, "treatment"))
    analysis = str(analyse([gold], [make_doc((2, 4, "problem"))], mention_keys([gold])))
    assert not any(word in analysis for word in ("acute", "chest", "pain", "aspirin"))
