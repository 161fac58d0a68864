"""The `convert` command: the ledger's invariant, and bad input that ends in one sentence and no output."""

import json
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from scripts.convert.__main__ import main
from scripts.corpus.docs import GOLD
from scripts.corpus.split import SPLITS
from tests.commands import Done, assert_fails, run
from tests.helpers import open_corpus, zip_of
from tests.paths import ROOT

ASSETS = ROOT / "assets"

FATES = ("kept", "realigned", "nested", "duplicate", "dropped")
TEXT = "He has acute chest pain .\nGiven 10mg aspirin .\n"
ANN = "T1\tproblem 7 23\tacute chest pain\nT2\ttreatment 37 44\taspirin\n"


def convert(*arguments: str | Path) -> Done:
    return run(main, *arguments)


def write_pairs(folder: Path, ann: str = ANN, text: str = TEXT) -> Path:
    for split in ("train", "dev", "test"):
        (folder / split).mkdir(parents=True)
        (folder / split / f"{split}-1.txt").write_bytes(text.encode())
        (folder / split / f"{split}-1.ann").write_bytes(ann.encode())
    return folder


def check_invariant(ledger: dict) -> None:
    for split in ledger["splits"].values():
        for counts in (split, *split["labels"].values()):
            assert counts["read"] == sum(counts[fate] for fate in FATES)
        assert split["kept"] + split["realigned"] == split["entities"]
        for key in ("read", *FATES):
            assert split[key] == sum(counts[key] for counts in split["labels"].values())


def read_docs(path: Path) -> list:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


@pytest.mark.parametrize(
    ("corpus", "notes", "mentions"),
    [("sample", (220, 60), 23416), ("sample-medications", (40, 12), 4204)],
)
def test_the_sample_corpora_are_converted_whole(corpus, notes, mentions, tmp_path):
    done = convert(corpus, ASSETS, tmp_path / "out")
    assert done.code == 0, done.output
    ledger = json.loads((tmp_path / "out" / "conversion.json").read_text())
    check_invariant(ledger)
    splits = ledger["splits"]
    assert splits["train"]["notes"] + splits["dev"]["notes"] == notes[0]
    assert splits["test"]["notes"] == notes[1]
    assert sum(split["read"] for split in splits.values()) == mentions
    assert ledger["problems"] == [] and sum(split["dropped"] for split in splits.values()) == 0
    for name, split in splits.items():
        docs = read_docs(tmp_path / "out" / f"{name}.spacy")
        assert len(docs) == split["notes"] and sum(map(len, docs)) == split["tokens"]
        assert sum(len(doc.ents) for doc in docs) == split["entities"]
        assert sum(len(doc.spans[GOLD]) for doc in docs) == split["read"] - split["dropped"]


def test_no_annotation_of_the_sample_corpora_needs_realigning(tmp_path):
    for corpus in ("sample", "sample-medications"):
        assert convert(corpus, ASSETS, tmp_path / corpus).code == 0
        ledger = json.loads((tmp_path / corpus / "conversion.json").read_text())
        assert sum(split["realigned"] for split in ledger["splits"].values()) == 0


def test_every_kind_of_fate_is_counted(tmp_path):
    ann = (
        "T1\tproblem 7 23\tacute chest pain\n"  # kept
        "T2\tproblem 7 23\tacute chest pain\n"  # duplicate
        "T3\tproblem 13 18\tchest\n"  # nested
        "T4\ttreatment 37 42\taspir\n"  # realigned
        "T5\ttest 900 904\tnone\n"  # dropped
        "T6 problem 1 2 He\n"  # dropped, of no label
    )
    source = write_pairs(tmp_path / "in", ann)
    done = convert("mine", source, tmp_path / "out", "--max-dropped", "50")
    assert done.code == 0, done.output
    ledger = json.loads((tmp_path / "out" / "conversion.json").read_text())
    check_invariant(ledger)
    train = ledger["splits"]["train"]
    assert [train[fate] for fate in FATES] == [1, 1, 1, 1, 2] and train["read"] == 6
    assert train["labels"]["(unreadable)"]["dropped"] == 1 and train["labels"]["test"]["dropped"] == 1
    found = Counter((problem["note"], problem["line"]) for problem in ledger["problems"])
    assert found["train-1", 5] == found["train-1", 6] == 1 and len(ledger["problems"]) == 6


def test_neither_the_ledger_nor_the_printed_lines_hold_note_text(tmp_path):
    ann = "T1\tproblem 7 23\tZanzibarfever\nT2\tproblem 7 12\tacute\nT3 Quillwort\n"
    done = convert(
        "mine", write_pairs(tmp_path / "in", ann), tmp_path / "out", "--format", "brat", "--max-dropped", "90"
    )
    assert done.code == 0
    said = done.output + (tmp_path / "out" / "conversion.json").read_text()
    assert not {"zanzibarfever", "quillwort", "aspirin", "acute"} & set(re.findall(r"\w+", said.lower()))


def test_files_that_no_note_came_from_are_counted(tmp_path):
    source = write_pairs(tmp_path / "in")
    (source / "licence.pdf").write_bytes(b"x")
    (source / "README.txt").write_text("About the notes.")
    assert convert("mine", source, tmp_path / "out").code == 0
    ledger = json.loads((tmp_path / "out" / "conversion.json").read_text())
    assert ledger["files"] == 8 and ledger["unused_files"] == {".pdf": 1, ".txt": 1}


@pytest.mark.parametrize(
    ("folder", "said"),
    [("notes", "state no part, so all are divided 70/15/15"), ("train", "state only train parts, no test part")],
)
def test_parts_that_no_name_states_are_told(folder, said, tmp_path):
    source = tmp_path / "source" / folder
    source.mkdir(parents=True)
    for number in range(9):
        (source / f"n{number}.txt").write_text(f"{number} {TEXT}")
        (source / f"n{number}.ann").write_text("T1\tproblem 15 25\tchest pain\n")
    assert said in " ".join(convert("mine", source.parent, tmp_path / "out").output.split())
    assert "70/15/15" not in convert("mine", write_pairs(tmp_path / "in"), tmp_path / "out2").output


def test_files_left_out_are_reported(tmp_path):
    source = write_pairs(tmp_path / "in")
    (source / "alone").mkdir()
    (source / "alone" / "n2.txt").write_text(TEXT)
    assert "1 .txt files are no part of a note" in convert("mine", source, tmp_path / "out").output


def test_a_note_of_more_than_a_million_characters_is_converted(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / "in" / split).mkdir(parents=True)
        (tmp_path / "in" / split / "notes.conll").write_text("pain\tB-problem\n\n")
    (tmp_path / "in" / "train" / "notes.conll").write_text("pain\tB-problem\n\n" * 210_000)
    assert convert("mine", tmp_path / "in", tmp_path / "out").code == 0
    ledger = json.loads((tmp_path / "out" / "conversion.json").read_text())
    assert ledger["splits"]["train"]["kept"] == 210_000


def test_two_notes_of_one_name_in_one_file_are_reported(tmp_path):
    (tmp_path / "a.conll").write_text("-DOCSTART- (n1)\tO\n\npain\tO\n\n-DOCSTART- (n1)\tO\n\npain\tO\n")
    assert_fails(convert("mine", tmp_path, tmp_path / "out"), "both hold a note", "a.conll")


def test_text_is_kept_character_for_character(tmp_path):
    text = "\ufeffHe has\r\n\tacute  chest\u00a0pain .\x0c\r\n"
    source = write_pairs(tmp_path / "in", f"T1\tproblem 11 28\t{text[11:28]}\n".replace("\r\n", " "), text)
    assert convert("mine", source, tmp_path / "out", "--max-dropped", "100").code == 0
    assert [doc.text for doc in read_docs(tmp_path / "out" / "train.spacy")] == [text]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T3\tproblem malformed", "malformed line"),
        ("T3\tproblem 900 904\tpain", "offset beyond the text"),
        ("T3\tproblem 7 12\tsomething else", "quote does not match its offsets"),
    ],
)
def test_more_than_one_per_cent_dropped_fails_and_names_file_and_line(line, said, tmp_path):
    source = write_pairs(tmp_path / "in", ANN + line + "\n")
    assert_fails(convert("mine", source, tmp_path / "out"), said, "dev-1.ann, line 3", without=tmp_path / "out")


def test_an_unknown_label_in_a_known_corpus_is_named(tmp_path):
    folder = tmp_path / "assets" / "sample" / "medications" / "test"
    folder.mkdir(parents=True)
    (folder / "1.txt").write_text(TEXT)
    (folder / "1.ann").write_text("T1\tDrug 37 44\taspirin\nT2\tproblem 7 23\tacute chest pain\n")
    for n in range(60):
        train = tmp_path / "assets" / "sample" / "medications" / "train"
        train.mkdir(exist_ok=True)
        (train / f"{n}.txt").write_text("Nothing .")
        (train / f"{n}.ann").write_text("")
    done = convert("sample-medications", tmp_path / "assets", tmp_path / "out")
    assert_fails(done, "unknown label", "test/1.ann, line 2", without=tmp_path / "out")


def test_a_missing_partner_is_named(tmp_path):
    source = write_pairs(tmp_path / "in")
    (source / "train" / "train-2.ann").write_text(ANN)
    assert_fails(
        convert("mine", source, tmp_path / "out"),
        "train/train-2.ann has no text file",
        without=tmp_path / "out",
    )
    assert convert("mine", source, tmp_path / "out", "--skip-unpaired").code == 0


def test_a_text_that_is_not_utf8_is_named_with_its_line(tmp_path):
    source = write_pairs(tmp_path / "in")
    (source / "train" / "train-1.txt").write_bytes(b"fine\ncaf\xe9\n")
    assert_fails(
        convert("mine", source, tmp_path / "out"),
        "train/train-1.txt, line 2: not UTF-8",
        without=tmp_path / "out",
    )


def test_an_empty_corpus_is_reported(tmp_path):
    (tmp_path / "in").mkdir()
    assert_fails(convert("mine", tmp_path / "in", tmp_path / "out"), "corpus is empty", without=tmp_path / "out")


def test_a_source_that_is_not_there_is_reported(tmp_path):
    assert_fails(convert("mine", tmp_path / "in", tmp_path / "out"), "does not exist", without=tmp_path / "out")


def test_an_archive_cut_short_is_reported(tmp_path):
    subprocess.run(["tar", "czf", tmp_path / "a.tgz", "-C", write_pairs(tmp_path / "in"), "."], check=True)
    whole = (tmp_path / "a.tgz").read_bytes()
    (tmp_path / "a.tgz").write_bytes(whole[: len(whole) // 2])
    assert_fails(convert("mine", tmp_path / "a.tgz", tmp_path / "out"), "a.tgz is damaged", without=tmp_path / "out")


def test_a_split_without_notes_is_reported(tmp_path):
    (tmp_path / "in" / "test").mkdir(parents=True)
    (tmp_path / "in" / "test" / "1.txt").write_text(TEXT)
    (tmp_path / "in" / "test" / "1.ann").write_text(ANN)
    assert_fails(convert("mine", tmp_path / "in", tmp_path / "out"), "part is without notes", without=tmp_path / "out")


def test_a_missing_archive_of_a_known_corpus_is_reported(tmp_path):
    done = convert("i2b2-2011", tmp_path, tmp_path / "out")
    assert_fails(done, "has no i2b2_Beth_Train_Release", without=tmp_path / "out")


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", ".hidden", "-x", "a$b", 'a"b', "a\nb", "a\x1b[0m", ""])
def test_a_name_that_leads_out_of_the_folders_or_that_weasel_cannot_take_is_refused(name, tmp_path):
    done = convert("--", name, ASSETS, tmp_path / "out")
    assert "\x1b[0m'" not in done.output
    assert_fails(done, "cannot name a corpus", "--vars.source", without=tmp_path / "out")


def test_a_full_disk_ends_in_a_sentence_and_keeps_what_was_there(tmp_path):
    source, output = write_pairs(tmp_path / "in", text=TEXT * 3000), tmp_path / "out"
    output.mkdir()
    (output / "conversion.json").write_text("{}")

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    command = [sys.executable, "-m", "scripts.convert", "mine", source, output]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=no_room)
    assert_fails(Done(done.returncode, done.stdout + done.stderr), "File too large")
    assert [path.name for path in output.iterdir()] == ["conversion.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize(
    ("corpus", "read", "discontinuous", "problems"),
    [("maccrobat", 25189, 44, 0), ("chia", 48870, 1822, 19)],
)
def test_the_open_brat_corpora_are_accounted_for(corpus, read, discontinuous, problems, tmp_path):
    done = convert(corpus, open_corpus(corpus), tmp_path / "out")
    assert done.code == 0, done.output
    ledger = json.loads((tmp_path / "out" / "conversion.json").read_text())
    check_invariant(ledger)
    assert sum(split["read"] for split in ledger["splits"].values()) == read
    assert sum(split["discontinuous"] for split in ledger["splits"].values()) == discontinuous
    assert len(ledger["problems"]) == problems


def test_names_with_control_characters_are_escaped_in_messages_and_the_ledger(tmp_path):
    hostile = "x\x1b]0;owned\x07\n"
    folder = write_pairs(tmp_path / "brat", ann=f"{ANN}T3\tproblem 1 900\tpain\n")
    for path in list(folder.rglob("*-1.*")):
        path.rename(path.with_name(f"{path.stem}{hostile}{path.suffix}"))
    done = convert("mine", folder, tmp_path / "out", "--max-dropped", "100")
    ledger = (tmp_path / "out" / "conversion.json").read_text(encoding="utf8")
    assert done.code == 0 and "x\\x1b]0;owned\\x07\\n" in done.output, done.output
    assert json.loads(ledger)["problems"][0]["file"].endswith("-1x\\x1b]0;owned\\x07\\n.ann")
    (folder / "train" / f"orphan{hostile}.ann").write_text(ANN)
    orphan = convert("mine", folder, tmp_path / "other")
    assert_fails(orphan, "orphanx\\x1b]0;owned", without=tmp_path / "other")
    for printed in (done.output, orphan.output):
        assert not re.search(r"\x1b(?!\[[0-9;]*m)", printed) and "\x07" not in printed


def test_labels_are_chosen_where_a_format_has_several(tmp_path):
    tag = '<NAME id="P0" start="4" end="9" text="Quill" TYPE="PATIENT" comment="" />'
    for split in SPLITS:
        (tmp_path / "in" / split).mkdir(parents=True)
        content = f"<deIdi2b2><TEXT>Ms. Quill, {split}</TEXT><TAGS>{tag}</TAGS></deIdi2b2>"
        (tmp_path / "in" / split / f"{split}-01.xml").write_text(content)
    for options, label in (((), "PATIENT"), (("--labels", "type"), "PATIENT"), (("--labels", "group"), "NAME")):
        done = convert("mine", tmp_path / "in", tmp_path / "out", *options)
        assert done.code == 0, done.output
        assert [ent.label_ for doc in read_docs(tmp_path / "out" / "test.spacy") for ent in doc.ents] == [label]
    for format, label in (("i2b2-2014", "fine"), ("conll", "group")):
        done = convert("mine", tmp_path / "in", tmp_path / "no", "--format", format, "--labels", label)
        assert_fails(done, f"--labels {label} cannot be chosen for {format}", without=tmp_path / "no")


def test_concepts_and_attributes_are_in_the_docs(tmp_path):
    for split in SPLITS:
        write = {"text": f"{split} fever", "ents": [{"start": len(split) + 1, "end": len(split) + 6, "label": "x"}]}
        write["ents"][0] |= {"kb_id": "C1", "attributes": [["Action", "Start"]]}
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{split}.jsonl").write_text(json.dumps(write))
    assert convert("mine", tmp_path / "in", tmp_path / "out").code == 0
    [doc] = read_docs(tmp_path / "out" / "train.spacy")
    assert doc.ents[0].kb_id_ == doc.spans[GOLD][0].kb_id_ == "C1"
    assert doc.spans[GOLD].attrs["attributes"] == [[["Action", "Start"]]]


def test_an_archive_that_unpacks_to_too_much_is_named_and_what_no_format_takes_is_left_alone(tmp_path):
    write_pairs(tmp_path / "brat")
    members = {str(path.relative_to(tmp_path)): path.read_bytes() for path in (tmp_path / "brat").rglob("*.*")}
    source = tmp_path / "n.zip"
    source.write_bytes(zip_of({**members, "scan.pdf": bytes(3_000_000)}))
    done = convert("mine", source, tmp_path / "out", "--max-unpacked", "1")
    assert done.code == 0 and "1 .pdf files are no part of a note" in done.output
    source.write_bytes(zip_of({**members, "brat/big.txt": bytes(3_000_000)}))
    done = convert("mine", source, tmp_path / "other", "--max-unpacked", "1")
    assert_fails(done, "n.zip/brat/big.txt unpacks to 3,000", "raise --max-unpacked", without=tmp_path / "other")
