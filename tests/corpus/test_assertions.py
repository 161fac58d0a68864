"""Assertions: the names they go by, how they are joined to mentions, and what is implied."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.corpus.assertions import (
    VALUES,
    AssertionFate,
    Statement,
    imply_present,
    join,
    problems_of_dropped,
    read_value,
)
from scripts.corpus.note import Entity, Note
from tests.paths import ROOT

# --- names


@pytest.mark.parametrize(
    ("attribute", "value", "meaning"),
    [
        ("Negation", "", "absent"),
        ("Negation", "  ", "absent"),
        ("negation", "true", "absent"),
        ("Negated", "Yes", "absent"),
        ("Negation", "Negated", "absent"),
        ("Negation", "NotNegated", "present"),
        ("Negation", "Not_Negated", "present"),
        ("Negation", "false", "present"),
        ("Negation", "No", "present"),
        ("Uncertainty", "", "possible"),
        ("Family_History", "", "associated_with_someone_else"),
        ("Family-history", "false", "present"),
        ("Assertion", "Absent", "absent"),
        ("assertion_status", "Associated with someone else", "associated_with_someone_else"),
        ("Polarity", "NEG", "absent"),
        ("POLARITY", "MAYBE_NEG", "possible"),
        ("Modality", "FACTUAL", "present"),
        ("Modality", "PROPOSED", "hypothetical"),
        ("Certainty", "Conditional", "conditional"),
        ("Experiencer", "Family_member", "associated_with_someone_else"),
        ("Experiencer", "Patient", "present"),
        *[("Assertion", value, value) for value in VALUES],
    ],
)
def test_names_of_other_schemes_are_known(attribute, value, meaning):
    assert read_value(attribute, value) == meaning


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("Assertion", ""),
        ("Assertion", "?"),
        ("Assertion", "false"),
        ("Polarity", "no"),
        ("Certainty", "Unknown"),
        ("Negation", "?"),
        ("Negation", "-"),
        ("Negation", "perhaps"),
    ],
)
def test_a_value_without_a_meaning_is_no_guess(attribute, value):
    assert read_value(attribute, value) == ""


@pytest.mark.parametrize("attribute", ["Action", "Temporality", "Actor", "StatusTimeVal", "negative", "", "?"])
def test_other_attributes_are_no_assertions(attribute):
    assert read_value(attribute, "none") is None
    assert read_value(attribute, "absent") is None


def test_the_documented_names_are_read_as_documented():
    section = (ROOT / "docs/formats.md").read_text("utf8").partition("## Assertions")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\| `.*$", section, re.MULTILINE)
    ]
    assert [row[0].strip("`") for row in rows] == [*VALUES]
    for value, flags, words in rows:
        assert all(read_value(name, "") == value.strip("`") for name in re.findall(r"`(.*?)`", flags))
        assert all(read_value("Assertion", word) == value.strip("`") for word in re.findall(r"`(.*?)`", words))


# --- joining


def mention(label: str = "problem", start: int = 0, line: int = 1) -> Entity:
    return Entity(label, ((start, start + 4),), line)


def joined(entities: list[Entity], *statements: Statement) -> tuple[list[str], list[str]]:
    found, problems = join(entities, statements, "a.ast")
    return [entity.assertion for entity in found], [problem.assertion for problem in problems]


def test_of_several_attributes_the_last_in_order_of_the_values_counts():
    stated = [Statement(n, (0,), value, attribute=str(n)) for n, value in enumerate(("possible", "absent", "present"))]
    assert joined([mention()], *stated) == (["possible"], [])
    found, _ = join([mention()], stated, "a.ann")
    assert found[0].stated == 3


def test_one_attribute_may_not_contradict_itself():
    stated = [Statement(n, (0,), value, "negation") for n, value in enumerate(("present", "absent", "present"))]
    assert joined([mention()], *stated) == (["present"], ["contradicting", "duplicate"])


def test_an_unreadable_one_is_that_wherever_it_is():
    stated = [Statement(1, (0,), ""), Statement(2, (), ""), Statement(3, (), "", of_dropped=True)]
    assert joined([mention()], *stated) == ([""], ["unreadable"] * 3)


def test_problems_name_file_and_line_and_are_no_dropped_mentions():
    _, problems = join([], [Statement(7, (), "absent"), Statement(9, (), "absent", of_dropped=True)], "a.ast")
    assert [(problem.file, problem.line, problem.assertion, problem.dropped) for problem in problems] == [
        ("a.ast", 7, "without_mention", 0),
        ("a.ast", 9, "of_dropped", 0),
    ]


def test_each_assertion_of_a_dropped_mention_is_a_problem():
    found = problems_of_dropped(mention(line=5)._replace(assertion="absent", stated=2), "a.con")
    assert [(problem.file, problem.line, problem.assertion) for problem in found] == [("a.con", 5, "of_dropped")] * 2
    assert problems_of_dropped(mention()._replace(assertion="present"), "a.con") == []


@st.composite
def statements(draw: st.DrawFn) -> tuple[list[Entity], list[Statement]]:
    groups = draw(st.lists(st.integers(1, 3), max_size=3))  # mentions that are alike
    places, entities = [()], []
    for number, size in enumerate(groups):
        places.append(tuple(range(len(entities), len(entities) + size)))
        entities += [mention(start=9 * number)] * size
    stated = st.builds(
        Statement,
        st.just(1),
        st.sampled_from(places),
        st.sampled_from(["", *VALUES]),
        st.sampled_from(["", "negation", "certainty"]),
        st.booleans(),
    )
    return entities, [one._replace(line=line) for line, one in enumerate(draw(st.lists(stated, max_size=20)), 1)]


@settings(max_examples=300)
@given(statements())
def test_every_statement_is_joined_or_a_problem(case):
    entities, stated = case
    found, problems = join(entities, stated, "a.ann")
    assert sum(entity.stated for entity in found) + len(problems) == len(stated)
    lines = [problem.line for problem in problems]
    assert lines == sorted({*lines})
    assert {problem.assertion for problem in problems} <= {*AssertionFate} - {AssertionFate.JOINED}
    kept = [one for one in stated if one.line not in lines]
    assert Counter(place for one in kept for place in one.places[:1]).total() == len(kept)
    for place, entity in enumerate(found):
        assert entity[:3] == entities[place][:3]
        assert bool(entity.assertion) == bool(entity.stated)
        assert not entity.assertion or entity.assertion in {one.value for one in kept if place in one.places}


# --- what is implied


def note(*entities: tuple[str, int, str]) -> Note:
    found = tuple(
        mention(label, start)._replace(assertion=value, stated=int(bool(value))) for label, start, value in entities
    )
    return Note("a", "x" * 50, found, "a.ann", "a.txt")


def implied(*notes: Note) -> list[list[str]]:
    return [[entity.assertion for entity in found.entities] for found in imply_present(notes)]


def test_where_only_exceptions_are_marked_the_rest_is_present():
    assert implied(note(("problem", 0, "absent"), ("problem", 9, "")), note(("problem", 0, ""))) == [
        ["absent", "present"],
        ["present"],
    ]


@pytest.mark.parametrize(("exceptions", "rest"), [(0, ""), (1, ""), (8, ""), (9, "present"), (40, "present")])
def test_where_more_than_a_tenth_is_marked_as_present_the_rest_is_not_known(exceptions, rest):
    notes = [note(("problem", 0, "present"), ("problem", 9, "")), *[note(("test", 0, "absent"))] * exceptions]
    assert implied(*notes)[0] == ["present", rest]


def test_labels_without_assertions_get_none():
    assert implied(note(("problem", 0, "absent"), ("test", 0, ""))) == [["absent", ""]]
    notes = [note(("problem", 0, ""))]
    assert imply_present(notes) == notes
    assert imply_present([]) == []


def test_what_is_stated_of_a_mention_goes_for_its_duplicate():
    assert implied(note(("problem", 0, ""), ("problem", 0, "absent"), ("problem", 9, ""))) == [
        ["", "absent", "present"]
    ]


def test_an_implied_assertion_is_not_a_stated_one():
    (found,) = imply_present([note(("problem", 0, "absent"), ("problem", 9, ""))])
    assert [entity.stated for entity in found.entities] == [1, 0]
