"""The loop of review: notes are chosen, corrected in brat, asked no second time, and read as a corpus."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

from scripts.convert.__main__ import main as convert
from scripts.corpus.docs import create_nlp
from scripts.review.__main__ import main
from tests.commands import Done, assert_fails, run
from tests.helpers import write_files

PATTERNS = [{"label": "problem", "pattern": word} for word in ("pain", "fever", "cough")]
CONFIDENCES = {"pain": 0.9375, "fever": 0.25, "cough": 0.625}


class Doubts:
    """Is less sure of some words than of others; fails for one."""

    def __init__(self, nlp: Language, name: str, calibrated: bool) -> None:
        self.cfg = {"calibration": [1.0, 0.0] if calibrated else None}

    def __call__(self, doc: Doc) -> Doc:
        if "quillwort" in doc.text:
            raise ValueError(f"Cannot do: {doc.text}")
        for ent in doc.ents:
            ent._.confidence = CONFIDENCES.get(ent.text)
        return doc


Language.factory("medner_test_doubts", func=Doubts, assigns=["span._.confidence"], default_config={"calibrated": True})


def save_pipeline(path: Path, calibrated: bool = True) -> Path:
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)
    nlp.add_pipe("medner_test_doubts", config={"calibrated": calibrated})
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"))


NOTES = {
    "ward/sure": "No pain today , no pain since Monday either .",
    "ward/doubt": "She has fever and pain .",
    "ward/copy": "She has fever and pain !",
    "some": "Some cough in the morning , else well all day long .",
    "more": "He says cough , cough at night and pain after meals .",
    "nothing": "Fine .",
    "fails": "quillwort fever .",
}


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    return write_files(tmp_path / "pile", {f"{name}.txt": text for name, text in NOTES.items()})


def review(*arguments: str | Path | int) -> Done:
    return run(main, *map(str, arguments))


def said(done: Done) -> str:
    assert done.code == 0, done.output
    return " ".join(done.output.split())


def ledger(folder: Path) -> list[dict]:
    return list(srsly.read_jsonl(folder / "review.jsonl"))


def correct(folder: Path, *names: str) -> None:
    """Take the marks away, as a person does in brat."""
    for name in names:
        path = folder / f"{name}.ann"
        lines = path.read_text(encoding="utf8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "\tToReview " not in line), encoding="utf8")


def test_the_notes_of_most_doubt_are_written_with_their_doubtful_mentions_marked(model, pile, tmp_path):
    out = tmp_path / "out"
    shown = said(review(model, pile, out, "--notes", 2))
    assert "Read 7 notes: 0 asked before, 1 failed, 1 without doubt, 1 near copies passed over" in shown
    assert "0 notes are reviewed, 2 open" in shown and "2 of their mentions are expected to be wrong" in shown
    assert {path.stem for path in out.rglob("*.txt")} == {"copy", "more"}  # of the two copies the first by name
    assert (out / "ward/copy.txt").read_text(encoding="utf8") == NOTES["ward/copy"]
    assert (out / "ward/copy.ann").read_text(encoding="utf8") == (
        "T1\tproblem 8 13\tfever\nA3\tToReview T1\n#1\tAnnotatorNotes T1\tconfidence 0.250\n"
        "T2\tproblem 18 22\tpain\n#2\tAnnotatorNotes T2\tconfidence 0.938\n"
    )
    # None is more likely wrong than right, so that the least sure one is marked.
    assert (out / "more.ann").read_text(encoding="utf8").count("ToReview") == 1
    assert "ToReview\tArg:<ENTITY>" in (out / "annotation.conf").read_text(encoding="utf8")
    rows = {line["id"]: line for line in ledger(out)}
    assert set(rows) == {"ward/copy", "more"}
    assert (rows["ward/copy"]["file"], rows["ward/copy"]["errors"]) == ("ward/copy.ann", 0.812)
    told = shown + json.dumps(list(rows.values()))
    assert not any(word in told for word in ("fever", "pain", "cough", "morning"))


def test_a_person_stops_and_goes_on_and_nothing_is_asked_twice(model, pile, tmp_path):
    out = tmp_path / "out"
    said(review(model, pile, out, "--notes", 2))
    assert "0 notes in" in (shown := said(review(model, pile, out, "--notes", 2))) and "2 are open" in shown
    correct(out, "ward/copy")
    shown = said(review(model, pile, out, "--notes", 2))
    assert "2 asked before" in shown and "1 notes are reviewed, 2 open" in shown
    assert [line["id"] for line in ledger(out)][2:] == ["some"]
    # A note that is thrown away is not asked again, and copies of what is reviewed are not either.
    correct(out, "more")
    for suffix in (".txt", ".ann"):
        (out / f"some{suffix}").unlink()
    shown = said(review(model, pile, out, "--notes", 2))
    assert "3 asked before" in shown and "1 without doubt, 1 near copies" in shown
    assert [line["id"] for line in ledger(out)][3:] == ["ward/sure"]
    correct(out, "ward/sure")
    assert_fails(review(model, pile, out, "--notes", 2), "No note is left to be reviewed")


def test_notes_that_are_not_reviewed_are_no_part_of_the_corpus(model, tmp_path):
    notes = {f"n{i}.txt": f"Note {i} on day {i} of week {i} : fever and {i} pills ." for i in range(40)}
    pile, out = write_files(tmp_path / "pile", notes), tmp_path / "out"
    said(review(model, pile, out, "--notes", 40))
    done = run(convert, "mine", out, tmp_path / "mine")
    assert_fails(done, "None of the 40 notes is reviewed", "ToReview", without=tmp_path / "mine")
    correct(out, *(name.removesuffix(".txt") for name in sorted(notes)[1:]))
    shown = said(run(convert, "mine", out, tmp_path / "mine", "--max-dropped", "0"))
    assert "1 notes are left out, for they have mentions marked ToReview" in shown and "Converted 39 notes" in shown
    conversion = json.loads((tmp_path / "mine/conversion.json").read_text())
    assert conversion["unreviewed"] == 1
    assert sum(each["notes"] for each in conversion["splits"].values()) == 39
    assert sum(each["kept"] for each in conversion["splits"].values()) == 39


def test_a_run_that_was_killed_at_any_step_goes_on(model, pile, tmp_path):
    out = tmp_path / "out"
    said(review(model, pile, out, "--notes", 1))
    path = out / "review.jsonl"
    path.write_bytes(path.read_bytes()[:-5])  # in the middle of its line
    correct(out, "ward/copy")
    write_files(out, {"orphan.ann": "T1\tproblem 0 4\tpain\nA1\tToReview T1\n"})  # before its text was there
    shown = said(review(model, pile, out, "--notes", 1))
    assert "1 asked before" in shown and [line["id"] for line in ledger(out)] == ["more"]
    assert "1 notes are reviewed, 1 open" in shown and not (out / "orphan.ann").exists()


def test_the_last_line_of_a_ledger_may_lack_its_end(model, pile, tmp_path):
    out = tmp_path / "out"
    said(review(model, pile, out, "--notes", 1))
    path = out / "review.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    said(review(model, pile, out, "--notes", 2))
    assert [line["id"] for line in ledger(out)] == ["ward/copy", "more"]


def test_another_pile_may_have_the_same_ids(model, tmp_path):
    out, words = tmp_path / "out", ("one", "two")
    for i, word in enumerate(words):
        pile = write_files(tmp_path / word, {"n.txt": f"On day {word} of week {word} {word} : fever ."})
        said(review(model, pile, out, "--notes", i + 1))
    assert [line["id"] for line in ledger(out)] == ["n", "n"]
    files = [line["file"] for line in ledger(out)]
    assert files[0] == "n.ann" and files[1].startswith("n-")
    texts = [(out / file).with_suffix(".txt").read_text(encoding="utf8") for file in files]
    assert ["one" in text for text in texts] == [True, False]
    moved = write_files(tmp_path / "moved", {"elsewhere.txt": texts[1]})
    assert_fails(review(model, moved, out, "--notes", 3), "No note is left")


def test_what_a_person_adds_to_the_config_stays(model, pile, tmp_path):
    out = tmp_path / "out"
    said(review(model, pile, out, "--notes", 1))
    path = out / "annotation.conf"
    changed = path.read_text(encoding="utf8").replace("[entities]\nproblem\n", "[entities]\ndevice\n")
    path.write_text(changed, encoding="utf8")
    shown = said(review(model, pile, out, "--notes", 2))
    assert path.read_text(encoding="utf8") == changed
    assert "lacks what this pipeline gives: problem" in shown


def test_notes_that_cannot_be_written_or_rated_are_told(model, pile, tmp_path):
    nlp = spacy.load(model)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "gap", "pattern": [{"TEXT": "\n\n"}]}])
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "rule", "pattern": "quiet"}])
    nlp.to_disk(tmp_path / "model")
    write_files(pile, {"gap.txt": "fever\n\nfever", "rule.txt": "quiet ."})
    out = tmp_path / "out"
    shown = said(review(tmp_path / "model", pile, out, "--notes", 2))
    assert "1 x it cannot be written (ValueError), in gap.txt" in shown
    assert "1 x the pipeline failed (ValueError), in fails.txt" in shown
    assert "1 notes are passed over, for none of their mentions has a confidence" in shown
    assert "Wrote 1 notes" in shown and not list(out.glob("gap*"))


def test_two_runs_cannot_write_at_once(model, pile, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX);"
        " print('held', flush=True); sys.stdin.read()"
    )
    command, pipe = [sys.executable, "-c", hold, str(out / ".lock")], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert_fails(review(model, pile, out), "is being written to by another run")
        holder.kill()


def test_tables_can_be_reviewed(model, tmp_path):
    table = tmp_path / "in.csv"
    table.write_text("key,note\n7,She has fever .\n8,She has cough and fever and more .\n", encoding="utf8")
    options = ("--text-column", "note", "--id-column", "key", "--n-process", "2")
    said(review(model, table, tmp_path / "out", "--notes", 1, *options))
    assert [line["id"] for line in ledger(tmp_path / "out")] == ["7"]


def test_bad_input_is_reported(model, pile, tmp_path):
    assert_fails(review(model, pile, pile / "out"), "lies in", "name a folder elsewhere", without=pile / "out")
    assert_fails(review(model, tmp_path / "none", tmp_path / "out"), "does not exist", without=tmp_path / "out")
    other = write_files(tmp_path / "other", {"x.txt": "mine"})
    assert_fails(review(model, pile, other), "holds something else")
    assert_fails(review(model, pile, other / "x.txt"), "is a file")
    plain = save_pipeline(tmp_path / "plain", calibrated=False)
    done = review(plain, pile, tmp_path / "out")
    assert_fails(done, "gives no confidence", "review with another one", without=tmp_path / "out")
    write_files(tmp_path / "damaged", {"review.jsonl": "[1]\n{}\n"})
    assert_fails(review(model, pile, tmp_path / "damaged"), "review.jsonl is damaged")
    sure = write_files(tmp_path / "fine", {"a.txt": "Fine ."})
    done = review(model, sure, tmp_path / "out")
    assert_fails(done, "No note is left to be reviewed")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
