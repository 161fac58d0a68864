"""Small corpora, each with one fault or habit of real ones: every mention at its place, or told by file and line."""

import hashlib
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


# --- the same text, the same patient, few notes


def test_a_folder_that_repeats_the_parts_loses_its_copies(tmp_path):
    found = read("brat-all-folder", tmp_path)
    assert {split: len(docs) for split, docs in found.docs.items()} == {"train": 4, "dev": 4, "test": 4}
    assert all(len(splits) == 1 for splits in found.splits_of().values()) and len(found.splits_of()) == 12
    left_out = found.ledger["copies"]["left_out"]
    assert len(left_out) == 12 and found.ledger["copies"]["shared"] == {}
    assert left_out[0] == {"note": "all/devel-0", "file": "all/devel-0.ann", "kept": "devel/devel-0.ann",
                           "same_mentions": True}  # fmt: skip
    assert "12 notes are left out" in found.said and "first all/devel-0.ann, which is devel/devel-0.ann" in found.said


def test_a_text_that_is_there_twice_is_in_one_part(tmp_path):
    found = read("split-same-text-twice", tmp_path)
    assert all(len(splits) == 1 for splits in found.splits_of().values()) and len(found.all) == 40
    assert (found.ledger["copies"]["texts"], found.ledger["copies"]["notes"]) == (20, 40)
    assert "20 texts are there more than once, in 40 notes" in found.said


def test_a_folder_is_a_patient_and_never_split(tmp_path):
    found = read("split-per-patient", tmp_path)
    visits = {name: split for split in SPLITS for name in found.names(split)}
    patients = {f"patient{number}": set() for number in range(10)}
    for patient in patients:
        for path in (CASES / "split-per-patient" / patient).glob("*.txt"):
            patients[patient].add(visits[path.stem])
    assert all(len(splits) == 1 for splits in patients.values()) and len(visits) == 40
    assert found.ledger["copies"]["shared_patients"] == {}
    # All have one text, so that it cannot be kept out of the other parts; that is told.
    assert found.ledger["copies"]["shared"]["test in train"] == len(found.docs["test"])


def test_four_notes_are_split(tmp_path):
    assert sorted(len(docs) for docs in read("split-four-notes", tmp_path).docs.values()) == [1, 1, 2]


def test_patients_that_a_release_has_on_both_sides_are_told(tmp_path):
    found = read("n2c2-2022-track1", tmp_path)
    assert found.ledger["copies"]["shared_patients"] == {"test in train": 1, "test in dev": 1, "dev in train": 1}
    assert "1 patients of test are in train as well" in found.said


def write_visits(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"fever {number}")
        path.with_suffix(".ann").write_text("T1\tproblem 0 5\tfever\n")
    return folder


def test_a_patient_of_the_stated_test_part_is_never_put_into_train(tmp_path):
    more = [f"more/{patient}-0{visit}" for patient in range(111, 130) for visit in (2, 3)]
    source = write_visits(tmp_path / "in", "test/111-01", "test/112-01", "dev/113-01", "train/111-09", *more)
    found = Converted(run(main, "mine", source, tmp_path / "out"), tmp_path / "out")
    assert found.names("test") == ["111-01", "112-01"] and found.names("dev") == ["113-01"]
    assert not {name[:3] for name in found.names("train")} - {"111"} & {"112", "113"} and len(found.all) == 42 - 6
    left_out = found.ledger["copies"]["left_out_of_patients"]
    assert [each["note"][:3] for each in left_out] == ["111", "111", "112", "112", "113", "113"]
    assert left_out[0] == {"note": "111-02", "file": "more/111-02.ann", "kept": "test/111-01.ann"}
    assert "6 notes of no stated part are left out" in found.said
    assert found.ledger["copies"]["shared_patients"] == {"test in train": 1}  # 111, as the folders have it


def write_parts(folder: Path, **parts: list[str]) -> Path:
    for part, texts in parts.items():
        (folder / part).mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / part / f"{part}-{number}.txt").write_text(text)
            (folder / part / f"{part}-{number}.ann").write_text("T1\tproblem 0 5\tfever\n")
    return folder


def test_what_a_release_has_on_both_sides_is_kept_and_told_or_dropped_on_request(tmp_path):
    source = write_parts(
        tmp_path / "in",
        train=["fever 1", "fever 2", "fever  4", "fever 5"],
        dev=["fever 3", "fever 5"],
        test=["fever 4", "fever 2"],
    )
    kept = Converted(run(main, "mine", source, tmp_path / "kept"), tmp_path / "kept")
    assert [len(docs) for docs in kept.docs.values()] == [4, 2, 2]
    assert kept.ledger["copies"]["shared"] == {"test in train": 2, "dev in train": 1}
    assert "2 of 2 test texts are in train as well" in kept.said and "--drop-copies" in kept.said
    dropped = Converted(run(main, "mine", source, tmp_path / "out", "--drop-copies"), tmp_path / "out")
    assert dropped.names("train") == ["train-0"] and dropped.names("dev") == ["dev-0", "dev-1"]
    assert [each["note"] for each in dropped.ledger["copies"]["left_out"]] == ["train-1", "train-2", "train-3"]
    assert dropped.ledger["copies"]["shared"] == {} and "--drop-copies" not in dropped.said


def test_a_copy_with_other_mentions_is_told(tmp_path):
    source = write_parts(
        tmp_path / "in", train=["fever 1"], dev=["fever 2"], test=["fever 3"], all=["fever 1", "fever 2"]
    )
    (source / "all" / "all-1.ann").write_text("T1\tsign 0 5\tfever\n")
    found = Converted(run(main, "mine", source, tmp_path / "out"), tmp_path / "out")
    assert [each["same_mentions"] for each in found.ledger["copies"]["left_out"]] == [True, False]
    assert "1 of them have other mentions" in found.said


def test_copies_in_one_part_with_other_mentions_are_told(tmp_path):
    source = write_parts(tmp_path / "in", train=["fever 1", "fever 1", "fever 1"], dev=["fever 2"], test=["fever 3"])
    (source / "train" / "train-1.ann").write_text("")
    found = Converted(run(main, "mine", source, tmp_path / "out"), tmp_path / "out")
    assert found.ledger["copies"]["differing"] == 1 and len(found.all) == 5
    assert "1 of them have other mentions than the first with their text in the same part" in found.said


def test_dropping_all_of_a_part_is_refused(tmp_path):
    done = convert("brat-empty-ann", tmp_path, "--drop-copies")
    assert_fails(done, "All texts of the train part are in another part", without=tmp_path / "out")


@pytest.mark.parametrize(("corpus", "sizes", "digest"), [
    ("sample", [187, 33, 60], "83d3ba1726a1ca70"),
    ("sample-medications", [35, 5, 12], "6196c595e3ba4bd1"),
])  # fmt: skip
def test_the_parts_of_the_sample_are_what_they_always_were(corpus, sizes, digest, tmp_path):
    found = Converted(run(main, corpus, ROOT / "assets", tmp_path / "out"), tmp_path / "out")
    names = [sorted(found.names(split)) for split in SPLITS]
    assert [len(part) for part in names] == sizes
    assert hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16] == digest


# --- two annotators, pointers, other kinds of files


def test_of_two_folders_with_annotations_one_is_chosen_by_an_option_that_is_named(tmp_path):
    done = convert("brat-cadec-layout", tmp_path)
    assert_fails(done, "--annotations 'meddra' or --annotations 'original'", without=tmp_path / "out")
    found = read("brat-cadec-layout", tmp_path, "--annotations", "original")
    assert all(note == [("problem", 8, "fever"), ("drug", 22, "zorvex")] for note in found.mentions("train"))
    assert len(found.all) == 12 and found.ledger["unused_files"] == {".ann": 12}
    done = convert("brat-cadec-layout", tmp_path, "--annotations", "meddra/original")
    assert_fails(done, "No folder 'meddra/original' with brat annotations", "meddra/N.0.ann")


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path):
    done = convert("brat-gitlfs-ann", tmp_path)
    assert_fails(done, "dev/dev-0.ann is a git-lfs pointer, not the file: run `git lfs pull`", without=tmp_path / "out")


# --- CoNLL

SENTENCES = [
    [("problem", 8, "fever")],
    [("drug", 6, "zorvex"), ("dose", 13, "20 mg")],
]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("conll-sentid-first", "tokens read from column 2, tags from column 3 of 3"),
        ("conll-index-first", "tokens read from column 2, tags from column 3 of 4"),
        ("conll-index-first-nocomment", "tokens read from column 2, tags from column 3 of 3"),
        ("conll-header-row", ""),
        ("conll-txt", ""),
        ("conll-labelstudio", ""),
    ],
)
def test_columns_are_told_by_content(case, told, tmp_path):
    found = read(case, tmp_path)
    assert all(found.mentions(split) == SENTENCES for split in SPLITS)
    assert [doc.text for doc in found.docs["test"]] == ["She has fever .\n", "Takes zorvex 20 mg .\n"]
    assert found.kinds == ({told: 3} if told else {})
    assert not told or f"3 x {told}, first in dev" in found.said


@pytest.mark.parametrize(
    ("case", "mentions", "told"),
    [
        ("conll-tag-first", [("problem", 4, "fever")], "tokens read from column 4, tags from column 1 of 4"),
        ("conll-three-columns-mid", [("problem", 8, "fever")], "tokens read from column 1, tags from column 2 of 3"),
        (
            "conll-two-label-columns",
            [("x", 6, "zorvex"), ("x", 13, "20"), ("x", 16, "mg")],
            "tokens read from column 1, tags from column 3 of 3; column 2 has tags as well (--tag-column)",
        ),
        ("conll-conllu", [("problem", 8, "fever")], "tokens read from column 2, tags from column 10 of 10"),
        ("conll-suffix-scheme", [("problem", 0, "fever high")], "tags spelt x-B"),
        ("conll-underscore", [("problem", 0, "fever")], "tags spelt B_x"),
        ("conll-empty-label", [("entity", 0, "fever")], "tags without a label, read as 'entity'"),
        ("conll-multi-tag", [("problem", 0, "fever")], ""),
        ("conll-no-space-text", [("route", 11, "iv")], ""),
    ],
)
def test_other_columns_and_spellings_are_understood_and_told(case, mentions, told, tmp_path):
    found = read(case, tmp_path)
    assert all(found.mentions(split) == [mentions] for split in SPLITS)
    assert found.kinds == ({told: 3} if told else {})
    assert sum(found.ledger["splits"][split]["dropped"] for split in SPLITS) == 0


def test_two_tags_of_a_cell_are_two_mentions(tmp_path):
    found = read("conll-multi-tag", tmp_path)
    assert found.ledger["splits"]["test"]["nested"] == 1
    assert [span.label_ for span in found.docs["test"][0].spans["gold"]] == ["problem", "symptom"]


def test_a_column_is_chosen_by_option(tmp_path):
    found = read("conll-two-label-columns", tmp_path, "--tag-column", "2")
    assert found.mentions("test") == [[("drug", 6, "zorvex"), ("dose", 13, "20 mg")]]
    found = read("conll-header-row", tmp_path, "--tag-column", "label", "--token-column", "token")
    assert found.mentions("test") == SENTENCES and not found.kinds
    done = convert("brat-nbsp", tmp_path, "--tag-column", "2")
    assert_fails(done, "--token-column and --tag-column are for CoNLL text, but the notes are read as brat")


def test_sentences_of_spacy_are_read(tmp_path):
    found = read("conll-spacy-iob", tmp_path)
    assert found.mentions("test") == [[("problem", 8, "fever")], [("drug", 6, "zorvex")]]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("conll-2012-coref", ["dev.conll: no column of it holds IOB tags", "--tag-column"]),
        ("conll-json-in-tsv", ["The corpus is empty", "3 .tsv files (first dev.tsv)"]),
        ("conll-latin1", ["dev.tsv, line 2: not UTF-8", "iconv"]),
    ],
)
def test_what_is_no_file_of_tags_is_refused(case, said, tmp_path):
    assert_fails(convert(case, tmp_path), *said, without=tmp_path / "out")


@pytest.mark.parametrize("case", ["conll-2012-coref", "conll-json-in-tsv"])
def test_forced_to_read_it_as_conll_it_is_refused_as_well(case, tmp_path):
    assert_fails(convert(case, tmp_path, "--format", "conll"), "no column of it holds IOB tags")


def test_a_dev_part_is_cut_from_train_at_sentences(tmp_path):
    found = read("conll-train-and-test-only", tmp_path)
    sizes = {split: len(docs) for split, docs in found.docs.items()}
    assert sizes["test"] == 20 and sizes["train"] + sizes["dev"] == 100 and 5 <= sizes["dev"] <= 30
    assert all(name.startswith("train-") for split in ("train", "dev") for name in found.names(split))
    assert {doc.text for doc in found.all} == {"She has fever .\n", "Takes zorvex 20 mg .\n"}


def test_one_file_is_split_at_its_sentences_and_that_is_told(tmp_path):
    found = read("conll-onefile", tmp_path)
    sizes = {split: len(docs) for split, docs in found.docs.items()}
    assert sum(sizes.values()) == 100 and sizes["train"] > 50 and min(sizes.values()) > 5
    assert {doc.text for doc in found.all} == {"She has fever .\n", "Takes zorvex 20 mg .\n"}
    assert found.ledger["unit"] == "sentence" and "each sentence counts as one" in found.said
    assert "Converted 100 sentences" in found.said
