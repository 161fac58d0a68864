"""What brat files say of mentions besides assertions: attributes of mentions and events, concepts, drugs merged."""

import pytest

from scripts.convert.formats import FORMATS, brat, detect
from scripts.convert.formats.mae import GROUP
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, quoted

TEXT = "She takes zorvex and aspirin .\n"
ZORVEX = "T1\tDisposition 10 16\tzorvex\n"


def read(annotations: str, text: str = TEXT) -> Note:
    [note] = brat.read([file("a.txt", text), file("a.ann", annotations)])
    return note


def test_the_case_of_2022_is_read_with_what_is_said_of_its_events():
    files = case("n2c2-2022-track1")
    assert detect(files) == "brat"
    for note in brat.read(files):
        assert [label for label, _ in quoted(note)] == ["Disposition", "Disposition", "NoDisposition"]
        assert [entity.attributes for entity in note.entities] == [(("Action", "Start"),), (("Negation", ""),), ()]
        # Of equal mentions the first has what is said of any: it is the one in doc.ents.
        assert [entity.assertion for entity in note.entities] == ["absent", "", ""] and note.problems == ()


def test_events_of_one_drug_are_merged_where_it_is_wanted():
    reader, files = FORMATS["n2c2-2022-1"], case("n2c2-2022-track1")
    assert [len(note.entities) for note in reader.read(files)] == [3, 3, 3]
    for note in reader.read(files, labels=GROUP):
        assert quoted(note) == [("Drug", "zorvex"), ("Drug", "aspirin")]
        assert note.entities[0].attributes == (
            ("event", "Disposition"),
            ("Action", "Start"),
            ("event", "Disposition"),
            ("Negation", ""),
        )
        assert (note.entities[0].assertion, note.entities[0].stated) == ("absent", 1)
        assert note.entities[1].attributes == (("event", "NoDisposition"),)


@pytest.mark.parametrize(
    ("line", "attributes"),
    [
        ("A1\tAction T1 Start", (("Action", "Start"),)),
        ("M1\tAction T1 Start", (("Action", "Start"),)),
        ("A1\tTemporality E1 Past", (("Temporality", "Past"),)),
        ("A1\tCertainty T1 more than one word ", (("Certainty", "more than one word"),)),
        ("A1\tNegation T1", (("Negation", ""),)),
        ("A1\tAction T1 Start\nA2\tAction T1 Start\nA3\tAction T1 Stop", (("Action", "Start"), ("Action", "Stop"))),
        ("A1\tAction T9 Start", ()),
        ("A1\tAction E9 Start", ()),
        ("A1\tAction", ()),
        ("A1\tAssertion T1 Absent", ()),
        ("A1\tToReview T1", ()),
    ],
)
def test_attributes_are_those_of_the_mention_or_its_event(line, attributes):
    note = read(f"{ZORVEX}E1\tDisposition:T1 \n{line}\n")
    assert [entity.attributes for entity in note.entities] == [attributes]


def test_the_value_of_an_argument_is_its_attribute():
    text = "Tobacco: quit 7 years ago"
    lines = ["T1\tTobacco 0 7\tTobacco", "T2\tStatusTime 9 13\tquit", "T3\tDuration 14 25\t7 years ago",
             "E1\tTobacco:T1 Status:T2 History:T3", "A1\tStatusTimeVal T2 past"]  # fmt: skip
    note = read("\n".join(lines), text)
    assert [entity.attributes for entity in note.entities] == [(), (("StatusTimeVal", "past"),), ()]


@pytest.mark.parametrize(
    ("line", "concept"),
    [
        ("N1\tReference T1 RxNorm:123\tzorvex", "RxNorm:123"),
        ("N1\tReference T1 KB:C0015967\t", "C0015967"),
        ("N1\tReference E1 KB:a:b", "a:b"),
        ("N1\tReference T9 RxNorm:123\tzorvex", ""),
        ("N1\tReference T1", ""),
        ("N1\tReference T1 X:1\tz\nN2\tReference T1 X:2\tz", "X:1"),
    ],
)
def test_a_mention_has_the_first_concept_that_it_is_normalised_to(line, concept):
    [entity] = read(f"{ZORVEX}E1\tDisposition:T1 \n{line}\n").entities
    assert entity.kb_id == concept
