"""What a trained pipeline states about the notes that it learnt from, and how a training goes on."""

import hashlib
import shutil
from contextlib import nullcontext

import pytest
import srsly

from scripts.corpus.pipelines import add_sources
from scripts.encoders import ADAPTED, UNLABELLED
from scripts.train.__main__ import check_paths, list_sources, main
from tests.commands import Done, assert_fails, run
from tests.paths import ROOT
from tests.power import Disk, PowerCut
from tests.trainings import contents, prepare, stopping, write_notes

TERMS = {"corpus": "ward", "licence": "the terms of ward", "open": False}


def test_a_pipeline_states_its_notes_their_terms_and_that_its_encoder_was_adapted(tmp_path):
    (tmp_path / "encoder").mkdir()
    srsly.write_json(tmp_path / "meta.json", {"lang": "en"})
    srsly.write_json(tmp_path / "conversion.json", TERMS)
    (tmp_path / "train.spacy").write_bytes(b"notes")
    notes = {"name": "ward", "license": "the terms of ward", "open": "no",
             "sha256": hashlib.sha256(b"notes").hexdigest()}  # fmt: skip
    assert list_sources(tmp_path, str(tmp_path / "encoder")) == [notes]
    (tmp_path / "encoder" / ADAPTED).write_text("{}")
    sources = list_sources(tmp_path, str(tmp_path / "encoder"))
    assert sources == [notes, UNLABELLED]
    add_sources(tmp_path, sources)
    assert srsly.read_json(tmp_path / "meta.json") == {"lang": "en", "sources": sources}


@pytest.mark.parametrize("name", ["${ward}", "a${nlp.lang}b"])
def test_a_path_that_spacy_takes_for_a_variable_is_refused(name, tmp_path):
    for paths in (("bert", name, "out"), (name, "ward", "out"), ("bert", "ward", name)):
        encoder, corpus, output = (tmp_path / path for path in paths)
        done = run(main, ROOT / "configs/bert.cfg", encoder, corpus, output)
        assert_fails(done, "cannot be used, for spaCy takes ${} for a variable", without=output)


def test_other_odd_paths_are_taken():
    check_paths("my notes", "o'neil", 'a"b', "$HOME", "ümlaut", "{x}", "a\\b")


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("ward"))


def train(ward, *options: str) -> Done:
    """Train on a corpus, into the folder "out" of where we are."""
    return run(main, ward / "config.cfg", ward / "encoder", ward / "corpus", "out", "--epochs", "3", *options)


def test_a_training_that_was_stopped_refuses_other_settings_and_loses_nothing(ward, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output, work = tmp_path / "out", tmp_path / "out-work"
    with stopping(monkeypatch, 3):
        train(ward)
    assert not list(tmp_path.iterdir())  # no epoch was finished
    with stopping(monkeypatch, 12):
        train(ward)
    kept = contents(work)
    other = tmp_path / "other"
    shutil.copytree(ward, other)
    write_notes(other / "corpus/train.spacy", 24, 7)
    for name, wrong, *options in (
        ("system.seed", ward, "--seed", "7"), ("training.max_epochs", ward, "--epochs", "4"), ("train.spacy", other),
    ):  # fmt: skip
        done = train(wrong, *options)
        assert_fails(done, "out-work holds a training that was stopped, with another", name, without=output)
        assert contents(work) == kept
    shutil.copytree(ward, tmp_path / "moved")  # the same, elsewhere
    done = train(tmp_path / "moved")
    assert done.code == 0 and "Going on after 1 finished epoch" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moved", "other", "out"]


def test_a_power_cut_changes_nothing(ward, tmp_path, monkeypatch):
    steps = train_on_disk(ward, tmp_path / "whole", monkeypatch, 0).steps
    expected = contents(tmp_path / "whole")
    for part in (0.5, 0.99):
        left = tmp_path / f"left {part}"
        disk = train_on_disk(ward, tmp_path / f"cut {part}", monkeypatch, int(part * steps))
        disk.restore(left, int(100 * part))
        assert not (left / "out").exists()
        train_on_disk(ward, left, monkeypatch, 0)
        assert contents(left) == expected, part


def train_on_disk(ward, folder, monkeypatch, cut_at: int) -> Disk:
    """Train where the power is cut at a step, or not."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    disk = Disk(folder, cut_at)
    with disk.watching(), pytest.raises(PowerCut) if cut_at else nullcontext():
        assert train(ward).code == 0
    return disk
