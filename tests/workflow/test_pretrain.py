"""The `pretrain` command on tiny encoders: it learns, resumes after a kill, and keeps no text."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from scripts.encoders import check_encoder
from scripts.pretrain import checkpoints
from scripts.pretrain.__main__ import main
from tests import encoders
from tests.commands import Done, assert_fails, run
from tests.paths import ROOT
from tests.unlabelled import NAMES, build_encoders, sample_texts, write_notes

WORK = "out-work"


@pytest.fixture(scope="module")
def notes(tmp_path_factory) -> Path:
    return write_notes(tmp_path_factory.mktemp("notes"), sample_texts())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a tiny encoder by its name, none of which has a head."""
    return build_encoders(tmp_path_factory.mktemp("encoders"), sample_texts()).joinpath


@pytest.fixture(scope="module")
def adapted(tiny, notes, tmp_path_factory) -> dict[str, tuple[Path, Done]]:
    """What the command makes of each encoder."""
    folder = tmp_path_factory.mktemp("adapted")
    return {name: (folder / name, run(main, tiny(name), notes, folder / name, "--epochs", "2")) for name in NAMES}


def record_of(folder: Path) -> dict:
    return json.loads((folder / "pretrain.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_an_encoder_of_the_same_kind_with_its_head(name, adapted, tiny):
    folder, done = adapted[name]
    assert done.code == 0, done.output
    assert check_encoder(str(folder)) == encoders.WIDTH
    former = {path.name for path in tiny(name).iterdir()}
    assert {path.name for path in folder.iterdir()} == former | {"pretrain.json"}
    for file in former & {"vocab.txt", "spiece.model"}:
        assert (folder / file).read_bytes() == (tiny(name) / file).read_bytes()
    encoded = [AutoTokenizer.from_pretrained(place)(sample_texts()[0]) for place in (tiny(name), folder)]
    assert encoded[0] == encoded[1] and ("spiece.model" in former) == (name == "albert")
    was, now = (json.loads((place / "config.json").read_text()) for place in (tiny(name), folder))
    assert now.pop("architectures") != was.pop("architectures")
    assert now == was and now["torch_dtype"] == "float32"
    _, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())


@pytest.mark.parametrize("name", NAMES)
def test_held_out_notes_are_predicted_better_afterwards(name, adapted):
    perplexity = record_of(adapted[name][0])["perplexity"]
    assert perplexity["after"] < 0.95 * perplexity["before"]


@pytest.mark.parametrize("name", NAMES)
def test_the_rate_is_that_of_the_encoders_width(name, adapted):
    assert record_of(adapted[name][0])["settings"]["learning_rate"] == pytest.approx(5e-5 * (768 / 64) ** 2)


@pytest.mark.parametrize("name", NAMES)
def test_every_piece_of_the_notes_is_counted_once(name, adapted):
    record, tokenizer = record_of(adapted[name][0]), AutoTokenizer.from_pretrained(adapted[name][0])
    counts = record["counts"]
    assert counts["pieces"] == sum(len(tokenizer.tokenize(text)) for text in [*sample_texts(), " \n"])
    assert counts["pieces"] == counts["train"]["pieces"] + counts["held_out"]["pieces"]
    assert counts["notes"] == 41 and counts["blank_notes"] == (name != "albert")
    assert counts["unused_files"] == {".pdf": 1}
    special = 2 * counts["train"]["blocks"] + counts["notes"]
    assert 0 < record["tokens_seen"] - 2 * counts["train"]["pieces"] <= 2 * special
    assert record["encoder"] == name and record["seconds"] > 0 and record["versions"]["torch"] == torch.__version__
    assert (record["device"], "thread" in record["machine"]) == ("cpu", True)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{6,}", text.lower()))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_printed_or_kept(name, adapted, tiny):
    folder, done = adapted[name]
    shown = done.output + (folder / "pretrain.json").read_text() + (folder / "config.json").read_text()
    own = " ".join(path.read_text(encoding="utf8") for path in (ROOT / "scripts").rglob("*.py"))
    words = words_of(" ".join(sample_texts())) - words_of(own)
    assert len(words) > 500 and not words & words_of(shown)
    assert str(tiny(name).parent) not in (folder / "config.json").read_text()
    assert not folder.with_name(f"{name}-work").exists()


def test_a_head_that_is_missing_is_reported_and_one_that_is_there_is_trained_on(adapted, notes, tmp_path):
    folder, done = adapted["bert"]
    assert "without the head" in done.output
    again = run(main, folder, notes, tmp_path / "out", "--steps", "3")
    assert again.code == 0 and "without the head" not in again.output
    assert record_of(tmp_path / "out")["perplexity"]["before"] == pytest.approx(
        record_of(folder)["perplexity"]["after"], rel=1e-4
    )


KILLED = """
import os, signal
from transformers import Trainer
from scripts import cli
from scripts.pretrain import checkpoints
from scripts.pretrain.__main__ import main

def stop(self, folder, write=Trainer._save_optimizer_and_scheduler):
    if self.state.global_step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, folder)

checkpoints.SAVE_SECONDS = 0
Trainer._save_optimizer_and_scheduler = stop
cli.run(main)
"""


@pytest.fixture(scope="module")
def killed(tiny, notes, tmp_path_factory) -> Path:
    """The place of a training that was killed while it wrote the checkpoint of its fourth step."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-c", KILLED, tiny("bert"), notes, folder / "out", "--epochs", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    return folder


@pytest.fixture
def stopped(killed, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(killed, tmp_path / "stopped")


def test_a_killed_training_goes_on_to_the_same_result(stopped, adapted, tiny, notes):
    assert {path.name for path in (stopped / WORK).glob("checkpoint-*")} == {f"checkpoint-{n}" for n in (2, 3, 4)}
    done = run(main, tiny("bert"), notes, stopped / "out", "--epochs", "2")
    assert done.code == 0 and "Going on from step 3" in done.output
    assert " 3/14 " in done.output and " 0/14 " not in done.output
    assert [path.name for path in stopped.iterdir()] == ["out"]
    undisturbed, resumed = record_of(adapted["bert"][0]), record_of(stopped / "out")
    for key in ("settings", "counts", "tokens_seen"):
        assert resumed[key] == undisturbed[key]
    assert resumed["perplexity"] == pytest.approx(undisturbed["perplexity"], rel=1e-3)
    whole, parts = (load_file(folder / "model.safetensors") for folder in (adapted["bert"][0], stopped / "out"))
    start = load_file(tiny("bert") / "model.safetensors")
    moved = max(
        (weights - whole[f"bert.{name}"]).abs().max() for name, weights in start.items() if "pooler" not in name
    )
    apart = max((weights - parts[name]).abs().max() for name, weights in whole.items())
    assert apart < 0.001 * moved


def test_checkpoints_hold_the_files_of_the_trainer_only(stopped):
    files = {path.name for path in (stopped / WORK).rglob("*") if path.is_file()}
    assert files <= {
        "settings.json", "complete.json", "config.json", "model.safetensors", "optimizer.pt", "scheduler.pt",
        "rng_state.pth", "trainer_state.json", "training_args.bin",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("encoder", "options", "reported"),
    [
        ("albert-wordpiece", ["--epochs", "2"], "another encoder, tokenizer, longest_span"),
        ("bert", ["--epochs", "3"], "another epochs, steps"),
        ("bert", ["--epochs", "2", "--seed", "1"], "another seed"),
    ],
)
def test_checkpoints_of_another_training_are_refused_and_kept(encoder, options, reported, stopped, tiny, notes):
    done = run(main, tiny(encoder), notes, stopped / "out", *options)
    assert_fails(done, f"{WORK} holds a training that was stopped", reported, without=stopped / "out")
    assert (stopped / WORK / "checkpoint-3" / "optimizer.pt").exists()


def test_checkpoints_of_another_text_are_refused(stopped, tiny, notes, tmp_path):
    shutil.copytree(notes, tmp_path / "other")
    (tmp_path / "other" / "31.txt").write_text("Another note .")
    assert_fails(run(main, tiny("bert"), tmp_path / "other", stopped / "out", "--epochs", "2"), "another text")


class Harm:
    """Pickled, it makes a folder where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["optimizer.pt", "rng_state.pth"])
def test_a_checkpoint_that_holds_code_is_refused(name, stopped, tiny, notes, tmp_path):
    torch.save(Harm(tmp_path / "harmed"), stopped / WORK / "checkpoint-3" / name)
    done = run(main, tiny("bert"), notes, stopped / "out", "--epochs", "2")
    assert_fails(done, "holds a damaged checkpoint", without=stopped / "out")
    assert not (tmp_path / "harmed").exists()


def test_a_checkpoint_cut_short_is_reported(stopped, tiny, notes):
    for name in ("optimizer.pt", "model.safetensors"):
        path = stopped / WORK / "checkpoint-3" / name
        path.write_bytes(path.read_bytes()[:1000])
        done = run(main, tiny("bert"), notes, stopped / "out", "--epochs", "2")
        assert_fails(done, "holds a damaged checkpoint", without=stopped / "out")


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files cannot grow beyond 200,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("seconds", [0.0, 300.0])
def test_a_full_disk_is_reported(seconds, little_room, tiny, notes, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", seconds)
    done = run(main, tiny("bert"), notes, tmp_path / "out", "--steps", "1")
    assert_fails(done, "is the disk full?", without=tmp_path / "out")


def test_an_earlier_encoder_is_replaced(tiny, notes, tmp_path):
    for number in range(2):
        assert run(main, tiny("bert"), notes, tmp_path / "out", "--steps", "1", "--seed", str(number)).code == 0
    assert record_of(tmp_path / "out")["settings"]["seed"] == 1
