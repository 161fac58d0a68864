"""The BioNLP shared tasks: .a1 and .a2 are one file of brat, whose lines keep their names."""

import pytest

from scripts.cli import InputError
from scripts.convert.formats import a1, detect
from tests.cases import case
from tests.helpers import file, problems, quoted

TEXT = "She has fever .\n"
GIVEN = "T1\tproblem 8 13\tfever\n"


def test_the_case_is_read():
    files = case("brat-a1-a2")
    assert detect(files) == "a1"
    notes = list(a1.read(files))
    assert [(note.id, note.split, note.file) for note in notes] == [
        (f"{part}-1", part, f"{part}/{part}-1.a1") for part in ("dev", "test", "train")
    ]
    assert all(quoted(note) == [("problem", "fever"), ("drug", "zorvex")] and not note.problems for note in notes)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_triggers_and_what_is_said_of_events_are_read(end):
    given = GIVEN.removesuffix("\n") + end
    found = "T2\thas 4 7\thas\nE1\tHas:T2 Theme:T1\nM1\tNegation E1\n"
    files = [file("n.txt", TEXT), file("n.a1", given), file("n.a2", found)]
    [note] = a1.read(files)
    assert quoted(note) == [("problem", "fever"), ("has", "has")] and note.problems == ()
    assert [entity.assertion for entity in note.entities] == ["", "absent"]
    assert (note.file, note.text_file, note.assertion_file) == ("n.a1", "n.txt", "n.a2")


def test_a_note_may_have_one_of_the_two_files():
    for name in ("n.a1", "n.A2"):
        [note] = a1.read([file("n.txt", TEXT), file(name, GIVEN)])
        assert quoted(note) == [("problem", "fever")] and note.file == name


def test_problems_name_the_file_and_its_line():
    files = [file("n.txt", TEXT), file("n.a1", f"{GIVEN}T2\tx 0\n"), file("n.a2", f"\n{GIVEN}T3\ty 5 4\tx\n")]
    [note] = a1.read(files)
    assert [(problem.file, *problems(note)[i]) for i, problem in enumerate(note.problems)] == [
        ("n.a1", 2, "malformed line", 1),
        ("n.a2", 3, "empty or reversed offsets", 1),
    ]


def test_a_file_without_a_partner_is_reported_or_left_out():
    files = [file("n.txt", TEXT), file("n.a1", GIVEN), file("m.a2", GIVEN)]
    with pytest.raises(InputError, match=r"m.ann has no text file"):
        list(a1.read(files))
    assert [note.id for note in a1.read(files, skip_unpaired=True)] == ["n"]
