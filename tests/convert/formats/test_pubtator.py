"""PubTator: documents, their mentions and concepts, and lines that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.convert.formats import detect, pubtator
from scripts.convert.formats.offsets import MISMATCH
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

DOCUMENT = "1|t|Fever after zorvex.\n1|a|She took zorvex daily.\n"
TEXT = "Fever after zorvex.\nShe took zorvex daily."
FEVER = "1\t0\t5\tFever\tDisease\tD005334\n"
TOOK = "1\t29\t35\tzorvex\tChemical\tX1\n"


def read(content: str, name: str = "train.PubTator") -> list[Note]:
    return list(pubtator.read([file(name, content)]))


def test_the_case_is_read():
    files = case("pubtator")
    assert detect(files) == "pubtator"
    notes = list(pubtator.read(files))
    assert [(note.id, note.split) for note in notes] == [(f"{part}/1001", part) for part in ("dev", "test", "train")]
    for note in notes:
        assert note.text == TEXT and note.problems == ()
        assert quoted(note) == [("Disease", "Fever"), ("Chemical", "zorvex"), ("Chemical", "zorvex")]
        assert [entity.kb_id for entity in note.entities] == ["D005334", "X1", "X1"]
        assert [entity.line for entity in note.entities] == [3, 4, 5]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("between", ["", "\n", "\n\n\n"])
def test_documents_follow_each_other(newline, mark, between):
    second = (DOCUMENT + TOOK).replace("1|", "2|").replace("1\t29", "2\t29")
    content = (mark + DOCUMENT + FEVER + between + second).replace("\n", newline)
    assert pubtator.recognises(file("x.txt", content))
    notes = read(content)
    assert [(note.id, note.text, quoted(note)) for note in notes] == [
        ("1", TEXT, [("Disease", "Fever")]),
        ("2", TEXT, [("Chemical", "zorvex")]),
    ]


@pytest.mark.parametrize(
    ("document", "text"),
    [("1|t|A.\n", "A."), ("1|t|\n1|a|B.\n", "\nB."), ("1|t|A.\n1|a|\n", "A.\n"), ("1|a|B|c\n", "B|c")],
)
def test_title_or_abstract_may_be_empty_or_absent(document, text):
    assert [note.text for note in read(document)] == [text]


def test_a_document_twice_in_a_file_is_two_notes():
    assert [note.id for note in read(DOCUMENT + FEVER + "\n" + DOCUMENT + TOOK)] == ["train/1-1", "train/1-2"]


@pytest.mark.parametrize("concept", ["", "\t", "\t-", "\t-1"])
def test_a_mention_may_have_no_concept(concept):
    [note] = read(DOCUMENT + f"1\t0\t5\tFever\tDisease{concept}\n")
    assert quoted(note) == [("Disease", "Fever")] and note.entities[0].kb_id == ""


def test_several_concepts_and_the_mentions_that_one_is_made_of_are_kept():
    [note] = read(DOCUMENT + "1\t0\t12\tFever after \tDisease\tD1|D2\tFever|after\n")
    assert note.entities[0].kb_id == "D1|D2" and note.problems == ()
    assert note.entities[0].attributes == (("individual mentions", "Fever|after"),)


def test_a_mention_over_title_and_abstract_is_its_words():
    [note] = read(DOCUMENT + "1\t12\t23\tzorvex. She\tX\n")
    assert quoted(note) == [("X", "zorvex.\nShe")] and note.problems == ()


@pytest.mark.parametrize("line", ["1\tCID\tX1\tD005334", "1\tAssociation\tX1\tD1\tNovel"])
def test_relations_are_neither_mentions_nor_problems(line):
    [note] = read(DOCUMENT + FEVER + line + "\n")
    assert len(note.entities) == 1 and note.problems == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("1\t0\t5\tFever", "malformed line"),
        ("2\t0\t5\tFever\tDisease\tD1", "malformed line"),
        ("nonsense", "malformed line"),
        ("1\tCID\tX1", "malformed line"),
        ("1\tx\t5\tFever\tDisease\tD1", "no offsets that can be read"),
        (f"1\t{'9' * 5000}\t5\tFever\tDisease", "no offsets that can be read"),
        ("1\t0\t5\tFever\t\tD1", "no label that can be read"),
        ("1\t5\t0\tFever\tDisease\tD1", "empty or reversed offsets"),
        ("1\t0\t500\tFever\tDisease\tD1", "offset beyond the text"),
        ("1\t0\t4\tFever\tDisease\tD1", MISMATCH),
    ],
)
def test_a_line_that_cannot_be_read_is_counted(line, kind):
    [note] = read(DOCUMENT + TOOK + line + "\n")
    assert quoted(note) == [("Chemical", "zorvex")] and problems(note) == [(4, kind, 1)]


def test_a_line_before_the_first_document_is_named():
    content = "1|t|A.\n"
    with pytest.raises(InputError, match=r"train.PubTator, line 2: no title or abstract before it"):
        read("\n" + FEVER + DOCUMENT)
    assert pubtator.recognises(file("x", content)) and not pubtator.recognises(file("x", FEVER + content))
    with pytest.raises(InputError, match=r"x, line 2: not UTF-8"):
        list(pubtator.read([file("x", content.encode() + b"\xff")]))


@given(hostile_text("", max_size=30), hostile_text("", max_size=30), st.data())
def test_any_text_is_read_back(title, abstract, data):
    text = f"{title}\n{abstract.removesuffix(chr(13))}"
    title_line = f"1|t|{title}\r\n" if title.endswith("\r") else f"1|t|{title}\n"
    cuts = [sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2)))]
    rows = [f"1\t{s}\t{e}\t{' '.join(text[s:e].split())}\tA\n" for s, e in cuts]
    [note] = read(f"{title_line}1|a|{abstract.removesuffix(chr(13))}\n{''.join(rows)}")
    assert note.text == text and [entity.fragments for entity in note.entities] == [((s, e),) for s, e in cuts]


@pytest.mark.parametrize("row", ["none\t5\tFever\tDisease", "none\t5\tFever", "A\tB\tC", "CID\tD1\tD2\tFever"])
def test_a_line_that_is_neither_mention_nor_relation_is_counted(row):
    [note] = read(f"{DOCUMENT}{FEVER}1\t{row}\n1\tCID\tD000001\tD2\n1\tAssociation\t672\tD003409\tNovel\n")
    assert quoted(note) == [("Disease", "Fever")]
    assert [(line, dropped) for line, _, dropped in problems(note)] == [(4, 1)]
