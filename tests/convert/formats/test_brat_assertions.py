"""Assertions in brat: attributes of mentions and of the events that they trigger; other attributes are left alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.archives import read_files
from scripts.convert.formats import brat
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import Note
from tests.convert.formats.test_brat import between_newlines
from tests.helpers import file, hostile_text, open_corpus
from tests.statements import fates, said, unjoined, values

TEXT = "She denies chest pain .\nIschemia , no nausea .\n"
PAIN = "T1\tproblem 11 21\tchest pain\n"
ISCHEMIA = "T2\tproblem 24 32\tIschemia\n"
NAUSEA = "T3\tproblem 38 44\tnausea\n"


def read(annotations: str, text: str = TEXT) -> Note:
    (note,) = brat.read([file("a.txt", text), file("a.ann", annotations)])
    return note


# --- attributes of mentions


@pytest.mark.parametrize("tag", ["A1", "M1", "A", "A1-copy"])
@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ("Negation T1", "absent"),
        ("Negation T1 ", "absent"),
        ("Negation T1 true", "absent"),
        ("Negation T1 Negated", "absent"),
        ("Negation T1 NotNegated", "present"),
        ("negated  T1", "absent"),
        ("Uncertainty\tT1", "possible"),
        ("Assertion T1 Absent", "absent"),
        ("Assertion T1 associated_with_someone_else", "associated_with_someone_else"),
        ("Assertion T1 Associated with someone else", "associated_with_someone_else"),
        ("assertion-status T1  Hypothetical ", "hypothetical"),
        ("Certainty T1 Conditional", "conditional"),
        ("Polarity T1 POS", "present"),
    ],
)
def test_an_attribute_with_or_without_a_value_is_the_assertion_of_its_mention(tag, stated, value):
    note = read(f"{PAIN}{ISCHEMIA}{tag}\t{stated}\n")
    assert said(note) == [("chest pain", value), ("Ischemia", "")]
    assert note.problems == ()


def test_attributes_may_come_before_their_mentions():
    assert values(read(f"A1\tNegation T3\nA2\tNegation T1\n{PAIN}{ISCHEMIA}{NAUSEA}")) == ["absent", "", "absent"]


@pytest.mark.parametrize("event", ["E1\tproblem:T1", "E1\tproblem:T1 ", "E1\tproblem:T1 Theme:T2 Cause:E2"])
def test_an_attribute_of_an_event_is_one_of_its_trigger(event):
    for annotations in (f"{PAIN}{ISCHEMIA}{event}\nA1\tNegation E1\n", f"A1\tNegation E1\n{event}\n{PAIN}{ISCHEMIA}"):
        note = read(annotations)
        assert sorted(said(note)) == [("Ischemia", ""), ("chest pain", "absent")]
        assert note.problems == ()


def test_windows_line_ends_and_a_byte_order_mark_lose_nothing():
    text, annotations = TEXT.replace("\n", "\r\n"), PAIN + "A1\tNegation T1\nA2\tCertainty T1 Possible\n"
    note = read("\ufeff" + annotations.replace("\n", "\r\n"), text)
    assert said(note) == [("chest pain", "possible")]
    assert note.problems == ()


def test_a_discontinuous_mention_has_its_assertion():
    note = read("T1\tproblem 11 16;38 44\tchest nausea\nA1\tNegation T1\n")
    assert values(note) == ["absent"]


def test_a_line_that_runs_on_keeps_its_attribute():
    note = read(PAIN + "A1\tNegation T1\nwhatever\n")
    assert values(note) == ["absent"]
    assert [(problem.line, problem.kind) for problem in note.problems] == [(3, "continuation of a quote")]


def test_two_labels_at_one_place_have_their_own():
    note = read(PAIN + PAIN.replace("T1\tproblem", "T2\ttest") + "A1\tNegation T2\n")
    assert [(entity.label, entity.assertion) for entity in note.entities] == [("problem", ""), ("test", "absent")]


@pytest.mark.parametrize("target", ["T1", "T2"])
def test_of_duplicate_mentions_the_first_has_what_is_stated_of_either(target):
    note = read(PAIN + PAIN.replace("T1", "T2") + f"A1\tNegation {target}\n")
    assert values(note) == ["absent", ""]
    assert note.problems == ()


# --- several of one mention


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        (["Negation", "Uncertainty"], "possible"),
        (["Negation NotNegated", "Uncertainty"], "possible"),
        (["Negation", "Uncertainty false"], "absent"),
        (["Conditional", "Hypothetical"], "hypothetical"),
        (["Negation", "Experiencer Other", "Certainty Possible"], "associated_with_someone_else"),
        (["Polarity pos", "Certainty certain"], "present"),
    ],
)
def test_of_several_attributes_the_last_in_order_of_the_values_counts(stated, value):
    for order in (stated, stated[::-1]):
        lines = [" ".join([name, "T1", *rest]) for name, *rest in map(str.split, order)]
        note = read(PAIN + "".join(f"A{n}\t{line}\n" for n, line in enumerate(lines, 1)))
        assert values(note) == [value]
        assert fates(note) == {"joined": len(stated)}


def test_one_attribute_stated_twice_is_a_duplicate_or_a_contradiction():
    note = read(PAIN + "A1\tNegation T1\nA2\tNegation T1 true\nA3\tnegation T1 NotNegated\n")
    assert values(note) == ["absent"]
    assert unjoined(note) == [(3, "duplicate"), (4, "contradicting")]


def test_events_of_one_trigger_speak_of_one_mention():
    note = read(PAIN + "E1\tproblem:T1\nE2\tproblem:T1\nA1\tNegation E1\nA2\tNegation E2\nA3\tNegation T1 false\n")
    assert values(note) == ["absent"]
    assert unjoined(note) == [(5, "duplicate"), (6, "contradicting")]


# --- what does not join


@pytest.mark.parametrize(
    ("line", "fate"),
    [
        ("A1\tNegation T9", "without_mention"),
        ("A1\tNegation E9", "without_mention"),
        ("A1\tNegation R1", "without_mention"),
        ("M1\tAssertion t1 Absent", "without_mention"),
        ("A1\tNegation", "unreadable"),
        ("A1\tNegation T1 perhaps", "unreadable"),
        ("A1\tNegation T1 ?", "unreadable"),
        ("A1\tAssertion T1", "unreadable"),
        ("A1\tAssertion T9 perhaps", "unreadable"),
    ],
)
def test_an_attribute_that_does_not_join_is_reported(line, fate):
    note = read(f"{PAIN}{line}\n{NAUSEA}A7\tNegation T3\n")
    assert values(note) == ["", "absent"]
    assert unjoined(note) == [(2, fate)]


@pytest.mark.parametrize(
    "line",
    [
        "T4\tproblem 900 904\tpain",
        "T4\tproblem 9 3\tpain",
        "T4\tproblem 0 3\tHis",
        "T4\tproblem nine 3\tShe",
        "T4",
        "T4 problem 0 3 She",
        " T4\tproblem 0 3\tShe",
    ],
)
@pytest.mark.parametrize("target", ["T4", "E4"])
def test_an_attribute_of_a_mention_that_was_dropped_goes_with_it(line, target):
    note = read(f"{PAIN}{line}\nE4\tproblem:T4\nA1\tNegation {target}\n")
    assert values(note) == [""]
    assert unjoined(note) == [(4, "of_dropped")]


@pytest.mark.parametrize(
    "line",
    [
        "A1\tAction E1 Start",
        "A1\tTemporality E1 Past",
        "A1\tActor E1 Physician",
        "A1\tStatusTimeVal T1 none",
        "A1\tStatusTimeVal T9",
        "A1\tSection T1 Family",
        "A1\t",
        "A1",
        "R1\tNegation Arg1:T1 Arg2:T2",
        "N1\tNegation T1 X:1\tpain",
        "#1\tNegation T1\tNegation T1",
        "*\tNegation T1 T2",
    ],
)
def test_other_attributes_are_neither_assertions_nor_their_problems(line):
    note = read(f"{PAIN}{line}\nE1\tproblem:T1\n")
    assert values(note) == [""]
    assert unjoined(note) == []


def test_the_polarity_of_an_open_corpus_is_read_whole():
    notes = list(brat.read(list(read_files(open_corpus("maccrobat")))))
    assert sum(map(fates, notes), Counter()) == {"joined": 1273}
    assert Counter(value for note in notes for value in values(note) if value) == {
        "absent": 1049,
        "possible": 221,
        "present": 3,
    }


# --- round trip

SPELT = {
    "present": ["Negation {} NotNegated", "Assertion {} Present", "Polarity {} POS"],
    "absent": ["Negation {}", "Negation {} true", "Assertion {} absent", "Polarity {} NEG"],
    "possible": ["Uncertainty {}", "Certainty {} possible", "Assertion {} Possible"],
    "conditional": ["Conditional {}", "Assertion {} Conditional"],
    "hypothetical": ["Hypothetical {} yes", "Modality {} PROPOSED"],
    "associated_with_someone_else": ["FamilyHistory {}", "Experiencer {} other"],
}


@st.composite
def stated_notes(draw: st.DrawFn) -> tuple[str, dict[tuple, str], str]:
    """A text, its mentions with their values, and both written as brat does it, in any order."""
    text = draw(hostile_text())
    mentions: dict[tuple, str] = {}
    lines = []
    for number in range(1, 1 + draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        fragments = tuple(between_newlines(text, start, end))
        label = draw(st.sampled_from(["problem", "test"]))
        if not fragments or (label, fragments) in mentions:
            continue
        spelt = draw(st.lists(st.sampled_from([*SPELT]), max_size=2))
        stated = {draw(st.sampled_from(SPELT[value])): value for value in spelt}
        stated = {line.split()[0]: (line, value) for line, value in stated.items()}  # one of each attribute
        mentions[label, fragments] = max((value for _, value in stated.values()), key=VALUES.index, default="")
        offsets = ";".join(f"{left} {right}" for left, right in fragments)
        lines.append(f"T{number}\t{label} {offsets}\t{' '.join(text[left:right] for left, right in fragments)}")
        lines.append(f"E{number}\t{label}:T{number} Theme:T1")
        for count, (line, _) in enumerate(stated.values()):
            target = draw(st.sampled_from("TE")) + str(number)
            lines.append(f"{draw(st.sampled_from('AM'))}{number}{count}\t{line.format(target)}")
        lines.append(f"A{number}9\tTemporality T{number} Past")
    return text, mentions, draw(st.sampled_from(["\n", "\r\n"])).join(draw(st.permutations(lines)))


@settings(max_examples=150)
@given(stated_notes())
def test_written_assertions_are_read_back(case):
    text, mentions, annotations = case
    note = read(annotations, text)
    assert {(entity.label, entity.fragments): entity.assertion for entity in note.entities} == mentions
    assert note.problems == ()
