"""Scores of the releases of 2009, 2012 and 2014 on cases worked out by hand."""

import pytest
from spacy.tokens import Doc, Span

from scripts.corpus.docs import create_nlp, to_doc
from scripts.corpus.note import Entity, Note
from scripts.evaluate.official import official_scores

NLP = create_nlp()
Marks = list[tuple[str, str]]  # label and words, which the text has once


def gold(text: str, *marks: tuple[str, str]) -> Doc:
    entities = (Entity(label, ((text.index(words), text.index(words) + len(words)),), 1) for label, words in marks)
    return to_doc(NLP, Note("n", text, tuple(entities), "", "")).doc


def found(text: str, *marks: tuple[str, str]) -> Doc:
    doc = NLP.make_doc(text)
    spans = [doc.char_span(text.index(words), text.index(words) + len(words), label) for label, words in marks]
    assert all(spans)
    doc.set_ents([span for span in spans if isinstance(span, Span)])
    return doc


def score(format: str, *notes: tuple[str, Marks, Marks]) -> dict:
    golds, predictions = ([make(text, *(g if make is gold else p)) for text, g, p in notes] for make in (gold, found))
    return official_scores(format, golds, predictions)


def prf(scores: dict) -> tuple[float, float, float]:
    return tuple(round(scores[name], 4) for name in "prf")


def test_other_corpora_have_no_such_scores():
    assert score("con", ("fever", [("x", "fever")], [])) == {}


@pytest.mark.parametrize("format", ["i2b2-2009", "i2b2-2012", "i2b2-2014"])
def test_gold_against_itself_is_right_and_nothing_is_no_division(format):
    marks = [("DATE", "2031"), ("PATIENT", "Quill"), ("m", "zorvex")]
    for scores in score(format, ("Quill took zorvex in 2031 .", marks, marks)).values():
        assert [prf(each) for each in scores.values() if isinstance(each, dict) and "p" in each] in (
            [(1, 1, 1)] * 2,
            [],
        )
        assert "p" not in scores or prf(scores) == (1, 1, 1)
    for scores in score(format, ("Nothing .", [], [])).values():
        assert scores.get("p", 0) == scores.get("micro", {"p": 0})["p"] == 0


# --- 2014


def test_2014_strict_relaxed_and_token():
    text = "Dr. Fizz Quill saw Ann on 02/03/2031 ."
    golds = [("DOCTOR", "Fizz Quill"), ("PATIENT", "Ann"), ("DATE", "02/03/2031")]
    # The date ends two characters early, as the year does; the doctor has one of two names; Ann is missed.
    scores = score("i2b2-2014", (text, golds, [("DOCTOR", "Fizz"), ("DATE", "02/03/2031")]))
    assert prf(scores["strict"]["micro"]) == (0.5, round(1 / 3, 4), 0.4)
    # Tokens: Fizz, Quill, Ann, 02, 03, 2031 of gold; found are Fizz, 02, 03 and 2031.
    assert prf(scores["token"]["micro"]) == (1.0, round(4 / 6, 4), 0.8)


@pytest.mark.parametrize(
    ("annotated", "fits"),
    [("Fizz Quill's", 1.0), ("Fizz Quill", 1.0), ("Fizz Quil", 0.0), ("izz Quill's", 0.0)],
)
def test_2014_relaxed_ends_may_differ_by_two_and_starts_not(annotated, fits):
    text = "Dr. Fizz Quill's ."
    scores = score("i2b2-2014", (text, [("DOCTOR", annotated)], [("DOCTOR", "Fizz Quill's")]))
    assert scores["relaxed"]["micro"]["f"] == fits
    assert scores["strict"]["micro"]["f"] == (annotated == "Fizz Quill's")


def test_2014_hipaa_counts_its_types_and_not_idnum():
    text = "Quill 1234567 works as welder in Fizz ."
    golds = [("PATIENT", "Quill"), ("IDNUM", "1234567"), ("PROFESSION", "welder"), ("CITY", "Fizz")]
    scores = score("i2b2-2014", (text, golds, [("PATIENT", "Quill"), ("PROFESSION", "welder")]))
    assert prf(scores["strict"]["micro"]) == (1.0, 0.5, round(2 / 3, 4))
    assert prf(scores["hipaa_strict"]["micro"]) == (1.0, 0.5, round(2 / 3, 4))
    assert scores["hipaa_strict"]["micro"]["support"] == 2 and scores["strict"]["micro"]["support"] == 4


def test_2014_groups_have_no_hipaa_subset():
    assert set(score("i2b2-2014", ("Quill", [("NAME", "Quill")], []))) == {"strict", "relaxed", "token"}


def test_2014_macro_is_of_mean_precision_and_recall():
    one = ("Quill and Ann", [("PATIENT", "Quill"), ("PATIENT", "Ann")], [("PATIENT", "Ann")])
    two = ("Fizz", [("PATIENT", "Fizz")], [("PATIENT", "Fizz")])
    macro = score("i2b2-2014", one, two)["strict"]["macro"]
    assert prf(macro) == (1.0, 0.75, round(1.5 / 1.75, 4))


def test_equal_gold_mentions_count_once():
    text, twice = "Quill", [("PATIENT", "Quill"), ("PATIENT", "Quill")]
    for name in ("strict", "relaxed", "token"):
        assert score("i2b2-2014", (text, twice, twice[:1]))[name]["micro"]["support"] == 1
    assert score("i2b2-2012", (text, twice, twice[:1]))["event_overlap"]["support"] == 1


# --- 2009


def test_2009_exact_and_inexact_by_field():
    text = "Takes zorvex 20 mg twice a day for sore elbow ."
    golds = [("m", "zorvex"), ("do", "20 mg"), ("f", "twice a day"), ("r", "sore elbow")]
    scores = score("i2b2-2009", (text, golds, [("m", "zorvex"), ("f", "twice a"), ("r", "elbow")]))
    assert prf(scores["exact"]["system"]) == (round(1 / 3, 4), 0.25, round(2 / 7, 4))
    assert prf(scores["exact"]["vertical"]["m"]) == (1, 1, 1) and prf(scores["exact"]["vertical"]["f"]) == (0, 0, 0)
    # Words of gold: 1 + 2 + 3 + 2; four are found, and none is wrong.
    assert prf(scores["inexact"]["system"]) == (1.0, 0.5, round(2 / 3, 4))
    assert prf(scores["inexact"]["vertical"]["f"]) == (1.0, round(2 / 3, 4), 0.8)


def test_2009_system_pools_notes_and_patient_is_their_mean():
    one = ("zorvex aspirin fizzol", [("m", "zorvex"), ("m", "aspirin"), ("m", "fizzol")], [("m", "zorvex")])
    two = ("quillin", [("m", "quillin")], [("m", "quillin")])
    exact = score("i2b2-2009", one, two)["exact"]
    assert prf(exact["system"]) == (1.0, 0.5, round(2 / 3, 4))
    assert prf(exact["patient"]) == (1.0, round(4 / 6, 4), 0.75)


# --- 2012


def test_2012_spans_count_whatever_their_type_and_types_by_themselves():
    text = "She has acute fever on Monday ."
    golds = [("PROBLEM", "acute fever"), ("DATE", "Monday")]
    scores = score("i2b2-2012", (text, golds, [("TEST", "fever"), ("TIME", "Monday")]))
    assert prf(scores["event_overlap"]) == (1, 1, 1) and scores["event_overlap"]["type_accuracy"] == 0.0
    assert prf(scores["event_exact"]) == (0, 0, 0)
    assert prf(scores["timex_exact"]) == (1, 1, 1) and scores["timex_exact"]["type_accuracy"] == 0.0


def test_2012_exact_is_of_words_without_lone_punctuation():
    text = "She has ( acute fever ) now ."
    scores = score("i2b2-2012", (text, [("PROBLEM", "( acute fever )")], [("PROBLEM", "acute fever")]))
    assert prf(scores["event_exact"]) == (1, 1, 1)


def test_2012_overlap_takes_two_characters_of_a_span_that_begins_later():
    # Gold begins first in one note, where one character will do; in the other the prediction does.
    text = "x 5mg y"
    one = (text, [("TREATMENT", "5mg")], [("TREATMENT", "5")])
    assert prf(score("i2b2-2012", one)["event_overlap"]) == (1, 1, 1)
    later = (text, [("TREATMENT", "g")], [("TREATMENT", "mg")])
    assert prf(score("i2b2-2012", later)["event_overlap"]) == (1.0, 0.0, 0.0)


def test_2012_events_pair_one_to_one_and_times_do_not():
    text = "fever and chills"
    events = (text, [("PROBLEM", "fever"), ("PROBLEM", "chills")], [("PROBLEM", "fever and chills")])
    assert prf(score("i2b2-2012", events)["event_overlap"]) == (1.0, 0.5, round(2 / 3, 4))
    times = ("May and June", [("DATE", "May"), ("DATE", "June")], [("DATE", "May and June")])
    assert prf(score("i2b2-2012", times)["timex_overlap"]) == (1, 1, 1)
