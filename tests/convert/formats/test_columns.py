"""Which column holds what: told by content, or asked for; never ids for text, nothing chosen without a word."""

import pytest

from scripts.cli import InputError
from scripts.convert.formats import conll
from scripts.convert.formats.columns import Choice
from scripts.corpus.note import SENTENCE, Note
from tests.helpers import file, problems, quoted

TOKENS = ("She", "has", "fever", ".", "", "Takes", "zorvex", "20", "mg", ".")
TAGS = ("O", "O", "B-problem", "O", "", "O", "B-drug", "B-dose", "I-dose", "O")
TEXT = "She has fever .\nTakes zorvex 20 mg .\n"
FOUND = [("problem", "fever"), ("drug", "zorvex"), ("dose", "20 mg")]


def table(*columns, between: str = "\t") -> str:
    """Rows of columns; each is a list, or a function of sentence, place in it and row."""
    lines, sentence, place = [], 1, 0
    for row, token in enumerate(TOKENS):
        if not token:
            lines.append("")
            sentence, place = sentence + 1, 0
            continue
        place += 1
        cells = [each(sentence, place, row) if callable(each) else each[row] for each in columns]
        lines.append(between.join(map(str, cells)))
    return "\n".join([*lines, "", ""])


def read(content: str, name: str = "a.tsv", **choice: str) -> Note:
    (note,) = conll.read([file(name, content)], choice=Choice(**choice))
    return note


def told(note: Note) -> list[str]:
    return [problem.kind for problem in note.problems]


POS = [token and "NN" for token in TOKENS]
KINDS = ("PRP", "VBZ", "NN", ".", "", "VBZ", "NN", "CD", "NN", ".")
BARE = [tag[:1] for tag in TAGS]
CHUNKS = [token and "B-NP" for token in TOKENS]
OUTSIDE = [token and "O" for token in TOKENS]
IDS = {
    "sentence": lambda sentence, place, row: sentence,
    "token": lambda sentence, place, row: place,
    "from 0": lambda sentence, place, row: place - 1,
    "row": lambda sentence, place, row: row,
    "named sentence": lambda sentence, place, row: f"s{sentence}",
    "file": lambda sentence, place, row: "note-1.txt",
    "both": lambda sentence, place, row: f"{sentence}-{place}",
    "offset": lambda sentence, place, row: 5 * row,
    "Kaggle": lambda sentence, place, row: f"Sentence: {sentence}" if place == 1 else "",
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("more", [(), (POS,)])
def test_ids_before_the_tokens_are_no_text(kind, more):
    note = read(table(IDS[kind], TOKENS, *more, TAGS))
    assert (note.text, quoted(note)) == (TEXT, FOUND)
    assert told(note) == [f"tokens read from column 2, tags from column {3 + len(more)} of {3 + len(more)}"]


@pytest.mark.parametrize("between", ["\t", " ", "   "])
def test_two_columns_of_ids_are_no_text(between):
    note = read(table(IDS["file"], IDS["token"], TOKENS, POS, TAGS, between=between))
    assert (note.text, quoted(note)) == (TEXT, FOUND)


def test_tokens_that_are_numbers_are_text():
    rows = "1\tB-dose\n2\tO\n3\tO\n\n1\tO\n"
    assert read(rows).text == "1 2 3\n1\n" and not read(rows).problems
    assert read("20\tCD\tB-dose\nmg\tNN\tI-dose\n").text == "20 mg\n"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ((TAGS, TOKENS), "tokens read from column 2, tags from column 1 of 2"),
        ((TAGS, IDS["row"], IDS["offset"], TOKENS), "tokens read from column 4, tags from column 1 of 4"),
        ((TAGS, KINDS, TOKENS), "tokens read from column 3, tags from column 1 of 3"),
        (
            (TOKENS, TAGS, BARE),
            "tokens read from column 1, tags from column 2 of 3; column 3 has tags as well (--tag-column)",
        ),
        ((TAGS, POS, TOKENS), "tokens read from column 3, tags from column 1 of 3"),
        ((TOKENS, TAGS, POS), "tokens read from column 1, tags from column 2 of 3"),
        ((TOKENS, TAGS, OUTSIDE), "tokens read from column 1, tags from column 2 of 3"),
        ((IDS["token"], TOKENS, TAGS, OUTSIDE), "tokens read from column 2, tags from column 3 of 4"),
    ],
)
def test_tags_are_found_in_any_column_and_that_is_told(columns, said):
    note = read(table(*columns))
    assert (note.text, quoted(note)) == (TEXT, FOUND)
    assert problems(note) == [(0, said, 0)]


@pytest.mark.parametrize(
    "columns", [(TOKENS, TAGS), (TOKENS, POS, TAGS), (TOKENS, POS, CHUNKS, TAGS), (TOKENS, OUTSIDE)]
)
def test_the_usual_columns_are_not_told(columns):
    note = read(table(*columns))
    assert note.text == TEXT and not note.problems


def test_two_columns_of_tags_are_told():
    kinds = [tag and tag.replace("drug", "chemical") for tag in TAGS]
    note = read(table(TOKENS, kinds, TAGS))
    assert quoted(note) == FOUND
    assert told(note) == [
        "tokens read from column 1, tags from column 3 of 3; column 2 has tags as well (--tag-column)"
    ]


def test_a_file_without_mentions_is_read_as_the_others_of_its_corpus():
    kinds = [tag and tag.replace("drug", "chemical") for tag in TAGS]
    files = [file("train.tsv", table(TOKENS, kinds, TAGS)), file("test.tsv", table(TOKENS, kinds, OUTSIDE))]
    train, test = conll.read(files)
    assert quoted(train) == FOUND and quoted(test) == []


# --- asked for


@pytest.mark.parametrize(
    ("choice", "label"),
    [({"tag": "2"}, "chemical"), ({"tag": "-2"}, "chemical"), ({"tag": "3"}, "drug"), ({"tag": "-1"}, "drug")],
)
def test_a_column_of_tags_can_be_chosen_by_number(choice, label):
    kinds = [tag and tag.replace("drug", "chemical") for tag in TAGS]
    note = read(table(TOKENS, kinds, TAGS), **choice)
    assert (label, "zorvex") in quoted(note) and note.text == TEXT


def test_columns_can_be_chosen_by_the_names_in_the_first_row():
    lemmas = [token.lower() for token in TOKENS]
    content = "Form\tlemma\tNER\tFine\n" + table(TOKENS, lemmas, TAGS, CHUNKS)
    assert quoted(read(content, tag="ner")) == FOUND
    note = read(content, token="lemma", tag="NER")
    assert note.text == TEXT.lower() and not note.problems
    assert read(content, token="1", tag="4").entities[0].label == "NP"


def test_a_row_of_other_names_is_known_by_the_name_asked_for():
    content = "wort\tmarke\tart\n" + table(TOKENS, TAGS, KINDS)
    assert read(content, tag="marke").text == TEXT
    assert (1, "unknown tag", 1) in problems(read(content, tag="2"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"tag": "4"}, "a.tsv has 3 columns, so there is no column 4"),
        ({"token": "0"}, "so there is no column 0"),
        ({"token": "word"}, "its first row names no column 'word': give the column's number"),
        ({"tag": "9" * 5000}, "names no column"),
    ],
)
def test_a_column_that_is_not_there_is_reported(choice, said):
    with pytest.raises(InputError, match=said):
        read(table(TOKENS, POS, TAGS), **choice)


# --- headers and comments


@pytest.mark.parametrize("names", ["token\tlabel", "Word\tTag", "#Token\tNER", "TEXT\tclass", "form\tner_tags"])
def test_a_row_of_names_is_no_token(names):
    note = read(f"{names}\n{table(TOKENS, TAGS)}")
    assert (note.text, quoted(note)) == (TEXT, FOUND) and not note.problems


def test_only_the_first_row_may_be_names():
    assert problems(read(table(TOKENS, TAGS) + "token\tlabel\n")) == [(12, "unknown tag", 1)]
    assert problems(read("fever\tX\n" + table(TOKENS, TAGS))) == [(1, "unknown tag", 1)]


@pytest.mark.parametrize(
    "comment", ["# text = She has fever", "# sent_id = 7", "#\tnote\t[2031]", "# FORM NER", "#end document", "#x"]
)
def test_comments_before_a_sentence_are_no_tokens(comment):
    content = f"{comment}\n{comment}\n{table(TOKENS, TAGS)}".replace("\n\n", f"\n\n{comment}\n", 1)
    note = read(content)
    assert (note.text, quoted(note)) == (TEXT, FOUND) and not note.problems


def test_a_comment_inside_a_sentence_is_a_line_to_be_told():
    note = read("She\tO\n# what\nhas\tO\nfever\tB-x\n")
    assert problems(note) == [(2, "unknown tag", 1)]


# --- spellings of tags


def spelt(how) -> str:
    return table(TOKENS, [how(*tag.split("-", 1)) if "-" in tag else tag for tag in TAGS])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda prefix, label: f"{prefix}_{label}", ["tags spelt B_x"]),
        (lambda prefix, label: f"{label}-{prefix}", ["tags spelt x-B"]),
        (lambda prefix, label: f"{label}_{prefix}", ["tags spelt x-B"]),
        (lambda prefix, label: f"{prefix}-{label}", []),
    ],
)
def test_tags_may_be_spelt_otherwise_if_all_are(how, said):
    note = read(spelt(how))
    assert quoted(note) == FOUND and told(note) == said


@pytest.mark.parametrize("how", [lambda prefix, _: prefix, lambda prefix, _: f"{prefix}-"])
def test_tags_without_labels_are_of_one_label(how):
    note = read(spelt(how))
    assert quoted(note) == [("entity", "fever"), ("entity", "zorvex"), ("entity", "20 mg")]
    assert told(note) == ["tags without a label, read as 'entity'"]


def test_a_rare_spelling_among_others_is_told_by_line():
    note = read(table(TOKENS, TAGS) + "pain\tB_x\npain\tx-B\npain\tB-\n")
    assert quoted(note) == FOUND
    assert problems(note) == [(12, "unknown tag", 1), (13, "unknown tag", 1), (14, "unknown tag", 1)]


@pytest.mark.parametrize("between", ["|", ";", ",", " | "])
def test_several_tags_of_a_cell_are_several_mentions(between):
    rows = [("chest", f"B-problem{between}B-site"), ("pain", "I-problem"), ("now", "O")]
    note = read("".join(f"{token}\t{tag}\n" for token, tag in rows))
    assert sorted(quoted(note)) == [("problem", "chest pain"), ("site", "chest")] and not note.problems


def test_two_tags_of_one_label_in_a_cell_are_told():
    note = read("chest\tB-x|I-x\npain\tI-x\nnow\tO\nfever\tB-x\n")
    assert problems(note) == [(1, "unknown tag", 1)] and ("x", "fever") in quoted(note)


def test_a_label_may_have_such_signs():
    assert quoted(read("a\tB-x|y\nb\tI-x|y\nc\tO\n")) == [("x|y", "a b")]


# --- a sentence a line


@pytest.mark.parametrize(
    "content",
    [
        "She|O has|O fever|B-problem .|O\nTakes|O zorvex|B-drug 20|B-dose mg|I-dose .|O\n",
        "She|PRP|O has|VB|O fever|NN|B-problem .|.|O\n\nTakes|VB|O zorvex|NN|B-drug 20|CD|B-dose mg|NN|I-dose .|.|O\n",
    ],
)
def test_sentences_of_spacys_iob_are_read(content):
    note = read(content, "a.iob")
    assert (note.text, quoted(note)) == (TEXT, FOUND) and not note.problems
    assert note.entities[-1].line == content[: content.index("zorvex")].count("\n") + 1


def test_the_sign_between_may_be_a_token():
    assert read("a|O ||O b|B-x\n", "a.iob").text == "a | b\n"


# --- documents and sentences


@pytest.mark.parametrize(
    ("lines", "ids"),
    [
        (("#begin document (N1); part 000", "#begin document (N2); part 000"), ["N1", "N2"]),
        (("# newdoc id = N1", "# newdoc id = N2"), ["N1", "N2"]),
        (("# newdoc", "# newdoc"), ["a-1", "a-2"]),
        (("###MEDLINE:95369245", "###MEDLINE:95369246"), ["95369245", "95369246"]),
    ],
)
def test_other_lines_that_begin_a_document_are_known(lines, ids):
    notes = list(conll.read([file("a.tsv", "".join(f"{line}\n{table(TOKENS, TAGS)}" for line in lines))]))
    assert [note.id for note in notes] == ids
    assert all((note.text, quoted(note)) == (TEXT, FOUND) and not note.problems for note in notes)


def cut(*names: str, content: str = table(TOKENS, TAGS)) -> list[Note]:
    return list(conll.read([file(name, content) for name in names], cut=True))


@pytest.mark.parametrize(
    "names", [("train.tsv", "test.tsv"), ("train.tsv", "devel.tsv", "test.tsv", "x.tsv"), ("a.tsv",)]
)
def test_files_that_are_whole_parts_are_cut_at_sentences(names):
    notes = [note for note in cut(*names) if note.file != "x.tsv"]
    assert [note.id for note in notes] == [
        f"{name[:-4]}-{number}" for name in names if name != "x.tsv" for number in (1, 2)
    ]
    assert {note.unit for note in notes} == {SENTENCE}
    assert [note.text for note in notes[:2]] == ["She has fever .\n", "Takes zorvex 20 mg .\n"]
    assert [quoted(note) for note in notes[:2]] == [FOUND[:1], FOUND[1:]]


def test_files_enough_to_be_notes_are_notes():
    assert [note.id for note in cut("note-1.tsv", "note-2.tsv", "note-3.tsv")] == ["note-1", "note-2", "note-3"]


def test_documents_are_never_cut():
    content = "".join(f"-DOCSTART- (n{number})\n\n{table(TOKENS, TAGS)}" for number in (1, 2))
    assert [(note.id, note.unit) for note in cut("train.tsv", content=content)] == [("n1", "note"), ("n2", "note")]
    one = f"-DOCSTART- (n1)\n\n{table(TOKENS, TAGS)}"
    assert [note.id for note in cut("train.tsv", content=one)] == ["n1"]
    assert len(cut("train.tsv", content=one.replace("(n1)", "-X- O"))) == 2


def test_problems_stay_with_their_sentences():
    notes = cut("train.tsv", content=table(TOKENS, TAGS).replace("B-drug", "X"))
    assert [problems(note) for note in notes] == [[], [(7, "unknown tag", 1)]]


# --- other files


@pytest.mark.parametrize(
    "content",
    [
        "1\tShe\tshe\tPRON\n2\thas\thave\tVERB\n3\tfever\tfever\tNOUN\n",
        "id\ttext\tlabels\n1\tShe has fever .\t[[8, 13]]\n",
        "She has fever .\nTakes zorvex daily .\n",
        "one\ntwo\nthree\n",
        '{"text": "She has fever ."}\n',
    ],
)
def test_files_without_tags_are_refused(content):
    with pytest.raises(InputError, match=r"^a\.conll: no column of it holds IOB tags"):
        read(content, "a.conll")


def test_bytes_that_are_not_utf8_are_told_with_how_to_convert_them():
    with pytest.raises(InputError, match=r"^a\.tsv, line 2: not UTF-8; .*iconv -f latin1 -t utf8"):
        list(conll.read([file("a.tsv", b"fiebre\tB-x\nni\xf1o\tO\n")]))
