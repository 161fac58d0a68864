"""Corpora with gaps, whole ways through: parts without mentions or text, labels that train lacks, one note a part."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from scripts.compare.__main__ import main as compare
from scripts.convert.__main__ import main as convert
from scripts.corpus.pipelines import load_pipeline
from scripts.evaluate.__main__ import main as evaluate
from scripts.package.__main__ import main as package
from scripts.runtime.shim import encoder_shim
from scripts.train.__main__ import main as train
from tests import encoders
from tests.commands import Done, assert_fails, run
from tests.paths import ROOT

TEXT = "Reason : chest pain .\nPlan : start aspirin 81 mg and hold lisinopril .\n" * 3
MENTIONS = {"Drug": "aspirin", "Problem": "chest pain"}
DRUG, BOTH = ["Drug"], ["Drug", "Problem"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    encoders.build_bert(TEXT.splitlines() * 9, folder)
    return folder


class Gaps:
    """A corpus of three notes a part, and the commands on it."""

    def __init__(self, folder: Path, encoder: Path) -> None:
        self.folder, self.encoder = folder, encoder
        self.corpus, self.model = folder / "corpus", folder / "training/bert"

    def write(self, split: str, labels: Sequence[str], text: str = TEXT, notes: int = 3) -> None:
        """A part whose notes each have one mention of each label."""
        folder = self.folder / "in" / split
        folder.mkdir(parents=True)
        for number in range(notes):
            (folder / f"{split}-{number}.txt").write_text(text, encoding="utf8")
            lines = [
                f"T{i}\t{label} {text.index(words)} {text.index(words) + len(words)}\t{words}\n"
                for i, (label, words) in enumerate(MENTIONS.items(), start=1) if label in labels
            ]  # fmt: skip
            (folder / f"{split}-{number}.ann").write_text("".join(lines), encoding="utf8")

    def convert(self) -> str:
        return said(run(convert, "ward", self.folder / "in", self.corpus))

    def train(self, epochs: int = 10) -> Done:
        config = ROOT / "configs/bert.cfg"
        return run(train, config, self.encoder, self.corpus, self.model, "--epochs", str(epochs))

    def finish(self) -> str:
        """Evaluate, and compare with itself: what both say."""
        results = self.folder / "metrics/bert"
        shown = said(run(evaluate, self.model / "model-best", self.corpus, results))
        metrics = json.loads(results.with_suffix(".json").read_text())
        other = results.with_name("other.json")
        other.write_text(json.dumps({**metrics, "model": "other"}))
        other.with_suffix(".spacy").write_bytes(results.with_suffix(".spacy").read_bytes())
        options = ("--corpus", self.corpus, "--training", self.folder / "training", "--show-text")
        return shown + said(run(compare, results.parent, results.with_suffix(".json"), other, *options))

    def package(self) -> str:
        results, options = self.folder / "metrics/bert.json", ("--name", "medner_bert", "--version", "1.0")
        return said(run(package, self.model / "model-best", results, self.corpus, self.folder, *options))

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf8")


def said(done: Done) -> str:
    """All that a command printed, on one line; it went well."""
    assert done.code == 0 and "Traceback" not in done.output, done.output
    return " ".join(done.output.split())


@pytest.fixture
def gaps(tmp_path: Path, encoder: Path) -> Gaps:
    return Gaps(tmp_path, encoder)


@pytest.mark.parametrize("text", [TEXT, " \n\t\n", ""], ids=["notes", "blanks", "nothing"])
@pytest.mark.parametrize("labels", [DRUG, []], ids=["elsewhere", "nowhere"])
def test_without_mentions_in_train_there_is_nothing_to_train(text, labels, gaps):
    gaps.write("train", [], text)
    gaps.write("dev", labels)
    gaps.write("test", labels)
    shown = gaps.convert()
    assert "None of the 3 train notes has a mention" in shown
    assert ("No train note has a mention of Drug, but dev has 3 and test 3" in shown) == bool(labels)
    assert ("None of the 3 dev notes has a mention" in shown) != bool(labels)
    assert ("3 of 3 train notes have no text but blanks" in shown) == (text != TEXT)
    assert_fails(gaps.train(), "train.spacy has no mention to learn from", without=gaps.model)


@pytest.mark.parametrize(
    ("labels", "text"),
    [([], TEXT), ([], ""), (["Problem"], TEXT)],
    ids=["no mention", "no text", "only a label that train lacks"],
)
def test_without_dev_mentions_to_choose_by_the_last_epoch_is_kept(labels, text, gaps):
    gaps.write("train", DRUG)
    gaps.write("dev", labels, text)
    gaps.write("test", DRUG)
    gaps.convert()
    shown = said(gaps.train(epochs=3))
    assert "dev notes have no mention that could be found, so the last epoch is taken for the best" in shown
    best, last = (weights(gaps.model / name) for name in ("model-best", "model-last"))
    assert best.keys() == last.keys() and all(torch.equal(best[name], last[name]) for name in best)


def weights(model: Path) -> dict[str, torch.Tensor]:
    transformer = load_pipeline(model).get_pipe("transformer")
    return dict(encoder_shim(transformer.model).encoder.state_dict())  # type: ignore[attr-defined]


def test_a_label_that_train_lacks_is_reported_with_its_mentions(gaps):
    gaps.write("train", DRUG)
    gaps.write("dev", BOTH)
    gaps.write("test", BOTH)
    assert "No train note has a mention of Problem, but dev has 3 and test 3" in gaps.convert()
    shown = said(gaps.train())
    assert "No train note has a mention of Problem, but dev has 3: all of them will be missed" in shown
    assert "last epoch" not in shown
    assert "never saw the label Problem: all of its 3 mentions are missed" in gaps.finish()


@pytest.mark.parametrize("text", [TEXT, " \n", ""], ids=["notes", "blanks", "nothing"])
def test_scores_of_test_notes_without_mentions_are_undefined(text, gaps):
    gaps.write("train", DRUG)
    gaps.write("dev", DRUG)
    gaps.write("test", [], text)
    assert "None of the 3 test notes has a mention" in gaps.convert()
    said(gaps.train())
    shown = gaps.finish()
    assert "The test notes have no mention: recall and F1 are undefined" in shown
    assert "all 0.00 - - 0" in shown and "R - - F - -" in shown
    assert "Whether bert or other is better cannot be tested: the test notes have no mention" in shown
    for name in ("metrics/report.html", "metrics/comparison.md"):
        assert "The test notes have no mention: recall and F1 are undefined" in gaps.read(name)


def test_one_note_a_part_is_enough(gaps):
    for split in ("train", "dev", "test"):
        gaps.write(split, DRUG, notes=1)
    assert "mention" not in gaps.convert()
    shown = said(gaps.train())
    assert not [word for word in ("has a mention", "have no mention", "No train note", "last epoch") if word in shown]
    assert "undefined" not in gaps.finish()
    assert "Packaged" in gaps.package()
