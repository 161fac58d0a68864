"""Assertions of i2b2 2010: the layouts of .ast files, how their lines find their mentions, and those that do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import con
from scripts.convert.source import count_files, read_notes
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import Note
from tests.convert.formats.test_con import GOLD_2010, TEST_2010, TRAIN_2010, concept, token_spans
from tests.helpers import file, hostile_text, problems
from tests.statements import fates, said, unjoined, values

TEXT = "Ms. Quill denies chest pain .\nEKG shows ischemia , no nausea .\n"
PAIN = concept("chest pain", "1:3", "1:4")
ISCHEMIA = concept("ischemia", "2:2", "2:2")
NAUSEA = concept("nausea", "2:5", "2:5")
CONCEPTS = PAIN + ISCHEMIA + NAUSEA


def states(line: str, value: str) -> str:
    """The line of a concept as one of an assertion."""
    return f'{line.rstrip()}||a="{value}"\n'


ABSENT = states(PAIN, "absent")
ASSERTIONS = ABSENT + states(ISCHEMIA, "present") + states(NAUSEA, "absent")


def read(concepts: str | bytes, assertions: str | bytes, text: str | bytes = TEXT) -> Note:
    (note,) = con.read(
        [file("docs/a.txt", text), file("concepts/a.txt.con", concepts), file("ast/a.txt.ast", assertions)]
    )
    return note


def read_files(contents: dict[str, str], skip_unpaired: bool = False) -> list[Note]:
    return list(con.read([file(path, content) for path, content in contents.items()], skip_unpaired))


# --- layouts


@pytest.mark.parametrize(
    ("text", "concepts", "assertions"),
    [
        ("docs/a.txt", "concepts/a.txt.con", "ast/a.txt.ast"),
        ("docs/a.txt", "concepts/a.txt.con", "ast/a.ast"),
        ("docs/a", "concepts/a.con", "ast/a.txt.ast"),
        ("txt/a.txt", "concept/a.con", "ast/a.ast"),
        ("a.txt", "a.con", "a.ast"),
        ("a.txt", "a.txt.con", "a.txt.ast"),
        ("A.TXT", "A.TXT.CON", "A.TXT.AST"),
        (f"{TRAIN_2010}/beth/txt/a.txt", f"{TRAIN_2010}/beth/concept/a.con", f"{TRAIN_2010}/beth/ast/a.ast"),
        (f"{TEST_2010}/a.txt", f"{GOLD_2010}/concepts/a.con", f"{GOLD_2010}/ast/a.ast"),
        (f"{TEST_2010}/txt/a.txt", f"{TEST_2010}/concept/a.con", f"{TEST_2010}/ast/a.ast"),
    ],
)
def test_assertions_are_found_beside_concepts_and_in_folders_of_their_own(text, concepts, assertions):
    (note,) = read_files({text: TEXT, concepts: CONCEPTS, assertions: ASSERTIONS})
    assert said(note) == [("chest pain", "absent"), ("ischemia", "present"), ("nausea", "absent")]
    assert (note.assertion_file, note.problems) == (assertions, ())


def test_notes_of_one_name_in_two_parts_have_their_own_assertions():
    notes = read_files(
        {
            f"{TRAIN_2010}/beth/ast/record-1.ast": ABSENT,
            f"{TRAIN_2010}/beth/concept/record-1.con": PAIN,
            f"{TRAIN_2010}/beth/txt/record-1.txt": TEXT,
            f"{TRAIN_2010}/partners/ast/record-1.ast": states(PAIN, "possible"),
            f"{TRAIN_2010}/partners/concept/record-1.con": PAIN,
            f"{TRAIN_2010}/partners/txt/record-1.txt": TEXT,
            f"{GOLD_2010}/ast/record-1.ast": states(PAIN, "conditional"),
            f"{GOLD_2010}/concepts/record-1.con": PAIN,
            f"{TEST_2010}/record-1.txt": TEXT,
        }
    )
    assert [(note.split, *values(note)) for note in notes] == [
        ("train", "absent"),
        ("train", "possible"),
        ("test", "conditional"),
    ]


def test_a_note_without_an_assertion_file_is_a_note():
    with_it, without = read_files(
        {"a.txt": TEXT, "a.con": PAIN, "a.ast": ABSENT, "b.txt": TEXT, "b.con": PAIN, "b.rel": "", "b.chains": ""}
    )
    assert (values(with_it), values(without)) == (["absent"], [""])
    assert without.assertion_file == "" and without.problems == ()


@pytest.mark.parametrize("assertions", ["", "\n \r\n", "\ufeff"])
def test_an_empty_assertion_file_states_nothing(assertions):
    note = read(CONCEPTS, assertions)
    assert (values(note), note.problems, note.assertion_file) == (["", "", ""], (), "ast/a.txt.ast")


@pytest.mark.parametrize("other", ["ast/a.ast", "more/a.txt.ast"])
def test_two_assertion_files_of_one_note_are_reported(other):
    contents = {"docs/a.txt": TEXT, "concepts/a.con": PAIN, "ast/a.txt.ast": ABSENT, other: ABSENT}
    with pytest.raises(InputError, match=rf"ast/a\.txt\.ast and {other} both belong to concepts/a\.con: remove one"):
        read_files(contents)


def test_an_assertion_file_that_fits_two_notes_is_reported():
    contents = {"x/a.txt": TEXT, "x/a.con": PAIN, "y/a.txt": TEXT, "y/a.con": PAIN, "ast/a.ast": ABSENT}
    with pytest.raises(InputError, match=r"ast/a\.ast fits both \S+/a\.con and \S+/a\.con: remove one"):
        read_files(contents)


@pytest.mark.parametrize("skip_unpaired", [False, True])
def test_an_assertion_file_whose_note_is_missing_is_an_unused_file(skip_unpaired):
    contents = {"docs/a.txt": TEXT, "concepts/a.con": PAIN, "ast/a.ast": ABSENT, "ast/b.txt.ast": ABSENT}
    files: list[File] = [file(path, content) for path, content in contents.items()]
    notes = read_notes("mine", "con", files, skip_unpaired)
    assert [note.id for note in notes] == ["a"]
    assert count_files(files, notes) == {"files": 4, "unused_files": {".ast": 1}}


# --- how a line finds its mention


@pytest.mark.parametrize("value", VALUES)
def test_every_value_is_read_in_small_letters_and_capitals(value):
    assert values(read(PAIN, states(PAIN, value))) == [value]
    assert values(read(PAIN, states(PAIN, value.upper()))) == [value]


def test_lines_may_be_in_any_order():
    lines = ASSERTIONS.splitlines(keepends=True)
    note = read(CONCEPTS, "".join(reversed(lines)))
    assert values(note) == ["absent", "present", "absent"]
    assert note.problems == ()


@pytest.mark.parametrize("last", ["1:5", "1:9", "2:0", "9:9"])
def test_the_end_of_an_assertion_may_be_wrong(last):
    note = read(CONCEPTS, states(concept("chest pain", "1:3", last), "absent"))
    assert values(note) == ["absent", "", ""]
    assert note.problems == ()


@pytest.mark.parametrize("first", ["1:2", "1:4", "1:0"])
def test_the_start_of_either_line_may_need_repair(first):
    shifted = concept("chest pain", first, "1:4")
    assert values(read(PAIN, states(shifted, "absent"))) == ["absent"]
    assert fates(read(PAIN, states(shifted, "absent"))) == {"joined": 1}
    note = read(shifted, ABSENT)
    assert values(note) == ["absent"]
    assert problems(note) == [(1, "offsets repaired by the quote", 0)]
    assert values(read(shifted, states(shifted, "absent"))) == ["absent"]


def test_of_mentions_with_one_quote_in_a_line_each_has_its_own():
    text = "pain today , no pain yesterday\n"
    first, second = concept("pain", "1:0", "1:0"), concept("pain", "1:4", "1:4")
    note = read(first + second, states(concept("pain", "1:4", "1:5"), "absent") + states(first, "present"), text)
    assert values(note) == ["present", "absent"]


@pytest.mark.parametrize("quote", ["Chest  PAIN", " chest pain ", "chest\tpain", "CHEST PAIN"])
def test_a_quote_may_have_other_blanks_and_capitals(quote):
    note = read(PAIN, states(concept(quote, "1:3", "1:4"), "absent"))
    assert (values(note), note.problems) == (["absent"], ())


@pytest.mark.parametrize(
    "mention", ['12" incision', '"', "a || b", 'x" 1:0 1:0||t="test', 'x" 1:1 1:1||t="problem"||a="absent', '"||"']
)
def test_a_quote_may_hold_the_punctuation_of_the_format(mention):
    line = concept(mention, "1:1", f"1:{len(mention.split(' '))}")
    note = read(line, states(line, "possible"), f"the {mention} healed\n")
    assert (said(note), note.problems) == ([(mention, "possible")], ())


def test_a_mention_over_a_line_end_has_its_assertion():
    line = concept("chest pain", "1:1", "2:0")
    note = read(line, states(line, "absent"), "no chest\npain today\n")
    assert said(note) == [("chest\npain", "absent")]


def test_two_labels_at_one_place_have_their_own():
    test = concept("chest pain", "1:3", "1:4", "test")
    for concepts in (test + PAIN, PAIN + test):
        note = read(concepts, ABSENT)
        assert {entity.label: entity.assertion for entity in note.entities} == {"problem": "absent", "test": ""}
        assert note.problems == ()


# --- lines that say it again, or otherwise


def test_an_exact_duplicate_is_counted_once():
    note = read(CONCEPTS, ABSENT + ASSERTIONS + ABSENT)
    assert values(note) == ["absent", "present", "absent"]
    assert unjoined(note) == [(2, "duplicate"), (5, "duplicate")]


def test_duplicate_concepts_take_as_many_assertions():
    assert [values(read(PAIN * 2, ABSENT * n)) for n in (1, 2, 3)] == [["absent", ""], *[["absent", "absent"]] * 2]
    assert unjoined(read(PAIN * 2, ABSENT * 2)) == []
    assert unjoined(read(PAIN * 2, ABSENT * 3)) == [(3, "duplicate")]


@pytest.mark.parametrize("concepts", [PAIN, PAIN * 2])
def test_the_first_of_contradicting_lines_counts(concepts):
    note = read(concepts, states(PAIN, "possible") + ABSENT)
    assert values(note)[0] == "possible" and "absent" not in values(note)
    assert unjoined(note) == [(2, "contradicting")]


# --- lines without a mention


@pytest.mark.parametrize(
    "line",
    [
        concept("fever", "1:3", "1:4"),
        concept("ischemia", "1:3", "1:4"),
        concept("chest pain", "1:3", "1:4", "test"),
        concept("chest", "1:3", "1:3"),
        concept("pain", "1:4", "1:4"),
        concept("chest pain", "0:3", "0:4"),
        concept("chest pain", "9:3", "9:4"),
        concept("", "1:3", "1:4"),
    ],
)
def test_an_assertion_without_a_mention_is_reported(line):
    note = read(PAIN, states(line, "absent") + ABSENT)
    assert values(note) == ["absent"]
    assert unjoined(note) == [(1, "without_mention")]


@pytest.mark.parametrize(
    "line",
    [concept("fever", "1:3", "1:4"), concept("chest pain", "9:3", "9:4"), concept("chest pain", "2:0", "1:4")],
)
def test_an_assertion_of_a_mention_that_was_dropped_goes_with_it(line):
    note = read(line + NAUSEA, states(line, "absent") + states(NAUSEA, "absent"))
    assert values(note) == ["absent"]
    assert unjoined(note) == [(1, "of_dropped")]
    assert sum(problem.dropped for problem in note.problems) == 1


@pytest.mark.parametrize(
    "line",
    [
        "chest pain",
        PAIN,
        states(PAIN, ""),
        states(PAIN, "negated"),
        states(PAIN, "not present"),
        ABSENT.replace("||a=", "|a="),
        ABSENT.replace("1:3", "1:x"),
        ABSENT.replace("1:3 ", ""),
        ABSENT.rstrip() + "||x",
        ABSENT.replace('"', ""),
        'c="ice pack" 1:0 1:1||r="TrAP"||c="chest pain" 1:3 1:4',
    ],
)
def test_a_line_that_cannot_be_read_is_reported_and_the_others_are_read(line):
    note = read(CONCEPTS, f"\n{line.rstrip()}\n{states(NAUSEA, 'absent')}")
    assert values(note) == ["", "", "absent"]
    assert unjoined(note) == [(2, "unreadable")]


# --- encodings and line ends


def test_latin1_is_read_and_reported_for_each_file():
    line = concept("café au lait spots", "1:1", "1:4")
    note = read(line, states(line, "absent").encode("latin-1"), "no café au lait spots\n")
    assert values(note) == ["absent"]
    assert [(problem.file, problem.kind) for problem in note.problems] == [
        ("ast/a.txt.ast", "not UTF-8, read as Latin-1")
    ]


def test_null_bytes_are_reported_with_the_file():
    with pytest.raises(InputError, match=r"ast/a\.txt\.ast, line 1: null bytes"):
        read(PAIN, ABSENT.encode("utf-16-le"))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_of_windows_and_a_byte_order_mark_lose_nothing(newline):
    note = read(CONCEPTS, "\ufeff" + ASSERTIONS.replace("\n", newline))
    assert values(note) == ["absent", "present", "absent"]
    assert note.problems == ()


# --- round trip


@st.composite
def stated_notes(draw: st.DrawFn) -> tuple[str, list[str], str, str]:
    """A text, the values of its mentions, and both written as a concept and an assertion file."""
    text = draw(hostile_text(extra="\n\n  "))
    tokens = [
        (number, index, start, end)
        for number, line in enumerate(token_spans(text), start=1)
        for index, (start, end) in enumerate(line)
        if text[start:end].strip(" \t\r\n\f\v")  # a quote without its blanks would be another one's
    ]
    mentions: dict[str, tuple[str, str]] = {}
    for _ in range(draw(st.integers(0, 5)) if tokens else 0):
        first = draw(st.integers(0, len(tokens) - 1))
        last = draw(st.integers(first, min(first + 3, len(tokens) - 1)))
        label = draw(st.sampled_from(["problem", "test"]))
        (line, token, start, _), (end_line, end_token, _, end) = tokens[first], tokens[last]
        quote = text[start:end].replace("\n", " ").lower()
        wrong = draw(st.sampled_from([0, 0, 1]))
        one, other = (concept(quote, f"{line}:{token}", f"{end_line}:{end_token + more}", label) for more in (0, wrong))
        mentions.setdefault(one, (other, draw(st.sampled_from(["", *VALUES]))))
    stated = [states(line, value) for line, value in mentions.values() if value]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    concepts, assertions = (
        "".join(lines).replace("\n", newline) for lines in (mentions, draw(st.permutations(stated)))
    )
    return text, [value for _, value in mentions.values()], concepts, assertions


@settings(max_examples=150)
@given(stated_notes())
def test_written_assertions_are_read_back(case):
    text, expected, concepts, assertions = case
    note = read(concepts, assertions, text)
    assert values(note) == expected
    assert [entity.stated for entity in note.entities] == [int(bool(value)) for value in expected]
    assert note.problems == ()
