"""Our training is spaCy's, to the bit, and so is one that is stopped and goes on, with whatever a config sets."""

import shutil
from pathlib import Path

import pytest
import srsly
from spacy.language import Language
from spacy.training.loop import train as train_by_spacy

from scripts.cli import InputError
from scripts.corpus.pipelines import reset_strings
from scripts.train.checkpoint import bind
from scripts.train.epochs import Epochs
from scripts.train.loop import train
from tests.trainings import contents, initialized, prepare, stopping, write_config

BATCHES = 8  # an epoch
SETTINGS = {"seed": 42}
RATE = {"@schedules": "warmup_linear.v1", "warmup_steps": 1, "total_steps": 1, "initial_rate": 0.00001}
ADAM = {"@optimizers": "Adam.v1", "learn_rate": RATE, "grad_clip": 0.5, "use_averages": True}
RADAM = {"@optimizers": "RAdam.v1", "learn_rate": RATE, "use_averages": False}
WORDS = {"@batchers": "spacy.batch_by_words.v1", "size": {"@schedules": "compounding.v1", "start": 60, "stop": 90,
         "compound": 1.02}, "discard_oversize": False, "tolerance": 0.2, "get_length": None}  # fmt: skip
PARTS = {"training.accumulate_gradient": 3, "training.dropout": 0.5}
SCORES = ("ents_f", "ents_p", "ents_r", "assertion_f", "assertion_p", "assertion_r")
# Without a score that counts it is never better than at the start.
PATIENCE = {"training.patience": 20, **{f"training.score_weights.{score}": None for score in SCORES}}
CONFIGS = {
    "ours": {},
    "averages": {"training.optimizer": ADAM},
    "batches that grow": {"training.batcher": WORDS},
    "radam, gradients of parts, patience": {"training.optimizer": RADAM, **PARTS, **PATIENCE},
    "frozen": {"training.frozen_components": ["transformer"], "training.annotating_components": ["transformer"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("training"))


def make(folder: Path, kind: str, path: Path) -> Language:
    """The pipeline of a config, initialized; a frozen transformer is a pipeline's that was saved."""
    changes = dict(CONFIGS[kind])
    if kind == "frozen":
        write_config(folder / "config.cfg", {})
        initialized(folder, path).to_disk(path.with_name("source"))
        changes["components.transformer"] = {"source": str(path.with_name("source")), "model": {"name": ""}}
    write_config(folder / "config.cfg", changes)
    return initialized(folder, path)


def train_spacys(nlp: Language, path: Path) -> None:
    train_by_spacy(nlp, path)
    for pipeline in ("model-best", "model-last"):
        reset_strings(path / pipeline)


def train_ours(nlp: Language, path: Path) -> None:
    path.with_name("work").mkdir(exist_ok=True)
    train(nlp, path, path.with_name("work"), bind(path.with_name("work"), SETTINGS, "this machine"), -1)


def results(folder: Path, kind: str) -> dict[str, str]:
    """The files of a training; a transformer that was loaded holds the name of a temporary file."""
    return {path: digest for path, digest in contents(folder).items()
            if kind != "frozen" or not path.endswith("transformer/model")}  # fmt: skip


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_training_that_was_stopped_is_spacys_to_the_bit(kind, folder, tmp_path, monkeypatch, capsys):
    output = tmp_path / "output"
    train_spacys(make(folder, kind, output), output)
    expected = results(output, kind)
    output.rename(tmp_path / "spacys")
    for step in (BATCHES + 3, 2 * BATCHES + 2):  # in the second epoch, and in the third
        nlp = make(folder, kind, output)
        with stopping(monkeypatch, step):
            train_ours(nlp, output)
        (output / "log.jsonl").unlink()
    train_ours(make(folder, kind, output), output)
    shown = capsys.readouterr().out
    assert [shown.count(f"Going on after {words}") for words in ("1 finished", "2 finished")] == [1, 1]
    assert results(output, kind) == expected
    assert {"model-best/ner/model", "model-last/ner/model"} <= expected.keys()
    assert len(list(srsly.read_jsonl(output / "log.jsonl"))) == 4 - ("patience" in kind)


def test_a_training_that_nobody_stops_is_spacys_to_the_bit(folder, tmp_path):
    output = tmp_path / "output"
    train_spacys(make(folder, "ours", output), output)
    expected = contents(output)
    output.rename(tmp_path / "spacys")
    train_ours(make(folder, "ours", output), output)
    assert contents(output) == expected


def test_what_is_kept_while_it_trains_holds_no_word_of_the_notes(folder, tmp_path, monkeypatch):
    output = tmp_path / "output"
    nlp = make(folder, "ours", output)
    with stopping(monkeypatch, BATCHES + 3):
        train_ours(nlp, output)
    kept = [tmp_path / "work/checkpoint.safetensors", *(tmp_path / "work").glob("best-*/vocab/strings.json")]
    assert len(kept) > 1 and not any(b"aspirin" in path.read_bytes() for path in kept)


def test_batches_that_cannot_be_made_again_are_told(folder, tmp_path, monkeypatch):
    output = tmp_path / "output"
    nlp = make(folder, "ours", output)
    with stopping(monkeypatch, BATCHES):
        train_ours(nlp, output)
    write_config(folder / "config.cfg", {"training.batcher.size": 50})
    with pytest.raises(InputError, match="does not make the same batches again: remove that folder"):
        train_ours(initialized(folder, output), output)


def test_what_a_logger_is_given_counts_what_was_done_before(folder, tmp_path, monkeypatch):
    output, given = tmp_path / "output", []
    follow = Epochs.follow

    def noted(epochs: Epochs, info: dict) -> bool:
        is_new = follow(epochs, info)
        given.append((info["step"], info["words"], info["score"], dict(info["losses"])))
        return is_new

    monkeypatch.setattr(Epochs, "follow", noted)
    train_ours(make(folder, "ours", output), output)
    undisturbed = list(given)
    for path in (output, tmp_path / "work"):
        shutil.rmtree(path)
    nlp = make(folder, "ours", output)
    with stopping(monkeypatch, 2 * BATCHES + 3):
        train_ours(nlp, output)
    given.clear()
    (output / "log.jsonl").unlink()
    train_ours(make(folder, "ours", output), output)
    assert given[2 * BATCHES :] == undisturbed[2 * BATCHES :]  # each update that is done
    assert [row for row in given if row[2] is not None] == [row for row in undisturbed if row[2] is not None]
