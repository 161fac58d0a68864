"""The ledger counts every assertion that was read, by what became of it, and lists all but the joined ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.convert.__main__ import main
from scripts.convert.formats import FORMATS
from scripts.convert.ledger import Ledger
from scripts.corpus.assertions import AssertionFate, imply_present
from scripts.corpus.corpora import CONCEPTS_2011, check_labels
from scripts.corpus.docs import create_nlp, to_doc
from scripts.corpus.note import Note
from tests.commands import run
from tests.helpers import file, hostile_text
from tests.paths import ROOT

NLP = create_nlp()
# With a mention of blanks only: an no-break space is a token of the release, but none of spaCy's words
TEXT = "She denies chest pain .\n\xa0 nausea today"
SPLITS = ("train", "dev", "test")


def counts(note: Note) -> dict:
    """The assertions of a note of a known corpus; checks what has to hold of any."""
    note = check_labels(note, CONCEPTS_2011)._replace(split="train")
    ledger = Ledger()
    ledger.add(note, to_doc(NLP, note))
    written = json.loads(json.dumps(ledger.to_json()))
    found = written["splits"]["train"]["assertions"]
    assert found["read"] == sum(found[fate] for fate in AssertionFate)
    listed = [problem for problem in written["problems"] if problem["assertion"]]
    assert len(listed) == found["read"] - found["joined"]
    for fate in {*AssertionFate} - {AssertionFate.JOINED}:
        assert sum(problem["assertion"] == fate for problem in listed) == found[fate]
    assert all(problem["file"] in (note.file, note.assertion_file) and problem["line"] > 0 for problem in listed)
    return found


def read_con(concepts: str, assertions: str, text: str = TEXT) -> Note:
    files = [file("a.txt", text), file("a.con", concepts), file("a.ast", assertions)]
    (note,) = FORMATS["con"].read(files)
    return note


def read_brat(annotations: str, text: str = TEXT) -> Note:
    (note,) = FORMATS["brat"].read([file("a.txt", text), file("a.ann", annotations)])
    return note


CONCEPTS = (
    'c="chest pain" 1:2 1:3||t="problem"',
    'c="nausea" 2:1 2:1||t="problem"',
    'c="nausea" 2:1 2:1||t="finding"',  # no label of the corpus
    'c="\xa0" 2:0 2:0||t="problem"',  # blanks only
    'c="fever" 1:0 1:0||t="problem"',  # not there
    "malformed",
)


def test_each_fate_of_con_is_counted():
    stated = [f'{line}||a="absent"' for line in CONCEPTS]
    stated += [stated[0], stated[0].replace("absent", "present"), 'c="ekg" 1:0 1:0||t="test"||a="present"', "what"]
    assert counts(read_con("\n".join(CONCEPTS), "\n".join(stated))) == {
        "read": 10,
        "joined": 2,
        "duplicate": 1,
        "of_dropped": 3,
        "without_mention": 1,
        "contradicting": 1,
        "unreadable": 2,
        "implied": 0,
        "values": {"absent": 2} | dict.fromkeys(("present", "possible", "conditional", "hypothetical"), 0)
        | {"associated_with_someone_else": 0},
    }  # fmt: skip


def test_each_fate_of_brat_is_counted():
    found = counts(
        read_brat(
            "T1\tproblem 11 21\tchest pain\nT2\tfinding 26 32\tnausea\nT3\tproblem 24 26\t\xa0 \nT4\tproblem 9 99\tx\n"
            "A1\tNegation T1\nA2\tUncertainty T1\nA3\tNegation T1\nA4\tNegation T1 false\nA5\tNegation T2\n"
            "A6\tNegation T3\nA7\tUncertainty T3\nA8\tNegation T4\nA9\tNegation T5\nA10\tNegation T1 perhaps\n"
        )
    )
    assert [found[fate] for fate in ("read", *AssertionFate)] == [10, 2, 1, 4, 1, 1, 1]
    assert found["values"]["possible"] == sum(found["values"].values()) == 1


QUOTES = st.one_of(st.sampled_from(["chest pain", "nausea", "\xa0", "x"]), hostile_text(without="\n", max_size=3))
PLACES = st.one_of(
    st.sampled_from(["1:2 1:3", "2:1 2:1", "2:0 2:0"]),
    st.builds("{}:{} {}:{}".format, *[st.integers(0, 4)] * 4),
)
LABELS = st.sampled_from(["problem", "test", "finding"])
CON_LINES = st.builds('c="{}" {}||t="{}"'.format, QUOTES, PLACES, LABELS)
AST_LINES = st.one_of(
    st.builds('{}||a="{}"'.format, CON_LINES, st.sampled_from(["present", "absent", "Absent", "no"])),
    hostile_text(without="\n", max_size=9),
)


@settings(max_examples=150)
@given(st.lists(CON_LINES, max_size=6), st.lists(AST_LINES, max_size=9), st.booleans())
def test_whatever_an_assertion_file_holds_every_line_is_accounted_for(concepts, stated, twice):
    stated = stated + [f'{line}||a="absent"' for line in concepts] * (1 + twice)
    found = counts(read_con("\n".join(concepts), "\n".join(["", *stated])))
    assert found["read"] == sum(bool(line.strip()) for line in stated)


MENTION_LINES = st.builds(
    "T{}\t{} {}\t{}".format,
    st.integers(1, 4),
    LABELS,
    st.sampled_from(["11 21", "26 32", "24 26", "0 3", "9 1", "1 999"]),
    st.sampled_from(["chest pain", "nausea", "\xa0 ", "She"]),
)
TARGETS = st.builds("{}{}".format, st.sampled_from("TE"), st.integers(1, 5))
SAID = st.sampled_from(
    ["Negation {}", "Negation {} false", "Certainty {} Possible", "Certainty {} x", "Uncertainty {}"]
)
ATTRIBUTE_LINES = st.builds(lambda said, target: f"A1\t{said.format(target)}", SAID, TARGETS)
OTHER_LINES = st.one_of(
    st.builds("E{}\tproblem:T{}".format, st.integers(1, 5), st.integers(1, 5)),
    st.just("A1\tTemporality T1 Past"),
    hostile_text(without="\n", max_size=9),
)


@settings(max_examples=150)
@given(st.lists(st.one_of(MENTION_LINES, ATTRIBUTE_LINES, OTHER_LINES), max_size=14))
def test_whatever_a_brat_file_holds_every_assertion_is_accounted_for(lines):
    meant = [line for line in lines if line.startswith("A1\t") and "Temporality" not in line]
    try:
        note = read_brat("\n".join(["", *lines]))
    except InputError:  # most of its mentions are not where they are said to be
        reject()
    assert counts(note)["read"] == len(meant)


def test_implied_ones_are_none_that_were_read():
    note = read_brat("T1\tproblem 11 21\tchest pain\nT2\tproblem 26 32\tnausea\nA1\tNegation T1\n")
    found = counts(*imply_present([note]))
    assert (found["read"], found["joined"], found["implied"]) == (1, 1, 1)
    assert (found["values"]["absent"], found["values"]["present"]) == (1, 1)


# --- the command


def write_notes(folder: Path, assertions: str, release: tuple[str, ...] = SPLITS) -> Path:
    for split in release:
        for kind, content in (
            ("docs/{}.txt", TEXT),
            ("con/{}.con", "\n".join(CONCEPTS[:2])),
            ("ast/{}.ast", assertions),
        ):
            path = folder / split / kind.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf8")
    return folder


def test_problems_are_printed_and_written_without_a_word_of_the_note(tmp_path):
    source = write_notes(tmp_path / "in", f'{CONCEPTS[0]}||a="absent"\n{CONCEPTS[4]}||a="absent"\nc="chest zanzibar"\n')
    done = run(main, "mine", source, tmp_path / "out")
    assert done.code == 0, done.output
    said = " ".join(done.output.split())
    assert "3 x assertion without a mention, first in dev/ast/dev.ast, line 2" in said
    assert "3 x assertion that cannot be read, first in dev/ast/dev.ast, line 3" in said
    written = (tmp_path / "out" / "conversion.json").read_text()
    assert not any(word in done.output + written for word in ("chest", "pain", "nausea", "fever", "zanzibar"))
    problems = json.loads(written)["problems"]
    assert [(problem["file"], problem["line"], problem["assertion"]) for problem in problems[:2]] == [
        ("dev/ast/dev.ast", 2, "without_mention"),
        ("dev/ast/dev.ast", 3, "unreadable"),
    ]


def test_the_values_of_each_part_are_printed_and_what_is_implied(tmp_path):
    done = run(main, "mine", write_notes(tmp_path / "in", f'{CONCEPTS[0]}||a="possible"'), tmp_path / "out")
    assert "assertions" in done.output and "possible" in done.output and "absent" not in done.output
    assert "3 mentions have no assertion, and were taken for present" in " ".join(done.output.split())
    splits = json.loads((tmp_path / "out" / "conversion.json").read_text())["splits"]
    assert [splits[split]["assertions"]["implied"] for split in SPLITS] == [1, 1, 1]
    one = f'{CONCEPTS[0]}||a="present"'
    assert "taken for" not in run(main, "mine", write_notes(tmp_path / "all", one), tmp_path / "out").output
    assert "assertions" not in run(main, "mine", write_notes(tmp_path / "none", ""), tmp_path / "out").output


def test_assertions_of_a_note_that_is_not_there_are_reported_as_unused(tmp_path):
    source = write_notes(tmp_path / "in", "")
    (source / "test/ast/lost.txt.ast").write_text(f'{CONCEPTS[0]}||a="possible"')
    assert "1 .ast files are no part of a note" in run(main, "mine", source, tmp_path / "out").output


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ("sample", {"present": 5674, "absent": 1570, "hypothetical": 499, "possible": 415,
                    "associated_with_someone_else": 234, "conditional": 192}),
        ("sample-medications", {}),
    ],
)  # fmt: skip
def test_every_assertion_of_the_sample_corpora_is_joined(corpus, expected, tmp_path):
    assert run(main, corpus, ROOT / "assets", tmp_path / "out").code == 0
    splits = json.loads((tmp_path / "out" / "conversion.json").read_text())["splits"]
    stated = [split["assertions"] for split in splits.values()]
    assert sum(split["read"] for split in stated) == sum(split["joined"] for split in stated) == sum(expected.values())
    assert {value: sum(split["values"][value] for split in stated) for value in expected} == expected
    if expected:
        problem_mentions = sum(split["labels"]["problem"]["read"] for split in splits.values())
        assert problem_mentions == sum(expected.values()) == 8584
