"""n2c2 2019 track 3: concepts by offsets alone, and the files that are no gold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.convert.formats import detect, n2c2_2019
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "She has fever , and pain in her knee .\n"


def read(annotations: str, text: str = TEXT) -> Note:
    [note] = n2c2_2019.read([file("a.norm", annotations), file("a.txt", text)])
    return note


def test_the_layout_of_the_release_is_read():
    files = case("n2c2-2019")
    assert detect(files) == "n2c2-2019"
    notes = list(n2c2_2019.read(files))
    assert [(note.id, note.split) for note in notes] == [("0002", "test"), ("0001", "train")]
    for note in notes:
        assert quoted(note) == [("concept", "fever"), ("concept", "pain...knee")] and note.problems == ()
        assert [entity.kb_id for entity in note.entities] == ["C0015967", "CUI-less"]


def test_the_case_without_texts_says_what_is_missing():
    files = case("n2c2-2019-norm")
    assert detect(files) == "n2c2-2019"
    with pytest.raises(InputError, match=r"dev.norm has no text file"):
        list(n2c2_2019.read(files))
    texts = [file(f"{part}.txt", TEXT) for part in ("dev", "test", "train")]
    notes = list(n2c2_2019.read([*files, *texts]))
    assert [quoted(note) for note in notes] == [[("concept", "fever")]] * 3


@pytest.mark.parametrize(
    ("line", "kind", "label"),
    [
        ("N1||C1||8", "malformed line", ""),
        ("N1||C1||8||13||20", "malformed line", ""),
        ("N1 C1 8 13", "malformed line", ""),
        ("N1||C1||x||13", "no offsets that can be read", "concept"),
        (f"N1||C1||{'9' * 5000}||13", "no offsets that can be read", "concept"),
        ("N1||C1||8||13||20||x", "no offsets that can be read", "concept"),
        ("N1||C1||13||8", "empty or reversed offsets", "concept"),
        ("N1||C1||8||99", "offset beyond the text", "concept"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted(line, kind, label):
    note = read(f"N0||C0||8||13\n\n{line}\r\n")
    assert quoted(note) == [("concept", "fever")] and problems(note) == [(3, kind, 1)]
    assert note.problems[0].label == label


@given(hostile_text(max_size=30), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6))) if len(text) > 1 else []
    fragments = tuple(zip(cuts[::2], cuts[1::2], strict=False))
    line = "||".join(["N0", "C1", *(str(end) for part in fragments for end in part)]) if fragments else ""
    note = read(line, text)
    assert note.text == text and [entity.fragments for entity in note.entities] == ([fragments] if fragments else [])
