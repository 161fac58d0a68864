"""UIMA XMI: texts of a file, which annotations are mentions, offsets of UTF-16 units."""

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import detect, xmi
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "She has fever ."
FEVER = '<type:NamedEntity xmi:id="5" sofa="1" begin="8" end="13" value="problem"/>'
TOKEN = '<seg:Token xmi:id="7" sofa="1" begin="0" end="3"/>'


def sofa(text: str, number: int = 1) -> str:
    given = quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    return f'<cas:Sofa xmi:id="{number}" sofaNum="{number}" sofaID="_InitialView" sofaString={given}/>'


def document(*elements: str) -> str:
    body = "\n".join(elements)
    return f'<?xml version="1.0"?>\n<xmi:XMI xmlns:xmi="x" xmlns:cas="y" xmi:version="2.0">\n{body}\n</xmi:XMI>'


def read(*elements: str, text: str = TEXT) -> Note:
    [note] = xmi.read([file("a.xmi", document(*elements, sofa(text)))])
    return note


def test_the_case_is_read():
    files = case("xmi-uima")
    assert detect(files) == "xmi"
    notes = list(xmi.read(files))
    assert [(note.id, note.split) for note in notes] == [(part, part) for part in ("dev", "test", "train")]
    assert all((note.text, quoted(note)) == (TEXT, [("problem", "fever")]) and not note.problems for note in notes)


@pytest.mark.parametrize(
    ("element", "label"),
    [
        (FEVER, "problem"),
        (FEVER.replace(' value="problem"', ""), "NamedEntity"),
        ('<textsem:DiseaseDisorderMention sofa="1" begin="8" end="13" polarity="-1"/>', "DiseaseDisorderMention"),
        ('<custom:Finding sofa="1" begin="8" end="13" label="problem"/>', "problem"),
    ],
)
def test_mentions_are_told_by_their_type(element, label):
    note = read(TOKEN, element)
    assert quoted(note) == [(label, "fever")] and note.problems == () and note.entities[0].line == 4


def test_concepts_and_other_features_are_kept():
    element = FEVER.replace("/>", ' identity="C1" sure="yes" empty=""/>')
    [entity] = read(element).entities
    assert (entity.kb_id, entity.attributes) == ("C1", (("sure", "yes"),))


def test_several_texts_of_a_file_are_several_notes():
    other = FEVER.replace('sofa="1"', 'sofa="2"')
    notes = list(xmi.read([file("a.xmi", document(sofa(TEXT), sofa("No more fever", 2), FEVER, other))]))
    assert [(note.id, quoted(note)) for note in notes] == [
        ("a-1", [("problem", "fever")]),
        ("a-2", [("problem", "fever")]),
    ]


def test_files_without_mentions_say_what_is_there():
    with pytest.raises(InputError, match=r"a.xmi: no NamedEntity or Mention in it, only Token; "):
        read(TOKEN)
    with pytest.raises(InputError, match="none at all"):
        read()


def test_a_mention_of_no_text_is_counted_and_a_file_without_text_refused():
    note = read(FEVER, FEVER.replace('sofa="1"', 'sofa="9"'))
    assert quoted(note) == [("problem", "fever")] and problems(note) == [(4, "mention of no text", 1)]
    with pytest.raises(InputError, match=r"a.xmi: no text"):
        list(xmi.read([file("a.xmi", document(FEVER))]))


@pytest.mark.parametrize(
    ("start", "end", "kind"),
    [
        ("x", "13", "no offsets that can be read"),
        ("9" * 5000, "13", "no offsets that can be read"),
        ("13", "8", "empty or reversed offsets"),
        ("8", "99", "offset beyond the text"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_counted(start, end, kind):
    note = read(FEVER, f'<a:Mention sofa="1" begin="{start}" end="{end}"/>')
    assert quoted(note) == [("problem", "fever")] and problems(note) == [(4, kind, 1)]


def test_offsets_count_utf_16_units():
    note = read(FEVER.replace('"8" end="13"', '"9" end="14"'), text="😀 has 😀fever")
    assert quoted(note) == [("problem", "fever")] and note.problems == ()


@given(hostile_text("&<>'\n", without="\x01\x0b\x0c\x1c\v\f", min_size=2, max_size=30), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    start, end = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2)))
    units = [len(text[:at].encode("utf-16-le")) // 2 for at in (start, end)]
    element = f'<a:Mention sofa="1" begin="{units[0]}" end="{units[1]}"/>'
    [note] = xmi.read([File(file("a.xmi", "").path, document(element, sofa(text)).encode("utf8"))])
    assert note.text == text and [entity.fragments for entity in note.entities] == [((start, end),)]
