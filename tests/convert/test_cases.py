"""Small corpora, each with one fault or habit of real ones: every mention at its place, or told by file and line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from scripts.convert.__main__ import main
from scripts.corpus.docs import NOTE_ID
from tests.commands import Done, assert_fails, run
from tests.paths import ROOT

CASES = ROOT / "tests" / "cases"
SPLITS = ("train", "dev", "test")


class Converted:
    """A case after `convert`: what was printed, its ledger, and its notes by split."""

    def __init__(self, done: Done, folder: Path) -> None:
        assert done.code == 0, done.output
        self.said = " ".join(done.output.split())
        self.ledger: dict[str, Any] = json.loads((folder / "conversion.json").read_text("utf8"))
        vocab = spacy.blank("en").vocab
        self.docs = {split: list(DocBin().from_disk(folder / f"{split}.spacy").get_docs(vocab)) for split in SPLITS}

    @property
    def all(self) -> list[Doc]:
        return [doc for docs in self.docs.values() for doc in docs]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(problem["kind"] for problem in self.ledger["problems"])

    def mentions(self, split: str) -> list[list[tuple[str, int, str]]]:
        """Label, start and text of the mentions of each note."""
        return [[(ent.label_, ent.start_char, ent.text) for ent in doc.ents] for doc in self.docs[split]]

    def splits_of(self) -> dict[str, set[str]]:
        """The parts that each text is in."""
        found: dict[str, set[str]] = {}
        for split, docs in self.docs.items():
            for doc in docs:
                found.setdefault(doc.text, set()).add(split)
        return found

    def names(self, split: str) -> list[str]:
        return [doc.user_data[NOTE_ID] for doc in self.docs[split]]


def convert(case: str, folder: Path, *options: str) -> Done:
    return run(main, "case", CASES / case, folder / "out", *options)


def read(case: str, folder: Path, *options: str) -> Converted:
    return Converted(convert(case, folder, *options), folder / "out")


# --- brat: offsets


@pytest.mark.parametrize(
    ("case", "counted"),
    [
        ("brat-crlf-text-lf-offsets", "line ends as one character"),
        ("brat-lf-text-crlf-offsets", "line ends as two characters"),
        ("brat-utf16-offsets", "UTF-16 units"),
    ],
)
def test_offsets_that_count_otherwise_are_understood_and_told(case, counted, tmp_path):
    found = read(case, tmp_path)
    for doc in found.all:
        lines = [line for line in doc.text.split("\n") if line.strip()]
        starts = [doc.text.index(line) + line.index("fever") for line in lines]
        assert [(ent.start_char, ent.text) for ent in doc.ents] == [(start, "fever") for start in starts]
        assert len(lines) == 150
    assert found.kinds == {f"offsets count {counted}": 6}
    assert f"6 x offsets count {counted}, first in dev/dev-0.ann" in found.said
    assert sum(found.ledger["splits"][split]["read"] for split in SPLITS) == 900


def test_a_mention_one_character_off_is_repaired(tmp_path):
    found = read("brat-one-char-off", tmp_path)
    assert found.mentions("test") == [[("problem", 8, "fever")]] * 2
    assert found.kinds == {"offsets repaired by the quote": 6}


def test_a_mention_that_may_be_one_of_two_is_dropped_and_counted(tmp_path):
    done = convert("brat-repair-wrong-occurrence", tmp_path)
    assert_fails(done, "6 of 6 annotations", "dev/dev-0.ann, line 1", without=tmp_path / "out")
    assert read("brat-repair-wrong-occurrence", tmp_path, "--max-dropped", "100").mentions("test") == [[], []]


# --- brat: quotes and lines


@pytest.mark.parametrize(
    ("case", "mention"),
    [
        ("brat-fragments-joined-without-blank", ("drug", 6, "R- and S-zorvex")),
        ("brat-quote-with-cr", ("problem", 18, "fever\r\nand chills")),
        ("brat-quote-with-crlf", ("drug", 14, ".\r\nTakes")),
        ("brat-nbsp", ("dose", 6, "20\xa0mg")),
        ("brat-inception-ids", ("problem", 8, "fever")),
        ("brat-tt-ids", ("10016558", 8, "fever")),
    ],
)
def test_quotes_and_ids_of_other_tools_are_understood(case, mention, tmp_path):
    found = read(case, tmp_path)
    assert all(note[0] == mention for note in found.mentions("test"))
    assert sum(found.ledger["splits"][split]["dropped"] for split in SPLITS) == 0


def test_a_label_with_a_blank_is_told_with_what_to_do_and_other_lines_are_read(tmp_path):
    done = convert("brat-space-in-label", tmp_path)
    assert_fails(done, "label with a blank, write _ instead", "dev/dev-0.ann, line 1", without=tmp_path / "out")
    found = read("brat-space-in-label", tmp_path, "--max-dropped", "50")
    assert found.mentions("test") == [[("drug", 22, "zorvex")]] * 2


@pytest.mark.parametrize("case", ["brat-empty-ann", "brat-label-per-line-relation-only"])
def test_notes_without_mentions_are_notes(case, tmp_path):
    found = read(case, tmp_path)
    assert [len(docs) for docs in found.docs.values()] == [2, 2, 2] and not found.ledger["problems"]
    assert "None of the 2 test notes has a mention" in found.said


def test_events_that_share_a_span_are_duplicates(tmp_path):
    found = read("n2c2-2022-track1", tmp_path)
    assert found.mentions("test") == [[("Disposition", 16, "zorvex"), ("NoDisposition", 27, "aspirin")]]
    assert found.ledger["splits"]["test"]["duplicate"] == 1
