"""i2b2 2009: medications a line, words counted by single blanks, known faults of the release, what is not annotated."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import detect, i2b2_2009
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "Home drugs :\nTakes  Zorvex 20 mg twice a\nday for sore elbow.\n"
ZORVEX = 'm="zorvex" 2:2 2:2'
LINE = (
    f'{ZORVEX}||do="20 mg" 2:3 2:4||mo="nm"||f="twice a day" 2:5 3:0||du="nm"||r="sore elbow" 3:2 3:3'
    '||e="start"||t="past"||c="factual"||ln="list"\n'
)
MENTIONS = [("m", "Zorvex"), ("do", "20 mg"), ("f", "twice a\nday"), ("r", "sore elbow")]
MISMATCH, BEYOND = "quote does not match its offsets", "offset beyond the text"


def read(annotations: str, text: str = TEXT) -> Note:
    files = [file("1001", text), file("1001_gold.entries", annotations)]
    [note] = i2b2_2009.read(files)
    return note


def test_the_case_is_read():
    files = case("i2b2-2009")
    assert detect(files) == "i2b2-2009"
    [note] = i2b2_2009.read(files)
    assert (note.id, note.split, note.text) == ("1001", "train", "Takes zorvex 20 mg twice a day .\n")
    assert quoted(note) == [("m", "zorvex"), ("do", "20 mg"), ("f", "twice a day")] and note.problems == ()
    assert note.entities[0].attributes == (("ln", "list"),)


def test_fields_with_offsets_are_mentions_and_the_others_attributes_of_the_medication():
    note = read(LINE)
    assert quoted(note) == MENTIONS and note.problems == ()
    assert note.entities[0].attributes == (("e", "start"), ("t", "past"), ("c", "factual"), ("ln", "list"))
    assert all(entity.attributes == () for entity in note.entities[1:])


def test_the_same_reason_may_be_that_of_several_medications():
    note = read(LINE + LINE)
    assert quoted(note) == MENTIONS * 2 and [entity.line for entity in note.entities] == [1] * 4 + [2] * 4


# --- files


def test_texts_without_annotations_are_no_notes():
    files = [file("1001", TEXT), file("1002", TEXT), file("1001_gold.entries", LINE)]
    assert [note.id for note in i2b2_2009.read(files)] == ["1001"]


def test_an_empty_file_of_annotations_is_a_note_without_mentions_and_a_damaged_one_counted():
    assert read("").entities == () and read("").problems == ()
    assert problems(read("nonsense\n" + LINE)) == [(1, "malformed line", 1)] and quoted(read("x\n" + LINE)) == MENTIONS


def test_archives_of_the_release_state_the_split():
    all_texts, training = (
        "train.test.released.8.17.09.tar.gz/train.test.released.8.17.09",
        "training.sets.released.tar.gz",
    )
    gold, stage = (
        "annotations_ground_truth.tar.gz/x/converted.noduplicates.sorted",
        "annotations_ground_truth.tar.gz/x/raw",
    )
    files = [
        *(file(f"{all_texts}/{name}", TEXT + name) for name in ("1001", "1002", "1003", "1004")),
        *(file(f"{training}/training.sets.released/3/{name}", TEXT + name) for name in ("1001", "1004")),
        file("training.ground.truth.01.06.11.2009.zip/training.ground.truth/1001_gold.entries", LINE),
        file(f"{gold}/1002.i2b2.m", LINE),
        file(f"{stage}/1002.i2b2.m", LINE),
    ]
    notes = list(i2b2_2009.read(files))
    assert sorted((note.id, note.split, note.text[-4:]) for note in notes) == [
        ("1001", "train", "1001"),
        ("1002", "test", "1002"),
    ]
    assert next(note.file for note in notes if note.id == "1002").startswith(gold)


def test_annotations_without_a_text_are_reported_or_left_out():
    files = [file("1001", TEXT), file("1001.entries", LINE), file("1002.entries", LINE)]
    with pytest.raises(InputError, match=r"1002.entries has no text file"):
        list(i2b2_2009.read(files))
    assert [note.id for note in i2b2_2009.read(files, skip_unpaired=True)] == ["1001"]


@pytest.mark.parametrize(("name", "content"), [("a.m", "function y = f(x)\n"), ("a.m", ""), ("a.ann", LINE)])
def test_other_files_are_not_recognised(name, content):
    assert not i2b2_2009.recognises(file(name, content))


# --- faults of the release


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ('m="zorvex" 2:2 2:2|||do="20 mg" 2:3 2:4', MENTIONS[:2]),
        ('m="zorvex" 2:2 2:2||do="20 mg" 2:3 2:4||', MENTIONS[:2]),
        ('r="sore elbow" 3:2 3:3', MENTIONS[3:]),
        ('r="sore elbow." 3:2 3:3', [("r", "sore elbow.")]),
        ('f="twice...day" 2:5 2:5,3:0 3:0', [("f", "twice...day")]),
        ('f="twice...day" 2:5 2:5 3:0 3:0', [("f", "twice...day")]),
        ('f="twice...elbow" 2:5 2:5,3:3 3:3', [("f", "twice...elbow")]),
    ],
)
def test_faults_that_leave_no_doubt_are_read(line, mentions):
    note = read(line)
    assert quoted(note) == mentions and note.problems == ()


def test_runs_of_blanks_may_separate_as_well():
    assert quoted(read('m="zorvex" 2:1 2:1')) == MENTIONS[:1]


def test_a_quote_may_hold_quotation_marks():
    text = 'Takes "zorvex" daily\n'
    assert quoted(read('m=""zorvex"" 1:1 1:1||f="daily" 1:2 1:2', text)) == [("m", '"zorvex"'), ("f", "daily")]


@pytest.mark.parametrize(
    ("field", "kind", "label"),
    [
        ('do="20 mg" 2:3 2:99', BEYOND, "do"),
        ('do="20 mg" 0:3 2:4', BEYOND, "do"),
        ('do="20 mg" 9:3 9:4', BEYOND, "do"),
        ('do="20 mg" 2:4 2:3', BEYOND, "do"),
        ('do="20 mg" 2:3 2:3', MISMATCH, "do"),
        ('do="" 2:1 2:1', MISMATCH, "do"),
        ('do="20 mg"', "no offsets that can be read", "do"),
        ("do=20 mg 2:3 2:4", "malformed line", ""),
        ('do="20 mg" 2:3', "malformed line", ""),
        (f'do="20 mg" {"9" * 5000}:3 2:4', "malformed line", ""),
    ],
)
def test_a_field_that_cannot_be_read_is_counted_and_no_other_is_lost(field, kind, label):
    note = read(f'\n{ZORVEX}||{field}||r="sore elbow" 3:2 3:3\n')
    assert quoted(note) == [("m", "Zorvex"), ("r", "sore elbow")]
    assert problems(note) == [(2, kind, 1)] and note.problems[0].label == label


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_do_no_harm(newline, mark):
    note = read(mark + LINE.replace("\n", newline), TEXT.replace("\n", newline))
    assert [(label, " ".join(words.split())) for label, words in quoted(note)] == [
        (label, " ".join(words.split())) for label, words in MENTIONS
    ]
    assert note.problems == ()


@given(hostile_text("\n\n", max_size=40).filter(lambda text: not {'"', "|"} & {*text}), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    words = [
        (number, place, start + sum(len(word) + 1 for word in line.split(" ")[:place]), word)
        for number, line, start in lines_of(text.replace("\t", " "))
        for place, word in enumerate(line.split(" "))
        if word.strip() == word and word
    ]
    if not words:
        return
    number, place, start, word = data.draw(st.sampled_from(words))
    note = read(f'm="{word.lower()}" {number}:{place} {number}:{place}', text)
    assert [entity.fragments for entity in note.entities] == [((start, start + len(word)),)]


def lines_of(text: str) -> list[tuple[int, str, int]]:
    ends = [-1, *(i for i, character in enumerate(text) if character == "\n"), len(text)]
    return [(i, text[a + 1 : b].removesuffix("\r"), a + 1) for i, (a, b) in enumerate(pairwise(ends), start=1)]


def test_files_are_utf8():
    with pytest.raises(InputError, match=r"1001.entries, line 1: not UTF-8"):
        list(i2b2_2009.read([file("1001", TEXT), File(file("1001.entries", "").path, ZORVEX.encode() + b"\xff")]))
