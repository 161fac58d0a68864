"""i2b2 2010 and 2011 concepts: the layouts of the releases, token counting, quotes, malformed lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.convert.formats import con, detect
from scripts.corpus.note import Note
from tests.helpers import file, hostile_text, problems, quoted

TEXT = "Ms. Quill had a sore left elbow .\nShe denies chest pain .\n"
ELBOW = 'c="a sore left elbow" 1:3 1:6||t="problem"\n'
REPAIRED = "offsets repaired by the quote"
NOT_FOUND = "quote not found at its offsets or in its line"
BEYOND = "offset beyond the text"


def read(text: str | bytes, concepts: str | bytes) -> Note:
    (note,) = con.read([file("docs/a.txt", text), file("concepts/a.txt.con", concepts)])
    return note


def concept(quote: str, first: str, last: str, label: str = "problem") -> str:
    return f'c="{quote}" {first} {last}||t="{label}"\n'


# --- layouts


def layout(*files: str, skip_unpaired: bool = False) -> list[tuple[str, str, str, str]]:
    """Read files that all hold the same note, or its concepts."""
    is_text = [path.lower().endswith(".txt") or "." not in path.rsplit("/", 1)[-1] for path in files]
    contents = [file(path, TEXT if text else ELBOW) for path, text in zip(files, is_text, strict=True)]
    notes = list(con.read(contents, skip_unpaired))
    assert all(quoted(note) == [("problem", "a sore left elbow")] for note in notes)
    return [(note.id, note.text_file, note.file, note.split) for note in notes]


TRAIN_2010 = "concept_assertion_relation_training_data.tar.gz/concept_assertion_relation_training_data"
TEST_2010 = "test_data.tar.gz/test_data"
GOLD_2010 = "reference_standard_for_test_data.tar.gz/reference_standard_for_test_data"


def test_training_notes_of_2010():
    found = layout(
        f"{TRAIN_2010}/beth/ast/record-13.ast",
        f"{TRAIN_2010}/beth/concept/record-13.con",
        f"{TRAIN_2010}/beth/rel/record-13.rel",
        f"{TRAIN_2010}/beth/txt/record-13.txt",
        f"{TRAIN_2010}/partners/concept/018636330_DH.con",
        f"{TRAIN_2010}/partners/txt/018636330_DH.txt",
        f"{TRAIN_2010}/partners/unannotated/912842934.txt",
        f"{TRAIN_2010}/Documentation.txt",
    )
    assert [(note_id, split) for note_id, _, _, split in found] == [
        ("record-13", "train"),
        ("018636330_DH", "train"),
    ]


@pytest.mark.parametrize("texts", [TEST_2010, f"{TEST_2010}/txt"])
def test_test_notes_of_2010_with_texts_flat_or_in_txt(texts):
    found = layout(f"{texts}/0001.txt", f"{GOLD_2010}/concepts/0001.con", f"{GOLD_2010}/ast/0001.ast")
    assert found == [("0001", f"{texts}/0001.txt", f"{GOLD_2010}/concepts/0001.con", "test")]


def test_train_and_test_notes_of_2010_with_the_same_name_keep_their_own_concepts():
    found = layout(
        f"{TRAIN_2010}/beth/concept/record-1.con",
        f"{TRAIN_2010}/beth/txt/record-1.txt",
        f"{GOLD_2010}/concepts/record-1.con",
        f"{TEST_2010}/record-1.txt",
    )
    assert [(text, split) for _, text, _, split in found] == [
        (f"{TRAIN_2010}/beth/txt/record-1.txt", "train"),
        (f"{TEST_2010}/record-1.txt", "test"),
    ]
    assert [note_id for note_id, *_ in found] == [f"{TRAIN_2010}/beth/txt/record-1", f"{TEST_2010}/record-1"]


def test_an_unannotated_text_with_the_name_of_a_note_is_not_taken():
    found = layout(f"{TRAIN_2010}/partners/concept/7.con", f"{TRAIN_2010}/partners/txt/7.txt",
                   f"{TRAIN_2010}/partners/unannotated/7.txt")  # fmt: skip
    assert [text for _, text, _, _ in found] == [f"{TRAIN_2010}/partners/txt/7.txt"]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("i2b2_Beth_Train_Release.tar.gz/Beth_Train", "train"),
        ("i2b2_Beth_Train_Release.tar.gz/i2b2_Beth_Train/Beth_Train", "train"),
        ("i2b2_Partners_Train_Release.tar.gz/Partners_Train", "train"),
        ("Task_1C.zip/Task_1C/i2b2_Test/i2b2_Beth_Test", "test"),
        ("Task_1C.zip/Task_1C/i2b2_Test/i2b2_Partners_Test", "test"),
        ("Beth", ""),
    ],
)
@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("clinical-3.txt", "clinical-3.txt.con"),
        ("clinical-3.txt", "clinical-3.con"),
        ("clinical-3.txt", "clinical-3.concept"),
        ("clinical-3.txt", "clinical-3.txt.concept"),
        ("clinical-3", "clinical-3.con"),
        ("clinical-3", "clinical-3.txt.con"),
        ("CLINICAL-3.TXT", "CLINICAL-3.TXT.CON"),
    ],
)
def test_every_layout_and_naming_of_2011(folder, split, text, concepts):
    docs, gold = f"{folder}/docs/{text}", f"{folder}/concepts/{concepts}"
    more = (f"{folder}/chains/{text}.chains", f"{folder}/pairs/{text}.pairs")
    assert layout(docs, gold, *more) == [(text.split(".")[0], docs, gold, split)]


def test_a_file_without_a_suffix_is_a_text_only_in_docs():
    files = ("Beth/concepts/1", "Beth/concepts/1.con", "Beth/docs/1.txt", "Beth/LICENSE")
    assert layout(*files) == [("1", "Beth/docs/1.txt", "Beth/concepts/1.con", "")]


def test_text_and_concepts_may_lie_in_one_folder():
    assert layout("a.con", "a.txt") == [("a", "a.txt", "a.con", "")]


def test_notes_of_both_hospitals_with_the_same_name_get_their_folder_into_the_id():
    found = layout("Beth_Train/docs/1.txt", "Beth_Train/concepts/1.txt.con",
                   "Partners_Train/docs/1.txt", "Partners_Train/concepts/1.txt.con")  # fmt: skip
    assert [note_id for note_id, *_ in found] == ["Beth_Train/docs/1", "Partners_Train/docs/1"]


def test_concepts_without_a_text_are_reported_or_left_out():
    files = ("docs/a.txt", "concepts/a.con", "concepts/b.con")
    with pytest.raises(InputError, match=r"concepts/b\.con has no text file"):
        layout(*files)
    assert len(layout(*files, skip_unpaired=True)) == 1


def test_a_text_without_concepts_is_reported_or_left_out():
    files = ("docs/a.txt", "docs/b", "concepts/a.con")
    with pytest.raises(InputError, match=r"docs/b has no annotation file"):
        layout(*files)
    assert len(layout(*files, skip_unpaired=True)) == 1


def test_two_concept_files_of_one_text_are_reported():
    with pytest.raises(InputError, match=r"both annotate docs/a\.txt"):
        layout("docs/a.txt", "concepts/a.con", "concepts/a.txt.con")


def test_the_format_is_detected():
    assert detect([file("docs/a.txt", TEXT), file("concepts/a.txt.con", ELBOW)]) == "con"
    with pytest.raises(InputError, match="con and brat files: name the format"):
        detect([file("a.con", ""), file("a.ann", "")])
    with pytest.raises(InputError, match=r"The corpus is empty: no \.con"):
        detect([file("a.txt", "")])


# --- token counting


def test_a_mention_is_counted_in_lines_from_1_and_tokens_from_0():
    note = read(TEXT, ELBOW + concept("she", "2:0", "2:0", "person") + concept("chest pain", "2:2", "2:3"))
    assert quoted(note) == [("problem", "a sore left elbow"), ("person", "She"), ("problem", "chest pain")]
    assert [entity.line for entity in note.entities] == [1, 2, 3]
    assert note.problems == ()


@pytest.mark.parametrize(
    ("line", "first", "last", "found"),
    [
        # Runs of spaces are one separator, and a leading space makes one empty token.
        ("acute  chest   pain .", 1, 2, "chest   pain"),
        (" acute chest pain .", 2, 3, "chest pain"),
        ("   acute  chest pain .", 2, 3, "chest pain"),
        # Other copies: without that empty token,
        (" acute chest pain .", 1, 2, "chest pain"),
        (" big\tacute chest pain .", 1, 2, "chest pain"),
        # every single space a separator,
        ("acute  chest pain .", 2, 3, "chest pain"),
        ("  acute  chest pain .", 4, 5, "chest pain"),
        # any blank a separator.
        ("acute\tchest pain .", 1, 2, "chest pain"),
        ("\tacute\x0bchest \t pain .", 1, 2, "chest \t pain"),
    ],
)
def test_the_countings_of_all_releases_are_understood(line, first, last, found):
    note = read(f"One .\n{line}\n", concept("chest pain", f"2:{first}", f"2:{last}"))
    assert quoted(note) == [("problem", found)]
    assert note.problems == ()


def test_runs_of_spaces_with_an_empty_token_before_them_come_first():
    # Counted without the empty token, the second "pain" would be meant.
    note = read(" pain pain pain\n", concept("pain", "1:2", "1:2"))
    assert note.entities[0].fragments == ((6, 10),)


def test_a_tab_is_inside_its_token():
    note = read("pain\t10 mg aspirin\n", concept("pain\t10", "1:0", "1:0") + concept("aspirin", "1:2", "1:2"))
    assert quoted(note) == [("problem", "pain\t10"), ("problem", "aspirin")]
    assert note.problems == ()


@pytest.mark.parametrize("blank", ["\xa0", "\u2005", "\u3000", "\x1c", "\x85", "\u2028"])
def test_a_blank_of_unicode_is_inside_its_token(blank):
    note = read(f"took 5{blank}mg aspirin\n", concept("aspirin", "1:2", "1:2", "treatment"))
    assert quoted(note) == [("treatment", "aspirin")]
    assert note.problems == ()


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
def test_only_a_newline_ends_a_line(character):
    note = read(f"one{character}two .\nchest pain\n", concept("chest pain", "2:0", "2:1"))
    assert quoted(note) == [("problem", "chest pain")]
    assert note.problems == ()


def test_windows_line_ends_are_kept_in_the_text_and_in_no_mention():
    text, concepts = TEXT.replace("\n", "\r\n"), ELBOW + concept("pain .", "2:3", "2:4")
    note = read(text, concepts.replace("\n", "\r\n"))
    assert note.text == text
    assert quoted(note) == [("problem", "a sore left elbow"), ("problem", "pain .")]
    assert note.problems == ()


def test_a_text_without_a_final_newline_is_read_to_its_end():
    note = read("no pain", 'c="pain" 1:1 1:1||t="problem"')
    assert quoted(note) == [("problem", "pain")]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_mention_over_a_line_end_may_end_at_a_smaller_index(newline):
    text = newline.join(["He had an acute", "chest pain today .", ""])
    note = read(text, concept("acute chest pain", "1:3", "2:1") + concept("an acute chest", "1:2", "2:0"))
    assert quoted(note) == [("problem", f"acute{newline}chest pain"), ("problem", f"an acute{newline}chest")]
    assert note.problems == ()


def test_a_mention_over_three_lines_is_read():
    note = read("an acute\nleft\nsided pain\n", concept("acute left sided", "1:1", "3:0"))
    assert quoted(note) == [("problem", "acute\nleft\nsided")]


# --- quotes


def test_quotes_are_in_lower_case_and_the_text_keeps_its_own():
    note = read("MS. QUILL had CHEST Pain .\n", concept("chest pain", "1:3", "1:4"))
    assert quoted(note) == [("problem", "CHEST Pain")]
    assert note.problems == ()


def test_quotes_as_the_text_has_them_match_too():
    assert read(TEXT, concept("Ms. Quill", "1:0", "1:1", "person")).problems == ()


def test_a_quote_may_have_more_spaces_than_the_text():
    note = read(TEXT, concept(" a  sore left   elbow", "1:3", "1:6"))
    assert quoted(note) == [("problem", "a sore left elbow")]
    assert note.problems == ()


@pytest.mark.parametrize(
    "mention",
    ['12" incision', '"', "a || b", 'x" 1:0 1:0||t="test', 'x"||t="test" 1:0 1:0||t="problem', "c=", '"||"'],
)
def test_a_quote_may_hold_the_punctuation_of_the_format(mention):
    count = len(mention.split(" "))
    note = read(f"the {mention} healed\n", concept(mention, "1:1", f"1:{count}"))
    assert quoted(note) == [("problem", mention)]
    assert note.problems == ()


# --- repairs


@pytest.mark.parametrize(
    ("first", "last"), [("1:3", "1:7"), ("1:4", "1:6"), ("1:2", "1:5"), ("1:3", "1:99"), ("1:99", "1:99")]
)
def test_wrong_token_numbers_are_repaired_by_the_quote(first, last):
    note = read(TEXT, concept("a sore left elbow", first, last))
    assert quoted(note) == [("problem", "a sore left elbow")]
    assert problems(note) == [(1, REPAIRED, 0)]
    assert (note.problems[0].file, note.problems[0].label) == ("concepts/a.txt.con", "problem")


@pytest.mark.parametrize(("index", "start"), [(0, 0), (2, 10), (4, 10), (5, 21), (99, 21)])
def test_the_nearest_occurrence_of_the_quote_is_taken(index, start):
    note = read("pain , no pain ,  no PAIN today\n", concept("pain", f"1:{index}", "1:99"))
    assert note.entities[0].fragments == ((start, start + 4),)
    assert problems(note) == [(1, REPAIRED, 0)]


@pytest.mark.parametrize(
    ("line", "quote"), [("the pain", "he"), ("chest pain", "pai"), ("BP 110", "10"), ("pain 1102", "110")]
)
def test_a_quote_is_not_found_inside_a_word_or_number(line, quote):
    note = read(f"{line}\n", concept(quote, "1:1", "1:1"))
    assert note.entities == ()
    assert problems(note) == [(1, NOT_FOUND, 1)]


@pytest.mark.parametrize(("line", "quote"), [("took 10mg .", "10"), ("no pain.", "pain"), ("(pain)", "pain")])
def test_a_quote_is_found_where_a_token_has_more_than_it(line, quote):
    note = read(f"{line}\n", concept(quote, "1:0", "1:0"))
    assert quoted(note) == [("problem", quote)]
    assert problems(note) == [(1, REPAIRED, 0)]


def test_a_quote_is_looked_for_in_its_own_line_only():
    note = read(TEXT, concept("chest pain", "1:2", "1:3"))
    assert note.entities == ()
    assert problems(note) == [(1, NOT_FOUND, 1)]
    assert note.problems[0].label == "problem"


@pytest.mark.parametrize(("first", "last"), [("9:0", "9:0"), ("0:0", "0:0"), ("1:0", "9:0"), ("2:0", "1:0")])
def test_lines_that_the_text_does_not_have_are_reported(first, last):
    note = read(TEXT, ELBOW + concept("she", first, last))
    assert quoted(note) == [("problem", "a sore left elbow")]
    assert problems(note) == [(2, BEYOND, 1)]


@pytest.mark.parametrize("quote", ["5 mg", "5\u2009mg"])
def test_a_blank_of_the_quote_may_be_another_one(quote):
    assert quoted(read("took 5\xa0mg today\n", concept(quote, "1:1", "1:1"))) == [("problem", "5\xa0mg")]
    assert quoted(read("took 5\xa0mg today\n", concept(quote, "1:0", "1:0"))) == [("problem", "5\xa0mg")]


def test_two_occurrences_as_near_are_not_guessed_between():
    note = read("abc def abc\n", concept("abc", "1:1", "1:1"))
    assert note.entities == () and problems(note) == [(1, NOT_FOUND, 1)]


def test_words_are_not_found_where_they_are_written_as_one():
    assert problems(read("chestpain today\n", concept("chest pain", "1:0", "1:0"))) == [(1, NOT_FOUND, 1)]


@pytest.mark.parametrize(("first", "last"), [("1:9", "1:9"), ("1:3", "1:1"), ("1:0", "1:0")])
def test_an_empty_quote_is_not_found(first, last):
    note = read(f" {TEXT}", concept("", first, last))
    assert note.entities == ()
    assert problems(note) == [(1, NOT_FOUND, 1)]


# --- lines of the annotation file


@pytest.mark.parametrize(
    "line",
    [
        "sore left elbow",
        'c="chest pain" 2:2 2:3',
        'c="chest pain" 2:2 2:3||t=""',
        'c="chest pain" 2:2 2:3||t="problem"||a="present"',
        'c="ice pack" 9:0 9:1||r="TrAP"||c="chest pain" 2:2 2:3',
        'c="chest pain" 2:2 2:3||t="coref problem"||x',
        'c="chest pain" 2:2||t="problem"',
        'c="chest pain" 2:-2 2:3||t="problem"',
        "c=chest pain 2:2 2:3||t=problem",
        'c="chest pain" 2:2 2:3|t="problem"',
        f'c="chest pain" 2:{"2" * 5000} 2:3||t="problem"',
    ],
)
def test_a_malformed_line_is_counted_and_the_others_are_read(line):
    note = read(TEXT, f"{line}\n{ELBOW}")
    assert quoted(note) == [("problem", "a sore left elbow")]
    assert problems(note) == [(1, "malformed line", 1)]


def test_blank_lines_are_no_problem_but_count_as_lines():
    note = read(TEXT, f"\n  \n{ELBOW.strip()}  \n\r\n\n")
    assert [entity.line for entity in note.entities] == [3]
    assert note.problems == ()


def test_duplicate_nested_and_crossing_mentions_are_all_read():
    left = concept("sore left", "1:4", "1:5")
    crossing = concept("left elbow .", "1:5", "1:7", "test")
    note = read(TEXT, ELBOW + ELBOW + left + crossing)
    assert quoted(note) == [
        ("problem", "a sore left elbow"),
        ("problem", "a sore left elbow"),
        ("problem", "sore left"),
        ("test", "left elbow ."),
    ]


def test_types_of_other_releases_are_read_as_they_are():
    note = read(TEXT, concept("she", "2:0", "2:0", "laboratoryortestresult"))
    assert quoted(note) == [("laboratoryortestresult", "She")]


def test_a_note_without_mentions_is_a_note():
    note = read(TEXT, "")
    assert (note.text, note.entities, note.problems) == (TEXT, (), ())


def test_an_empty_text_is_a_note():
    assert read("", "").text == ""
    assert problems(read("", concept("pain", "1:0", "1:0"))) == [(1, NOT_FOUND, 1)]


# --- encodings


def test_latin1_is_read_and_reported_for_text_and_concepts():
    text, concepts = "café au lait spots\n", concept("café au lait spots", "1:0", "1:3")
    note = read(text.encode("latin-1"), concepts.encode("latin-1"))
    assert note.text == text
    assert quoted(note) == [("problem", "café au lait spots")]
    reported = [(problem.file, *problems(note)[i]) for i, problem in enumerate(note.problems)]
    kind = "not UTF-8, read as Latin-1"
    assert reported == [("docs/a.txt", 0, kind, 0), ("concepts/a.txt.con", 0, kind, 0)]
    assert read(text, concepts).problems == ()


def test_a_byte_order_mark_of_the_text_is_kept():
    note = read("\ufeffchest pain\n", concept("pain", "1:1", "1:1"))
    assert note.text[0] == "\ufeff"
    assert quoted(note) == [("problem", "pain")]


def test_a_byte_order_mark_of_the_text_is_in_no_mention():
    assert quoted(read("\ufeffchest pain\n", concept("chest pain", "1:0", "1:1"))) == [("problem", "chest pain")]


def test_a_byte_order_mark_of_the_concepts_loses_no_mention():
    note = read(TEXT, f"\ufeff{ELBOW}")
    assert quoted(note) == [("problem", "a sore left elbow")]
    assert note.problems == ()


def test_utf16_is_reported():
    with pytest.raises(InputError, match=r"docs/a\.txt, line 1: null bytes"):
        read(TEXT.encode("utf-16-le"), ELBOW)


# --- round trip


def token_spans(text: str) -> list[list[tuple[int, int]]]:
    """The tokens of each line as Java's split on runs of spaces has them: with a leading empty one."""
    lines, start = [], 0
    for line in text.split("\n"):
        body = line[:-1] if line.endswith("\r") else line
        tokens, position = [(start, start)] if body.startswith(" ") else [], 0
        for word in body.split(" "):
            if word:
                tokens.append((start + position, start + position + len(word)))
            position += len(word) + 1
        lines.append(tokens)
        start += len(line) + 1
    return lines


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[str, tuple[int, int]]], str]:
    """A text, its mentions, and both written as a concept file."""
    text = draw(hostile_text(extra="\n\n  "))
    tokens = [
        (number, index, start, end)
        for number, line in enumerate(token_spans(text), start=1)
        for index, (start, end) in enumerate(line)
        if start < end
    ]
    mentions, lines = [], []
    for _ in range(draw(st.integers(0, 4)) if tokens else 0):
        first = draw(st.integers(0, len(tokens) - 1))
        last = draw(st.integers(first, min(first + 4, len(tokens) - 1)))
        label = draw(st.sampled_from(["problem", "test", "LOCATION-OTHER"]))
        (line, token, start, _), (end_line, end_token, _, end) = tokens[first], tokens[last]
        quote = text[start:end].replace("\n", " ").lower()
        mentions.append((label, (start, end)))
        lines.append(f'c="{quote}" {line}:{token} {end_line}:{end_token}||t="{label}"')
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return text, mentions, newline.join([*lines, ""])


@settings(max_examples=150)
@given(annotated())
def test_written_mentions_are_read_back(case):
    text, mentions, concepts = case
    note = read(text, concepts)
    assert note.text == text
    assert [(entity.label, entity.fragments) for entity in note.entities] == [
        (label, (span,)) for label, span in mentions
    ]
    assert note.problems == ()


NUMBERS = st.integers(0, 9)
LINES = st.one_of(
    hostile_text(extra='c="t='),
    st.builds(
        lambda quote, line, token, end_line, end_token: concept(
            quote, f"{line}:{token}", f"{end_line}:{end_token}"
        ).strip(),
        hostile_text(without="\n", max_size=3),
        *[NUMBERS] * 4,
    ),
)


@settings(max_examples=150)
@given(hostile_text(), st.lists(LINES, max_size=5))
def test_whatever_its_lines_hold_each_is_read_or_reported(text, lines):
    note = read(text, "\n".join(["", *lines]))
    meant = [line for line in "\n".join(lines).split("\n") if line.strip()]
    assert len(note.entities) + sum(problem.dropped for problem in note.problems) == len(meant)
    assert all(0 <= entity.start < entity.end <= len(text) for entity in note.entities)
