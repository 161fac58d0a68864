"""i2b2 2006: records with marks in their text, glued and equal words, the tag that is wrong in the release."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import detect, i2b2_2006
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

NAME = "deid_surrogate_train_all_version2.xml"
TEXT = "\nSeen by Dr. Quill on 02/03/31 , room Fizz 4 & more .\n[ report_end ]\n"
MARKED = (
    '\nSeen by Dr. <PHI TYPE="DOCTOR">Quill</PHI> on <PHI TYPE="DATE">02/03</PHI>/31 , room'
    ' <PHI TYPE="HOSPITAL">Fizz 4</PHI> &amp; more .\n[ report_end ]\n'
)
MENTIONS = [("DOCTOR", "Quill"), ("DATE", "02/03"), ("HOSPITAL", "Fizz 4")]


def xml(*texts: str) -> str:
    records = (f'<RECORD ID="{9001 + i}">\n<TEXT>{text}</TEXT>\n</RECORD>\n' for i, text in enumerate(texts))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ROOT>\n{"".join(records)}</ROOT>\n'


def read(*texts: str, name: str = NAME) -> list[Note]:
    return list(i2b2_2006.read([file(name, xml(*texts))]))


def test_the_case_is_read_a_note_a_record():
    files = case("i2b2-2006")
    assert detect(files) == "i2b2-2006"
    notes = list(i2b2_2006.read(files))
    assert [(note.id, note.split) for note in notes] == [("9003", "test"), ("9001", "train"), ("9002", "train")]
    assert [quoted(note) for note in notes] == [MENTIONS, MENTIONS, []]
    assert notes[1].text == TEXT and not any(note.problems for note in notes)


def test_the_same_words_may_have_two_types_and_stand_where_they_are():
    marked = 'Fizz <PHI TYPE="DOCTOR">Fizz</PHI> <PHI TYPE="HOSPITAL">Fizz</PHI>'
    [note] = read(marked)
    assert [(entity.label, entity.fragments) for entity in note.entities] == [
        ("DOCTOR", ((5, 9),)),
        ("HOSPITAL", ((10, 14),)),
    ]


def test_texts_without_marks_are_not_annotated():
    files = [file("deid_surrogate_test_all_version2.xml", xml(TEXT.replace("&", "and")))]
    assert not i2b2_2006.recognises(files[0]) and list(i2b2_2006.read(files)) == []


def test_a_start_tag_in_place_of_an_end_tag_is_mended_and_told():
    wrong = MARKED.replace("02/03</PHI>", '02/03<PHI TYPE="DOCTOR">')
    one, other = read(wrong, MARKED)
    assert one.text == other.text == TEXT and quoted(one) == quoted(other) == MENTIONS
    assert problems(one) == [(5, "start tag that should be an end tag", 0)] and other.problems == ()
    one, other = read(MARKED, wrong)
    assert one.problems == () and problems(other) == [(11, "start tag that should be an end tag", 0)]


@pytest.mark.parametrize(
    ("mark", "words", "kind"),
    [
        ("<PHI>Quill</PHI>", "Quill", "no label that can be read"),
        ("<B>Quill</B>", "Quill", "no label that can be read"),
        ('<PHI TYPE="DOCTOR"/>', "", "mark without words"),
    ],
)
def test_a_mark_that_cannot_be_read_is_counted_and_its_words_stay(mark, words, kind):
    [note] = read(f'x {mark} <PHI TYPE="DATE">02/03</PHI>')
    assert quoted(note) == [("DATE", "02/03")] and problems(note) == [(4, kind, 1)]
    assert note.text.split() == ["x", "Quill", "02/03"][: 3 if "Qui" in mark else 2] or note.text.split() == [
        "x",
        "02/03",
    ]


def test_marks_inside_each_other_leave_the_text_as_it_stands_and_are_all_read():
    inner = 'Dr. <PHI TYPE="PATIENT">Qu<B>i</B>ll</PHI> Jr'
    [note] = read(f'x <PHI TYPE="DOCTOR">{inner}</PHI> on <PHI TYPE="DATE">02/03</PHI>')
    assert note.text.strip() == "x Dr. Quill Jr on 02/03"
    assert quoted(note) == [("DOCTOR", "Dr. Quill Jr"), ("PATIENT", "Quill"), ("DATE", "02/03")]
    assert problems(note) == [(4, "no label that can be read", 1)]


def test_damaged_files_are_named():
    good = xml(MARKED)
    for content in (good.replace("</PHI>", "", 1), good[:-20], good.replace("TEXT>", "TEXTS>")):
        with pytest.raises(InputError, match=rf"{NAME}, line \d+"):
            list(i2b2_2006.read([file(NAME, content)]))


@given(
    st.lists(st.tuples(hostile_text("&<>\n", without="\r\x01\x0b\x0c\x1c\v\f", max_size=12), st.booleans()), max_size=6)
)
def test_any_text_is_read_back(parts):
    parts = [("x", True), *((words, mark and bool(words)) for words, mark in parts)]
    label = quoteattr("LOCATION-OTHER")
    marked = "".join(f"<PHI TYPE={label}>{escape(words)}</PHI>" if mark else escape(words) for words, mark in parts)
    [note] = i2b2_2006.read([File(file(NAME, "").path, xml(marked).encode("utf8"))])
    assert note.text == "".join(words for words, _ in parts)
    assert [words for _, words in quoted(note)] == [words for words, mark in parts if mark] and not note.problems
