"""Errors counted: by class, confusion, shift, and what training has shown."""

from scripts.corpus.pairs import Outcome
from scripts.evaluate.errors import NOTHING, analyse, mention_keys
from tests.docs import make_doc

NO_ERRORS = dict.fromkeys([outcome.value for outcome in Outcome], 0)


def test_confusion_and_shifts_are_counted():
    gold = make_doc((2, 5, "problem"), (7, 8, "test"), (11, 12, "treatment"))
    found = make_doc((1, 4, "problem"), (7, 8, "problem"), (13, 14, "test"))
    analysis = analyse([gold, gold], [found, found], set())
    assert analysis["outcomes"] == NO_ERRORS | {"boundary": 2, "label": 2, "missed": 2, "spurious": 2}
    assert analysis["shifts"] == [{"label": "problem", "start": -1, "end": -1, "count": 2}]
    confusion = {(row["gold"], row["predicted"]): row["count"] for row in analysis["confusion"]}
    assert confusion == {("test", "problem"): 2, ("treatment", NOTHING): 2, (NOTHING, "test"): 2}


def test_recall_is_given_by_what_training_has_shown_and_by_length():
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
