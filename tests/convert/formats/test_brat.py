"""brat standoff: offsets, fragments, the other kinds of annotation, broken lines."""

from functools import cache
from itertools import count, pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.archives import File, read_files
from scripts.cli import InputError
from scripts.convert.formats import brat, detect
from scripts.corpus.note import Note
from tests.helpers import file, hostile_text, open_corpus, problems, quoted

TEXT = "She took zorvex 20 mg daily for\nsore elbow .\n"
DRUG = "T1\tDrug 9 15\tzorvex\n"
CONTINUATION = "continuation of a quote"
REPAIRED = "offsets repaired by the quote"
MISMATCH = "quote does not match its offsets"
BEYOND = "offset beyond the text"
MALFORMED = "malformed line"


def read(text: str | bytes, annotations: str | bytes) -> Note:
    (note,) = brat.read([file("a.txt", text), file("a.ann", annotations)])
    return note


def fragments(note: Note) -> list[tuple[tuple[int, int], ...]]:
    return [entity.fragments for entity in note.entities]


# --- files


def test_pairs_are_read_from_the_folders_of_the_release():
    files = [
        file("gold-standard-test-data.zip/gold-standard-test-data/100.ann", DRUG),
        file("gold-standard-test-data.zip/gold-standard-test-data/100.txt", TEXT),
        file("training_20180910.zip/training_20180910/200.ann", DRUG),
        file("training_20180910.zip/training_20180910/200.txt", TEXT),
    ]
    notes = list(brat.read(files))
    assert [(note.id, note.split) for note in notes] == [("100", "test"), ("200", "train")]
    assert (notes[0].text_file, notes[0].file) == (str(files[1].path), str(files[0].path))


def test_the_format_is_detected():
    assert detect([file("a.txt", ""), file("a.ANN", "")]) == "brat"


def test_names_with_dots_and_capitals_are_paired():
    files = [
        file("note.1.ANN", DRUG),
        file("note.1.TXT", TEXT),
        file("note.2.ann", ""),
        file("note.2.txt", ""),
    ]
    assert [note.id for note in brat.read(files)] == ["note.1", "note.2"]


@pytest.mark.parametrize(("lost", "reported"), [("b.txt", "b.ann has no text"), ("b.ann", "b.txt has no annotation")])
def test_a_file_without_a_partner_is_reported_or_left_out(lost, reported):
    files = [file(name, "") for name in ("a.ann", "a.txt", "b.ann", "b.txt") if name != lost]
    with pytest.raises(InputError, match=reported):
        list(brat.read(files))
    assert [note.id for note in brat.read(files, skip_unpaired=True)] == ["a"]


@pytest.mark.parametrize("annotations", ["", "\n", "\r\n\r\n", "\ufeff"])
def test_a_note_without_annotations_is_a_note(annotations):
    note = read(TEXT, annotations)
    assert (note.text, note.entities, note.problems) == (TEXT, (), ())


def test_an_empty_text_is_a_note():
    assert read("", "").text == ""


# --- text-bound annotations


def test_a_mention_is_its_characters():
    note = read(TEXT, DRUG + "T2\tStrength 16 21\t20 mg\n")
    assert quoted(note) == [("Drug", "zorvex"), ("Strength", "20 mg")]
    assert [entity.line for entity in note.entities] == [1, 2]
    assert note.problems == ()


def test_the_case_of_the_text_is_kept_and_compared():
    assert quoted(read("Zorvex", "T1\tDrug 0 6\tZorvex\n")) == [("Drug", "Zorvex")]
    assert problems(read("Zorvex", "T1\tDrug 0 6\tzorvex\n")) == [(1, MISMATCH, 1)]


def test_a_mention_over_a_line_end_is_a_list_of_fragments():
    note = read(TEXT, "T1\tDuration 28 31;32 36\tfor sore\n")
    assert fragments(note) == [((28, 31), (32, 36))]
    assert note.problems == ()


@pytest.mark.parametrize("offsets", ["4 8;16 21;28 31", "4 8; 16 21; 28 31", "4 8 ; 16 21 ;28 31", "4  8;16 21;28 31 "])
def test_a_discontinuous_mention_has_all_its_fragments(offsets):
    note = read(TEXT, f"T1\tDosage {offsets}\ttook 20 mg for\n")
    assert fragments(note) == [((4, 8), (16, 21), (28, 31))]
    assert (note.entities[0].start, note.entities[0].end) == (4, 31)
    assert note.problems == ()


def test_fragments_out_of_order_are_put_in_order_and_their_quote_is_as_listed():
    note = read(TEXT, "T1\tReason 37 42;32 36\telbow sore\n")
    assert fragments(note) == [((32, 36), (37, 42))]
    assert note.problems == ()


def test_an_indent_in_a_fragment_is_no_mismatch():
    # Older versions of brat kept the blanks that a line begins with.
    note = read("sore\n   elbow", "T1\tReason 0 4;5 13\tsore    elbow\n")
    assert fragments(note) == [((0, 4), (5, 13))]
    assert note.problems == ()


def test_a_newline_inside_a_single_fragment_is_no_mismatch():
    note = read(TEXT, "T1\tReason 28 42\tfor sore elbow\n")
    assert fragments(note) == [((28, 42),)]
    assert note.problems == ()


def test_the_end_of_a_mention_is_that_of_its_longest_fragment():
    note = read(TEXT, "T1\tReason 4 15;9 12\ttook zorvex zor\n")
    assert (note.entities[0].start, note.entities[0].end) == (4, 15)


def test_a_mention_may_begin_and_end_inside_a_word():
    assert quoted(read("took 20mg .", "T1\tStrength 6 8\t0m\n")) == [("Strength", "0m")]


def test_duplicate_nested_and_crossing_mentions_are_all_read():
    lines = [
        "ADE 32 42\tsore elbow",
        "Reason 32 42\tsore elbow",
        "Reason 32 42\tsore elbow",
        "Site 37 42\telbow",
    ]
    lines += ["Crossing 37 44\telbow ."]
    note = read(TEXT, "".join(f"T{number}\t{line}\n" for number, line in enumerate(lines, start=1)))
    assert [label for label, _ in quoted(note)] == ["ADE", "Reason", "Reason", "Site", "Crossing"]
    assert note.problems == ()


@pytest.mark.parametrize("label", ["LOCATION-OTHER", "Lab_value", "sign.or.symptom", "Größe", "B-x"])
def test_types_are_read_as_they_are(label):
    assert quoted(read(TEXT, f"T1\t{label} 9 15\tzorvex\n")) == [(label, "zorvex")]


@pytest.mark.parametrize("tag", ["T1", "T007", "T1'", "T1-copy", "T"])
def test_ids_may_have_a_tail_and_any_order(tag):
    assert quoted(read(TEXT, f"{tag}\tDrug 9 15\tzorvex\n")) == [("Drug", "zorvex")]


def test_a_tab_in_the_quote_is_part_of_it():
    note = read("pH\t7.4 today", "T1\tLab 0 6\tpH\t7.4\nT2\tDate 7 12\ttoday\n")
    assert quoted(note) == [("Lab", "pH\t7.4"), ("Date", "today")]
    assert note.problems == ()


@pytest.mark.parametrize("quote", ["&quot;sore&quot; elbow", '"sore" elbow'])
def test_a_quote_may_have_html_entities(quote):
    note = read('a "sore" elbow', f"T1\tReason 2 14\t{quote}\n")
    assert quoted(note) == [("Reason", '"sore" elbow')]
    assert note.problems == ()


def test_an_html_entity_of_the_text_matches_itself():
    assert read("a &lt; b", "T1\tx 2 6\t&lt;\n").problems == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_line_without_a_quote_is_read_and_reported(newline):
    note = read(TEXT, f"T1\tDrug 9 15{newline}")
    assert quoted(note) == [("Drug", "zorvex")]
    assert problems(note) == [(1, "no quote", 0)]


# --- encodings and line ends


def test_windows_line_ends_count_and_are_kept():
    text = TEXT.replace("\n", "\r\n")
    note = read(text, "T1\tReason 33 43\tsore elbow\r\nT2\tDrug 9 15\tzorvex\r\n")
    assert note.text == text
    assert quoted(note) == [("Reason", "sore elbow"), ("Drug", "zorvex")]
    assert note.problems == ()


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
def test_only_a_newline_ends_a_line_of_the_annotations(character):
    note = read(f"sore{character}elbow .", f"T1\tReason 0 10\tsore{character}elbow\nT2\tPoint 11 12\t.\n")
    assert quoted(note) == [("Reason", f"sore{character}elbow"), ("Point", ".")]
    assert note.problems == ()


def test_a_byte_order_mark_of_the_text_counts_and_is_kept():
    note = read("\ufeff" + TEXT, "T1\tDrug 10 16\tzorvex\n")
    assert note.text == "\ufeff" + TEXT
    assert quoted(note) == [("Drug", "zorvex")]
    assert note.problems == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_of_the_annotations_loses_no_mention(newline):
    note = read(TEXT, "\ufeff" + DRUG.replace("\n", newline))
    assert quoted(note) == [("Drug", "zorvex")]
    assert note.problems == ()


def test_offsets_count_code_points():
    note = read("😀 e\u0301 zorvex", "T1\tDrug 5 11\tzorvex\n")
    assert quoted(note) == [("Drug", "zorvex")]


@pytest.mark.parametrize("name", ["a.txt", "a.ann"])
def test_a_file_that_is_not_utf8_is_named(name):
    contents = {"a.txt": TEXT.encode(), "a.ann": DRUG.encode(), name: b"ok\ncaf\xe9\n"}
    with pytest.raises(InputError, match=rf"{name}, line 2: not UTF-8"):
        list(brat.read([file(path, content) for path, content in contents.items()]))


# --- other annotations


@pytest.mark.parametrize(
    "line",
    [
        "R1\tStrength-Drug Arg1:T2 Arg2:T1",
        "R1\tStrength-Drug Arg1:T2 Arg2:T1\t",
        "E1\tDisposition:T1 ",
        "E1\tDisposition:T1 Theme:T2 Theme2:E3",
        "A1\tAction E1 Start",
        "A5\tTemporality E1 Past",
        "M1\tActor E1",
        "N1\tReference T1 RxNorm:123\tzorvex",
        "#1\tAnnotatorNotes T1\tT2\tDrug 9 15\tzorvex",
        "*\tEquiv T1 T2 T3",
        "*\tOverlaps T1 T2",
        "",
        "   ",
    ],
)
def test_other_annotations_are_neither_mentions_nor_problems(line):
    note = read(TEXT, f"{line}\n{DRUG}{line}\n")
    assert [entity.line for entity in note.entities] == [2]
    assert note.problems == ()


# --- broken lines


def test_a_quote_with_a_raw_newline_is_continued_on_the_next_line():
    note = read(TEXT, "T1\tReason 28 42\tfor\nsore elbow\n" + DRUG)
    assert quoted(note) == [("Reason", "for\nsore elbow"), ("Drug", "zorvex")]
    assert [entity.line for entity in note.entities] == [1, 3]
    assert problems(note) == [(2, CONTINUATION, 0)]


def test_a_continuation_that_is_not_in_the_offsets_loses_no_mention():
    note = read(TEXT, "T1\tDrug 9 15\tzorvex\nwhatever\nmore\nR1\tx Arg1:T1 Arg2:T1\nand more\n")
    assert quoted(note) == [("Drug", "zorvex")]
    assert problems(note) == [(2, CONTINUATION, 0), (3, CONTINUATION, 0), (5, CONTINUATION, 0)]


@pytest.mark.parametrize(
    "line", [" T2\tDrug 9 15\tzorvex", "T2", "T2\tDrug", "T2 Drug 9 15 zorvex", "Drug 9 15\tzorvex", "Drug 1 2;3 4\tz"]
)
def test_a_text_bound_line_that_cannot_be_read_is_malformed(line):
    note = read(TEXT, f"T1\tDrug 9 15\tzorvex\n{line}\n")
    assert quoted(note) == [("Drug", "zorvex")]
    assert problems(note) == [(2, "malformed line", 1)]


def test_a_line_without_an_id_before_all_others_is_malformed():
    note = read(TEXT, "whatever\n" + DRUG)
    assert quoted(note) == [("Drug", "zorvex")]
    assert problems(note) == [(1, MALFORMED, 1)]


def test_each_line_of_a_file_that_is_no_brat_is_malformed():
    note = read(TEXT, '<xml>\n<tag type="Drug"/>\n')
    assert problems(note) == [(1, MALFORMED, 1), (2, MALFORMED, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "T2 Drug 9 15 zorvex",
        "T2\tDrug 9\tzorvex",
        "T2\tDrug 9-15\tzorvex",
        "T2\tDrug 9 15;\tzorvex",
        "T2\tDrug 9 15;20\tzorvex",
        "T2\tDrug\t9 15\tzorvex",
        "T2\tDrug -9 15\tzorvex",
        "T2\t9 15\tzorvex",
        "T2\t",
        "T2\tDrug nine 15\tzorvex",
        f"T2\tDrug 9 {'1' * 5000}\tzorvex",
        f"T2\tDrug {'1' * 5000} 15\tzorvex",
    ],
)
def test_a_malformed_line_is_counted_and_the_others_are_read(line):
    note = read(TEXT, f"{DRUG}{line}\nT3\tStrength 16 21\t20 mg\n")
    assert quoted(note) == [("Drug", "zorvex"), ("Strength", "20 mg")]
    assert problems(note) == [(2, MALFORMED, 1)]


@pytest.mark.parametrize("label", ["Adverse Event", "a  b c", "Größe Arm"])
def test_a_label_with_a_blank_is_told_with_what_to_do(label):
    note = read(TEXT, f"{DRUG}T2\t{label} 16 21\t20 mg\n{DRUG}")
    assert quoted(note) == [("Drug", "zorvex")] * 2
    assert problems(note) == [(2, "label with a blank, write _ instead", 1)]


@pytest.mark.parametrize("offsets", ["15 9", "9 9", "9 15;20 20", "9 15;21 16"])
def test_empty_and_reversed_offsets_are_reported(offsets):
    note = read(TEXT, f"T1\tDrug {offsets}\tzorvex\n")
    assert note.entities == ()
    assert problems(note) == [(1, "empty or reversed offsets", 1)]
    assert note.problems[0].label == "Drug"


@pytest.mark.parametrize("line", ["Drug 9 99\tzorvex 20 mg of", "Drug 9 15;44 99\tzorvex .", "Drug 98 99\tx"])
def test_an_offset_beyond_the_text_is_reported(line):
    note = read(TEXT, f"T1\t{line}\nT2\tDrug 98 99\n")
    assert note.entities == ()
    assert problems(note) == [(1, BEYOND, 1), (2, BEYOND, 1)]


def test_an_end_beyond_the_text_is_repaired_by_a_quote_that_fits():
    note = read("took zorvex", "T1\tDrug 5 12\tzorvex\n")
    assert fragments(note) == [((5, 11),)]
    assert problems(note) == [(1, REPAIRED, 0)]


@pytest.mark.parametrize("offsets", ["8 14", "10 16", "9 14", "9 17", "0 6", "30 36"])
def test_wrong_offsets_are_repaired_by_the_quote(offsets):
    note = read(TEXT, f"T1\tDrug {offsets}\tzorvex\n")
    assert fragments(note) == [((9, 15),)]
    assert problems(note) == [(1, REPAIRED, 0)]
    assert note.problems[0].label == "Drug"


def test_the_nearest_occurrence_of_the_quote_is_taken():
    text = "zorvex " * 4
    assert [read(text, f"T1\tDrug {at} {at + 6}\tzorvex\n").entities[0].start for at in (2, 5, 13, 24)] == [
        0,
        7,
        14,
        21,
    ]


def test_a_quote_over_a_line_end_is_repaired():
    assert fragments(read(TEXT, "T1\tReason 27 41\tfor sore elbow\n")) == [((28, 42),)]


def test_a_quote_is_not_looked_for_far_away():
    note = read("zorvex" + " " * 200 + "word", "T1\tDrug 206 210\tzorvex\n")
    assert problems(note) == [(1, MISMATCH, 1)]


@pytest.mark.parametrize(("text", "quote"), [("in the end", "he"), ("BP 110 high", "10"), ("BP 110 high", "11")])
def test_a_quote_is_not_found_inside_a_word_or_number(text, quote):
    assert problems(read(text, f"T1\tx 0 2\t{quote}\n")) == [(1, MISMATCH, 1)]


def test_a_quote_is_found_where_a_number_is_glued_to_its_unit():
    assert quoted(read("took 20mg .", "T1\tStrength 4 6\t20\n")) == [("Strength", "20")]


def test_the_fragments_of_a_discontinuous_mention_are_not_guessed():
    assert problems(read(TEXT, "T1\tDosage 5 9;16 21\ttook 20 mg\n")) == [(1, MISMATCH, 1)]
    assert problems(read(TEXT, "T1\tDosage 5 9;10 16\ttook zorvex\n")) == [(1, MISMATCH, 1)]


def test_an_empty_quote_repairs_nothing():
    assert problems(read(TEXT, "T1\tReason 5 9\t\n")) == [(1, MISMATCH, 1)]


# --- round trip


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[tuple[str, tuple[tuple[int, int], ...]]], str]:
    """A text, its mentions, and both written as brat does it: cut at newlines, fragments in any order."""
    text = draw(hostile_text())
    mentions, lines = [], []
    for number in range(1, 1 + draw(st.integers(0, 4))):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
        listed = [piece for span in zip(cuts[::2], cuts[1::2], strict=False) for piece in between_newlines(text, *span)]
        if listed:
            mentions.append(("LOCATION-OTHER", tuple(listed)))
            listed = draw(st.permutations(listed))
            offsets = ";".join(f"{start} {end}" for start, end in listed)
            quote = " ".join(text[start:end] for start, end in listed)
            lines.append(f"T{number}\tLOCATION-OTHER {offsets}\t{quote}")
        lines.append(draw(st.sampled_from(["", f"R{number}\tx Arg1:T1 Arg2:T2\t", "*\tEquiv T1 T2"])))
    return text, mentions, draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def between_newlines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    ends = [start - 1, *(index for index in range(start, end) if text[index] == "\n"), end]
    return [(left + 1, right) for left, right in pairwise(ends) if left + 1 < right]


@settings(max_examples=200)
@given(annotated())
def test_written_mentions_are_read_back(case):
    text, mentions, annotations = case
    note = read(text, annotations)
    assert note.text == text
    assert [(entity.label, entity.fragments) for entity in note.entities] == mentions
    assert note.problems == ()


NUMBERS = st.integers(0, 60)
LINES = st.one_of(
    st.builds("T1\tx {} {}\t{}".format, NUMBERS, NUMBERS, hostile_text(without="\n", max_size=3)),
    st.builds("T1\tx {} {};{} {}\t{}".format, *[NUMBERS] * 4, hostile_text(without="\n", max_size=3)),
    st.builds("T1\tx {} {}".format, NUMBERS, NUMBERS),
    st.builds("T1\t{}".format, hostile_text(without="\n", max_size=9)),
)


@settings(max_examples=150)
@given(hostile_text(max_size=40), st.lists(LINES, max_size=5))
def test_whatever_its_lines_hold_each_is_read_or_reported(text, lines):
    note = read(text, "\n".join(["", *lines]))
    assert len(note.entities) + sum(problem.dropped for problem in note.problems) == len(lines)
    assert all(0 <= start < end <= len(text) for entity in note.entities for start, end in entity.fragments)


# --- open corpora


@cache
def read_open_corpus(name: str) -> tuple[list[File], list[Note]]:
    files = list(read_files(open_corpus(name)))
    return files, list(brat.read(files))


def text_bound_lines(files: list[File]) -> int:
    lines = (line for file in files if brat.recognises(file) for line in file.data.split(b"\n"))
    return sum(line.startswith(b"T") and b"\t" in line for line in lines)


def shifted(files: list[File], notes: list[Note]) -> list[tuple[str, int]]:
    """File and line of the mentions that do not have the words that their lines quote."""
    lines = {str(file.path): file.data.decode("utf8").split("\n") for file in files if brat.recognises(file)}
    wrong = []
    for note in notes:
        continued = {problem.line for problem in note.problems if problem.kind == CONTINUATION}
        for entity in note.entities:
            # Some lines of CHIA list their fragments out of order, so the words are compared sorted.
            words = sorted(" ".join(note.text[start:end] for start, end in entity.fragments).split())
            quote = lines[note.file][entity.line - 1].split("\t", maxsplit=2)[2]
            more = takewhile(continued.__contains__, count(entity.line + 1))
            whole = " ".join([quote, *(lines[note.file][number - 1] for number in more)])
            if words not in (sorted(quote.split()), sorted(whole.split())):
                wrong.append((note.file, entity.line))
    return wrong


@pytest.mark.parametrize(
    ("corpus", "size", "read", "discontinuous", "continued"),
    [
        ("maccrobat", 200, 25_189, 44, 0),
        ("chia", 2_000, 48_869, 1_822, 18),
        ("meddocan", 250, 5_661, 0, 0),
    ],
)
def test_the_open_corpora_are_read_whole(corpus, size, read, discontinuous, continued):
    files, notes = read_open_corpus(corpus)
    found = [problem for note in notes for problem in note.problems]
    assert len(notes) == size
    assert sum(len(note.entities) for note in notes) == read
    assert read + sum(problem.dropped for problem in found) == text_bound_lines(files)
    assert sum(len(entity.fragments) > 1 for note in notes for entity in note.entities) == discontinuous
    assert sum(problem.kind == CONTINUATION for problem in found) == continued
    assert shifted(files, notes) == []


def test_the_one_mention_of_chia_that_is_not_its_quote_is_reported():
    _, notes = read_open_corpus("chia")
    dropped = [problem for note in notes for problem in note.problems if problem.dropped]
    reported = [(problem.file.split("/")[-1], problem.line, problem.kind) for problem in dropped]
    assert reported == [("NCT03460002_inc.ann", 6, MISMATCH)]
    assert sum("\r\n" in note.text for note in notes) > 1_300


def test_texts_of_meddocan_begin_with_a_byte_order_mark_that_counts():
    _, notes = read_open_corpus("meddocan")
    assert sum(note.text.startswith("\ufeff") for note in notes) == 10
    assert not any(note.problems for note in notes)


@pytest.mark.parametrize(("notes", "refused"), [(1, False), (3, False), (4, True)])
def test_a_corpus_most_of_whose_offsets_are_wrong_is_refused_though_no_file_has_many(notes, refused):
    text, ann = "aaaa fever bb pain cc cough", "T1\tP 1 6\tfever\nT2\tP 10 14\tpain\nT3\tP 20 25\tcough\n"
    files = [
        file(f"{number}.{end}", content) for number in range(notes) for end, content in (("txt", text), ("ann", ann))
    ]
    if not refused:
        assert [len(note.entities) for note in brat.read(files)] == [3] * notes
        return
    with pytest.raises(InputError, match=r"4 .ann files, first 0.ann: 12 of 12 mentions are not where"):
        list(brat.read(files))
