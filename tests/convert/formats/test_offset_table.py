"""Tables of mentions: columns by their names, texts by theirs, rows that name none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.convert.formats import detect, offset_table
from scripts.convert.formats.offsets import MISMATCH
from scripts.convert.source import count_files
from scripts.corpus.note import Note
from tests.cases import case
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "She has fever .\nTakes zorvex 20 mg ."
HEADER = "filename\tlabel\tstart\tend\ttext\n"
FEVER = "a\tproblem\t8\t13\tfever\n"
BOTH = [("problem", "fever"), ("drug", "zorvex")]


def read(table: str, text: str = TEXT, name: str = "mentions.tsv") -> list[Note]:
    return list(offset_table.read([file(name, table), file("a.txt", text)]))


def test_the_case_is_read():
    files = case("offset-table")
    assert detect(files) == "offset-table"
    notes = list(offset_table.read(files))
    assert [(note.id, note.split) for note in notes] == [("dev-1", "dev"), ("test-1", "test"), ("train-1", "train")]
    assert all(quoted(note) == BOTH and not note.problems for note in notes)


@pytest.mark.parametrize(
    "table",
    [
        HEADER + FEVER + "a\tdrug\t22\t28\tzorvex\n",
        "filename\tann_id\tlabel\tstart_span\tend_span\ttext\na\tT1\tproblem\t8\t13\tfever\na\tT2\tdrug\t22\t28\tzorvex",
        "filename\tmark\tlabel\toff0\toff1\tspan\na\tT1\tproblem\t8\t13\tfever\na.txt\tT2\tdrug\t22\t28\tzorvex",
        'file,start,end,label\na.txt,8,13,problem\na.txt,22,28,"drug"\n',
        '"doc_id";"type";"begin";"end"\n"a";"problem";"8";"13"\n"a";"drug";"22";"28"\n',
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_told_by_their_names(table, newline, mark):
    table = mark + table.replace("\n", newline)
    assert detect([file("x.tsv", table), file("a.txt", TEXT)]) == "offset-table"
    [note] = read(table)
    assert (note.id, note.text, quoted(note), note.problems) == ("a", TEXT, BOTH, ())
    assert [entity.line for entity in note.entities] == [2, 3]


def test_codes_are_concepts_and_other_columns_attributes():
    [note] = read(
        "filename\tlabel\tstart\tend\ttext\tcode\tsure\na\tx\t8\t13\tfever\tC1\tyes\na\tx\t8\t13\tfever\t\t\n"
    )
    assert [(entity.kb_id, entity.attributes) for entity in note.entities] == [("C1", (("sure", "yes"),)), ("", ())]


@pytest.mark.parametrize("header", ["token\ttag\n", "text,label\n", "id\ttext\tlabels\n", "", "filename\tstart\tend\n"])
def test_other_tables_are_not_recognised(header):
    assert not offset_table.recognises(file("a.tsv", header))


def test_texts_that_no_row_names_are_not_annotated():
    files = [file("m.tsv", HEADER + FEVER), file("a.txt", TEXT), file("b.txt", TEXT)]
    assert [note.id for note in offset_table.read(files)] == ["a"]


def test_the_text_nearest_to_the_table_is_taken():
    files = [
        file("train/m.tsv", HEADER + FEVER),
        file("test/m.tsv", HEADER + FEVER.replace("fever", "cough")),
        file("train/a.txt", TEXT),
        file("test/a.txt", TEXT.replace("fever", "cough")),
    ]
    notes = list(offset_table.read(files))
    assert [(note.split, quoted(note), note.text_file) for note in notes] == [
        ("train", [("problem", "fever")], "train/a.txt"),
        ("test", [("problem", "cough")], "test/a.txt"),
    ]


def test_a_text_that_is_not_there_or_there_twice_is_told_or_left_out():
    table = file("m.tsv", HEADER + FEVER + "b\tx\t0\t1\tS\n")
    with pytest.raises(InputError, match=r"m.tsv, line 3: no text is called as it says"):
        list(offset_table.read([table, file("a.txt", TEXT)]))
    assert [note.id for note in offset_table.read([table, file("a.txt", TEXT)], skip_unpaired=True)] == ["a"]
    with pytest.raises(InputError, match=r"m.tsv, line 2: 2 texts are called"):
        list(offset_table.read([table, file("x/a.txt", TEXT), file("y/a.txt", TEXT)]))


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("a\tx\n", "no offsets that can be read"),
        ("a\tx\t8\ty\tfever", "no offsets that can be read"),
        (f"a\tx\t8\t{'9' * 5000}\tfever", "no offsets that can be read"),
        ("a\t\t8\t13\tfever", "no label that can be read"),
        ("a\tx\t13\t8\tfever", "empty or reversed offsets"),
        ("a\tx\t8\t99\tfever", "offset beyond the text"),
        ("a\tx\t8\t12\tfever", MISMATCH),
        ("\tx\t8\t13\tfever", "malformed line"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted(row, kind):
    [note] = read(f"{HEADER}{FEVER}{row}\n")
    assert quoted(note) == BOTH[:1] and problems(note) == [(3, kind, 1)]


def test_a_table_without_any_name_and_an_open_quotation_mark_are_told():
    with pytest.raises(InputError, match=r"mentions.tsv, line 2: no name of a text"):
        read(HEADER + FEVER.removeprefix("a"))
    with pytest.raises(InputError, match=r"mentions.tsv: a quotation mark"):
        read('file,start,end,label\na,8,13,"x\n')


def test_quotation_marks_are_words_between_tabs():
    [note] = read(f'{HEADER}a\tx\t0\t6\t"fever\n', '"fever')
    assert quoted(note) == [("x", '"fever')] and note.problems == ()


@given(hostile_text("\n", max_size=30), st.data())
def test_mentions_of_any_text_are_read_back(text, data):
    if len(text) > 1:
        start, end = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=2)))
        quote = " ".join(text[start:end].split())
        [note] = read(f"{HEADER}a\tx\t{start}\t{end}\t{quote}\n", text)
        assert note.text == text and [entity.fragments for entity in note.entities] == [((start, end),)]


def test_tables_of_the_same_texts_are_read_together():
    header = "filename\tlabel\tstart\tend\n"
    files = [file("disease.tsv", f"{header}n0\tdisease\t0\t5\n"), file("drug.tsv", f"{header}n0\tdrug\t12\t18\n"),
             file("site.tsv", f"{header}n0\tsite\t900\t901\n"), file("n0.txt", "Fever after zorvex")]  # fmt: skip
    [note] = offset_table.read(files)
    assert (note.id, quoted(note)) == ("n0", [("disease", "Fever"), ("drug", "zorvex")])
    told = "a further table of the same texts, read with the first"
    assert [(each.file, each.kind, each.dropped) for each in note.problems][:2] == [
        ("drug.tsv", told, 0), ("site.tsv", told, 0)]  # fmt: skip
    assert sum(each.dropped for each in note.problems) == 1
    assert count_files(files, [note])["unused_files"] == {}
