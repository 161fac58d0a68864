"""CoNLL text: tagging schemes, columns, documents, odd tokens and lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.archives import read_files
from scripts.cli import InputError
from scripts.convert.formats import conll, detect
from scripts.corpus.note import Note
from tests.helpers import file, hostile_text, open_corpus, problems, quoted

ROWS = "She O\nhas O\nchest B-problem\npain I-problem\n. O\n"


def read(content: str | bytes, name: str = "notes.conll") -> Note:
    (note,) = conll.read([file(name, content)])
    return note


def rows(*pairs: tuple[str, str], separator: str = "\t") -> str:
    return "".join(f"{token}{separator}{tag}\n" for token, tag in pairs)


def tagged(tags: str, words: str = "") -> Note:
    """The note of the words a, b, c ... with these tags; "|" is a blank line."""
    names = iter(words.split() or "abcdefgh")
    return read("".join("\n" if tag == "|" else f"{next(names)}\t{tag}\n" for tag in tags.split()))


# --- schemes


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB2", "O B-x I-x I-x O B-y B-y I-y O"),
        ("IOB1", "O I-x I-x I-x O I-y B-y I-y O"),
        ("BIOES", "O B-x I-x E-x O S-y B-y E-y O"),
        ("BILOU", "O B-x I-x L-x O U-y B-y L-y O"),
    ],
)
def test_the_same_mentions_are_read_from_every_scheme(scheme, tags):
    note = tagged(tags, "a b c d e f g h i")
    assert quoted(note) == [("x", "b c d"), ("y", "f"), ("y", "g h")]
    assert [entity.line for entity in note.entities] == [2, 6, 7]
    assert note.problems == ()


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        # A chunk starts and ends as conlleval has it, also where a scheme's own rules are broken.
        ("I-x I-y", [("x", "a"), ("y", "b")]),
        ("B-x I-y I-y", [("x", "a"), ("y", "b c")]),
        ("O I-x B-x I-x", [("x", "b"), ("x", "c d")]),
        ("E-x E-x", [("x", "a"), ("x", "b")]),
        ("S-x I-x", [("x", "a"), ("x", "b")]),
        ("L-x I-x", [("x", "a"), ("x", "b")]),
        ("U-x L-x", [("x", "a"), ("x", "b")]),
        ("I-x S-x I-x", [("x", "a"), ("x", "b"), ("x", "c")]),
        ("I-x U-x", [("x", "a"), ("x", "b")]),
        ("B-x O I-x", [("x", "a"), ("x", "c")]),
        ("B-x", [("x", "a")]),
        ("B-x | I-x", [("x", "a"), ("x", "b")]),
        ("B-x | | E-x O", [("x", "a"), ("x", "b")]),
        ("O O", []),
    ],
)
def test_a_mention_starts_and_ends_as_conlleval_has_it(tags, found):
    assert quoted(tagged(tags)) == found


@pytest.mark.parametrize("label", ["LOCATION-OTHER", "B-x", "O", "I", "lab.value_1", "Größe"])
def test_a_label_is_all_that_follows_the_first_hyphen(label):
    note = tagged(f"O B-{label} I-{label} O")
    assert quoted(note) == [(label, "b c")]


def test_labels_that_end_alike_are_not_one():
    assert quoted(tagged("B-LOCATION-OTHER I-OTHER")) == [("LOCATION-OTHER", "a"), ("OTHER", "b")]


# --- text


def test_the_text_has_a_line_a_sentence_and_blanks_between_tokens():
    note = read(ROWS + "\n" + rows(("No", "O"), ("fever", "B-problem")))
    assert note.text == "She has chest pain .\nNo fever\n"
    assert quoted(note) == [("problem", "chest pain"), ("problem", "fever")]


@pytest.mark.parametrize("blank", ["\n\n\n", "\n   \n", "\n\t\n", "\n\r\n"])
def test_several_blank_lines_end_one_sentence(blank):
    assert read(f"\n\na\tO\n{blank}b\tO\n\n\n").text == "a\nb\n"


def test_line_numbers_are_those_of_the_file():
    note = read("\n-DOCSTART- (n1)\n\na\tB-x\n\nb\tZ\nc\tS-x\n")
    assert [entity.line for entity in note.entities] == [4, 7]
    assert problems(note) == [(6, "unknown tag", 1)]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"])
def test_a_mention_at_the_end_of_the_file_is_closed(end):
    note = read(f"chest\tB-x\npain\tI-x{end}")
    assert note.text == "chest pain\n"
    assert quoted(note) == [("x", "chest pain")]


def test_windows_line_ends_are_in_no_tag_and_end_sentences():
    note = read((ROWS + "\n" + ROWS).replace("\n", "\r\n"))
    assert note.text == "She has chest pain .\n" * 2
    assert quoted(note) == [("problem", "chest pain")] * 2
    assert note.problems == ()


@pytest.mark.parametrize("start", ["", "-DOCSTART- (n1)\n\n"])
def test_a_byte_order_mark_before_the_first_row_is_no_text(start):
    assert read(f"\ufeff{start}chest\tB-x\n").text == "chest\n"


def test_bytes_that_are_not_utf8_are_named():
    with pytest.raises(InputError, match=r"notes\.conll, line 2: not UTF-8"):
        read(b"a\tO\ncaf\xe9\tO\n")


# --- columns


@pytest.mark.parametrize(
    "row",
    [
        "pain\tB-x",
        "pain B-x",
        "pain   B-x",
        " pain B-x ",
        "pain\tB-x\t",
        "pain\tB-x \t \t",
        "pain \t B-x",
        "pain\tNN\tB-NP\tB-x",
        "pain NN B-NP B-x",
        "pain\t\t\tB-x",
        "pain\tn. a.\tB-x",
        "  pain\tB-x",
    ],
)
def test_the_token_is_in_the_first_column_and_the_tag_in_the_last(row):
    note = read(f"{row}\n")
    assert (note.text, quoted(note)) == ("pain\n", [("x", "pain")])
    assert note.problems == ()


def test_a_token_may_have_blanks_where_columns_are_set_off_by_tabs():
    note = read("chest pain\tB-x\n5\xa0mg\tO\n")
    assert note.text == "chest pain 5\xa0mg\n"
    assert quoted(note) == [("x", "chest pain")]


@pytest.mark.parametrize("token", ["O", "B-x", "I-problem", "-", "#", "#1", "-DOC-", "\ufeff", "1\xa0000"])
@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_token_may_look_like_anything(token, separator):
    note = read(f"a{separator}O\n{token}{separator}S-x\nb{separator}O\n")
    assert note.text == f"a {token} b\n"
    assert quoted(note) == [("x", token)]
    assert note.problems == ()


@pytest.mark.parametrize("token", ["\xa0", "\u2005", "\u3000", "\u200b", "\x0c", "\x0b", "\x85", "\u2028", "\xad"])
def test_a_token_of_an_odd_blank_is_a_token(token):
    note = read(rows(("a", "O"), (token, "O"), ("b", "B-x")))
    assert note.text == f"a {token} b\n"
    assert quoted(note) == [("x", "b")]


@pytest.mark.parametrize("blank", ["", " ", "  "])
def test_a_row_whose_token_is_a_blank_is_neither_text_nor_the_end_of_a_sentence(blank):
    note = read(rows(("a", "B-x"), (blank, "I-x"), ("b", "I-x"), (blank, "O"), ("c", "O")))
    assert note.text == "a b c\n"
    assert quoted(note) == [("x", "a b")]
    assert problems(note) == [(2, "tag without a token", 0)]


def test_a_mention_of_a_blank_is_counted_as_dropped():
    note = read(rows(("a", "O"), (" ", "B-x"), ("b", "O")))
    assert note.entities == ()
    assert problems(note) == [(2, "tag without a token", 1)]


def test_a_line_without_a_tag_is_reported_and_its_token_kept():
    note = read("chest\tB-x\npain\nB-x\n. O\n")
    assert note.text == "chest pain B-x .\n"
    assert quoted(note) == [("x", "chest")]
    assert problems(note) == [(2, "line without a tag", 0), (3, "line without a tag", 0)]


@pytest.mark.parametrize("tag", ["X", "o", "B", "B-", "-x", "b-x", "BX-x", "M-x", "O-x", "problem", "B_x"])
def test_an_unknown_tag_is_counted_and_its_token_kept(tag):
    note = read(rows(("a", "B-x"), ("b", tag), ("c", "S-y")))
    assert note.text == "a b c\n"
    assert quoted(note) == [("x", "a"), ("y", "c")]
    assert problems(note) == [(2, "unknown tag", 1)]


# --- documents


def documents(content: str, name: str = "part.conll") -> list[tuple[str, str]]:
    return [(note.id, note.text) for note in conll.read([file(name, content)])]


def test_a_file_without_docstart_is_one_note_named_after_it():
    assert documents("a\tO\n\nb\tO\n", "notes/discharge-1.tsv") == [("discharge-1", "a\nb\n")]


@pytest.mark.parametrize(
    ("line", "second"),
    [
        ("-DOCSTART- (record-2)", "record-2"),
        ("-DOCSTART-\t(record-2)\tO", "record-2"),
        ("-DOCSTART- (record (2))", "record (2)"),
        ("-DOCSTART- (record-2) O\r", "record-2"),
        ("-DOCSTART-", "part-2"),
        ("-DOCSTART- -X- -X- O", "part-2"),
        ("-DOCSTART-\tO\r", "part-2"),
        ("-DOCSTART- ()", "part-2"),
    ],
)
def test_a_docstart_line_begins_a_note_and_may_name_it(line, second):
    content = f"-DOCSTART- (first)\n\na\tO\n\n{line}\n\nb\tO\n"
    assert documents(content) == [("first", "a\n"), (second, "b\n")]


def test_a_mention_does_not_reach_into_the_next_note():
    content = "-DOCSTART-\na\tB-x\n-DOCSTART-\nb\tI-x\n"
    assert [quoted(note) for note in conll.read([file("a.conll", content)])] == [[("x", "a")], [("x", "b")]]


def test_rows_before_the_first_docstart_are_a_note():
    assert documents("a\tO\n-DOCSTART- (n2)\nb\tO\n") == [("part", "a\n"), ("n2", "b\n")]
    assert documents("\n\n-DOCSTART- (n2)\nb\tO\n") == [("n2", "b\n")]


def test_a_note_without_tokens_is_a_note():
    assert documents("-DOCSTART- (n1)\n-DOCSTART- (n2)\nb\tO\n") == [("n1", ""), ("n2", "b\n")]
    assert documents("") == [("part", "")]


def test_documents_of_one_name_get_the_folder_or_the_file_before_it():
    content = "-DOCSTART- (n/1)\n\na\tO\n\n-DOCSTART- (n2)\n\nb\tO\n"
    other = content.replace("n2", "n3")
    assert [note.id for note in conll.read([file("a/x.conll", content), file("b/x.conll", other)])] == [
        "a/n/1", "n2", "b/n/1", "n3",
    ]  # fmt: skip
    assert [note.id for note in conll.read([file("x.conll", content), file("y.conll", other)])] == [
        "x/n/1", "n2", "y/n/1", "n3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("bc5cdr/train.tsv", "train"),
        ("bc5cdr/devel.tsv", "dev"),
        ("bc5cdr/test.tsv", "test"),
        ("train/test.tsv", "test"),
        ("test/notes.tsv", "test"),
        ("notes.tsv", ""),
    ],
)
def test_the_split_is_that_of_the_file_or_folder(path, split):
    (note,) = conll.read([file(path, ROWS)])
    assert note.split == split
    assert (note.file, note.text_file) == (path, path)


OTHERS = {
    "README.txt": "These are notes\nin files of tokens\nwith blood type O\n",
    "1.txt": "Blood group\nis B-x O\n\nSeen today .\nIt is O\n",
    "h.csv": "note,words\na,5\nb,7\n",
    "meta.tsv": "note\tsex\na\tI\nb\tO\nc\tS\n",
    "empty.tsv": "",
}


def test_files_are_told_by_what_they_hold_whatever_their_suffix():
    names = ["a.conll", "b.TSV", "c.iob", "d.iob2", "e.bio", "f.bioes", "g.bilou", "h.txt", "i.dat", "j"]
    files = [file(name, ROWS) for name in names]
    assert [note.file for note in conll.read([*files, *(file(*each) for each in OTHERS.items())])] == names
    for one in files:
        assert detect([one]) == "conll"


@pytest.mark.parametrize("name", OTHERS)
def test_files_that_hold_no_tags_are_left_alone(name):
    assert not conll.recognises(file(name, OTHERS[name]))


# --- round trip

SCHEMES = {
    "IOB2": lambda length: ["B", *"I" * (length - 1)],
    "BIOES": lambda length: ["B", *"I" * (length - 2), "E"] if length > 1 else ["S"],
    "BILOU": lambda length: ["B", *"I" * (length - 2), "L"] if length > 1 else ["U"],
}


def tags_of(sentence: list[tuple[str, int]], scheme: str) -> list[str]:
    """Tags for chunks of label and length; the label "" is for no mention."""
    tags, before = [], ""
    for label, length in sentence:
        if scheme == "IOB1":
            prefixes = ["B" if label == before else "I", *"I" * (length - 1)]
        else:
            prefixes = SCHEMES[scheme](length)
        tags.extend(f"{prefix}-{label}" if label else "O" for prefix in prefixes)
        before = label
    return tags


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]], str]:
    """A text, its mentions, and both written as rows in one of the schemes."""
    separator = draw(st.sampled_from(["\t", " "]))
    words = (
        hostile_text(without="\n\t" + (" " if separator == " " else ""), min_size=1, max_size=6)
        .map(lambda word: word.strip(" "))
        .filter(lambda word: word and not word.startswith("-DOCSTART-"))
    )
    chunks = st.tuples(st.sampled_from(["", "x", "LOCATION-OTHER"]), st.integers(1, 3))
    scheme = draw(st.sampled_from(["IOB1", *SCHEMES]))
    lines, mentions, written = [], [], []
    for sentence in draw(st.lists(st.lists(chunks, min_size=1, max_size=4), max_size=3)):
        tokens = []
        for label, length in sentence:
            chunk = draw(st.lists(words, min_size=length, max_size=length))
            start = len("".join(lines)) + len(" ".join([*tokens, ""]))
            if label:
                mentions.append((label, (start, start + len(" ".join(chunk)))))
            tokens.extend(chunk)
        lines.append(" ".join(tokens) + "\n")
        written.extend(f"{token}{separator}{tag}" for token, tag in zip(tokens, tags_of(sentence, scheme), strict=True))
        written.append("")
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return "".join(lines), mentions, newline.join(["-DOCSTART- (n1)", *written])


@settings(max_examples=150)
@given(annotated())
def test_written_mentions_are_read_back(case):
    text, mentions, content = case
    note = read(content)
    assert note.text == text
    assert [(entity.label, entity.fragments) for entity in note.entities] == [
        (label, (span,)) for label, span in mentions
    ]
    assert note.problems == ()


@settings(max_examples=150)
@given(hostile_text(extra="\n\n\t\t BIOx-"))
def test_whatever_the_rows_hold_they_are_read(content):
    try:
        note = read(content)
    except InputError as error:
        assert "no column of it holds IOB tags" in str(error)
        return
    assert all(0 <= entity.start < entity.end <= len(note.text) for entity in note.entities)
    assert all(problem.line <= content.count("\n") + 1 for problem in note.problems)


# --- open corpora


@pytest.mark.parametrize(
    ("corpus", "mentions", "labels"),
    [
        ("bc5cdr", {"train": 9_385, "dev": 9_593, "test": 9_809}, {"Chemical", "Disease"}),
        ("ncbi-disease", {"train": 5_134, "dev": 787, "test": 960}, {"Disease"}),
    ],
)
def test_the_open_corpora_are_read_whole(corpus, mentions, labels):
    notes = list(conll.read(list(read_files(open_corpus(corpus)))))
    assert {note.split: len(note.entities) for note in notes} == mentions
    assert {entity.label for note in notes for entity in note.entities} == labels
    assert not any(note.problems for note in notes)


# --- assertions


def test_the_assertion_behind_a_tag_is_read_from_the_first_token():
    rows = [
        "no\tO\t_",
        "chest\tB-problem\tabsent",
        "pain\tI-problem\tpossible",
        "ekg\tB-test\t_",
        "fever\tB-problem\tpresent",
    ]
    (note,) = conll.read([file("a.conll", "\n".join(rows) + "\n")])
    assert [(entity.label, entity.assertion, entity.stated) for entity in note.entities] == [
        ("problem", "absent", 1),
        ("test", "", 0),
        ("problem", "present", 1),
    ]
    assert note.text == "no chest pain ekg fever\n" and not note.problems


@pytest.mark.parametrize("row", ["fever B-problem absent", "fever\tB-problem\tAbsent", "fever\tB-problem\tabsent\t"])
def test_the_column_of_assertions_may_be_set_off_and_spelt_otherwise(row):
    (note,) = conll.read([file("a.conll", f"{row}\n")])
    assert [(entity.label, entity.assertion) for entity in note.entities] == [
        ("problem", "absent")
    ] and not note.problems


def test_a_tag_and_an_assertion_without_a_token_are_dropped():
    (note,) = conll.read([file("a.conll", "fever\tO\t_\n\tB-problem\tabsent\n")])
    assert [(problem.kind, problem.dropped) for problem in note.problems] == [("tag without a token", 1)]


def test_a_token_that_is_called_like_an_assertion_is_a_token():
    (note,) = conll.read([file("a.conll", "absent\tO\nB-x\tabsent\n_\tB-problem\n")])
    assert note.text == "absent B-x _\n" and [entity.label for entity in note.entities] == ["problem"]
    assert [problem.kind for problem in note.problems] == ["unknown tag"]


@pytest.mark.parametrize(
    "names",
    [["ner.train", "ner.dev", "ner.test"], ["eng.train", "eng.testa", "eng.testb"], ["a.trn", "a.val", "a.tst"]],
)
def test_a_suffix_names_the_part_and_keeps_the_notes_apart(names):
    notes = list(conll.read([file(name, "pain\tB-problem\n.\tO\n" * 5) for name in names]))
    assert [(note.id, note.split) for note in notes] == list(zip(names, ("train", "dev", "test"), strict=True))
