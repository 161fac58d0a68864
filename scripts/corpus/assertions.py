"""Assertions: whether a note says that a mention is there, in the six values of i2b2 2010, and the names they go by."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from scripts.corpus.note import Entity, Note, Problem

PRESENT = "present"
# Of several that are said of one mention by different attributes, the last counts.
VALUES = (PRESENT, "absent", "possible", "conditional", "hypothetical", "associated_with_someone_else")

# What annotators of other schemes call them, in small letters and digits alone
_WORDS = {
    PRESENT: "present positive pos affirmed asserted confirmed certain definite factual actual notnegated patient",
    "absent": "absent negative neg negated denied",
    "possible": "possible possibly probable uncertain suspected speculated maybe maybepos maybeneg",
    "conditional": "conditional",
    "hypothetical": "hypothetical proposed",
    "associated_with_someone_else": "associatedwithsomeoneelse someoneelse family familymember other notpatient",
}
_VALUES = {word: value for value, words in _WORDS.items() for word in words.split()}
# Attributes that choose a value, and those that state one by being there, or by "true"
_CHOICES = {"assertion", "assertionstatus", "certainty", "experiencer", "modality", "polarity"}
_FLAGS = {
    "negation": "absent",
    "negated": "absent",
    "uncertainty": "possible",
    "uncertain": "possible",
    "speculation": "possible",
    "possible": "possible",
    "conditional": "conditional",
    "hypothetical": "hypothetical",
    "familyhistory": "associated_with_someone_else",
}
_TRUE, _FALSE = {"true", "yes"}, {"false", "no"}


class AssertionFate(StrEnum):
    """What became of an assertion that was read; the invariant is read = the sum of all six."""

    JOINED = "joined"  # to its mention
    DUPLICATE = "duplicate"  # of another one, which says the same of the mention
    OF_DROPPED = "of_dropped"  # its mention was dropped
    WITHOUT_MENTION = "without_mention"
    CONTRADICTING = "contradicting"  # an earlier one, which counts
    UNREADABLE = "unreadable"  # a malformed line, or a value that has no meaning here


_KINDS = {
    AssertionFate.DUPLICATE: "assertion stated twice",
    AssertionFate.OF_DROPPED: "assertion of a dropped mention",
    AssertionFate.WITHOUT_MENTION: "assertion without a mention",
    AssertionFate.CONTRADICTING: "assertion that contradicts an earlier one",
    AssertionFate.UNREADABLE: "assertion that cannot be read",
}


class Statement(NamedTuple):
    """An assertion as an annotation file states it.

    line (int): Its 1-based line.
    places (Sequence[int]): Where the mentions that it may be about stand in the note's entities: one, or several with
        the same label and characters.
    value (str): One of VALUES; "" if it cannot be read.
    attribute (str): Its name, where there is more than one kind.
    of_dropped (bool): Whether its mention could not be read.
    """

    line: int
    places: Sequence[int]
    value: str
    attribute: str = ""
    of_dropped: bool = False


def read_value(attribute: str, value: str) -> str | None:
    """What an attribute of an annotation tool says of a mention.

    attribute, value (str): Such as "Negation" without a value, or "Assertion" and "Absent".
    RETURNS (str | None): One of VALUES; "" if the value has no meaning here; None if the attribute is no assertion.
    """
    name, word = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (attribute, value))
    if name not in _FLAGS:
        return _VALUES.get(word, "") if name in _CHOICES else None
    if not value.strip() or word in _TRUE:
        return _FLAGS[name]
    return PRESENT if word in _FALSE else _VALUES.get(word, "")


def join(
    entities: Sequence[Entity], statements: Iterable[Statement], file: str
) -> tuple[tuple[Entity, ...], list[Problem]]:
    """Give each mention what is stated of it.

    file (str): Where the statements stand, for the problems.
    RETURNS (tuple): The mentions, and a problem for each statement that was not joined.
    """
    said: dict[int, dict[str, str]] = defaultdict(dict)  # by place and attribute
    problems = []
    for statement in statements:
        fate = _fate(statement, said)
        if fate is AssertionFate.JOINED:
            place = next(place for place in statement.places if statement.attribute not in said[place])
            said[place][statement.attribute] = statement.value
        else:
            problems.append(Problem(file, statement.line, _KINDS[fate], assertion=fate))
    joined = [
        entity._replace(assertion=max(said[i].values(), key=VALUES.index), stated=len(said[i])) if said[i] else entity
        for i, entity in enumerate(entities)
    ]
    return tuple(joined), problems


def _fate(statement: Statement, said: dict[int, dict[str, str]]) -> AssertionFate:
    known = [said[place].get(statement.attribute) for place in statement.places]
    if not statement.value:
        return AssertionFate.UNREADABLE
    if not known:
        return AssertionFate.OF_DROPPED if statement.of_dropped else AssertionFate.WITHOUT_MENTION
    if any(value not in (None, statement.value) for value in known):
        return AssertionFate.CONTRADICTING
    return AssertionFate.JOINED if None in known else AssertionFate.DUPLICATE


def problems_of_dropped(entity: Entity, file: str) -> list[Problem]:
    """A problem for each assertion that goes with a mention that is dropped."""
    fate = AssertionFate.OF_DROPPED
    return [Problem(file, entity.line, _KINDS[fate], entity.label, assertion=fate)] * entity.stated


def imply_present(notes: Sequence[Note]) -> list[Note]:
    """Take mentions of which nothing is stated for present where the annotators marked what is not: present is at most
    a tenth of what they stated. It is done for the labels that have assertions at all.
    """
    stated = [entity for note in notes for entity in note.entities if entity.assertion]
    if not stated or 10 * sum(entity.assertion == PRESENT for entity in stated) > len(stated):
        return list(notes)
    labels = {entity.label for entity in stated}
    return [note._replace(entities=_imply(note.entities, labels)) for note in notes]


def _imply(entities: Sequence[Entity], labels: set[str]) -> tuple[Entity, ...]:
    # What is stated of a mention goes for another one of its label and characters.
    said = {(entity.label, entity.fragments) for entity in entities if entity.assertion}
    return tuple(
        entity._replace(assertion=PRESENT)
        if entity.label in labels and (entity.label, entity.fragments) not in said
        else entity
        for entity in entities
    )
