"""The `pretrain` command on tiny encoders: it learns, resumes after a kill, keeps no text, and tells bad input."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AlbertConfig, AlbertModel, AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM

from scripts import checkpoints
from scripts.archives import read_files
from scripts.cli import InputError
from scripts.pretrain.__main__ import Batches, load_encoder, main, read_corpus
from scripts.pretrain.blocks import HASHES, encode_notes, read_vocabulary
from scripts.train.__main__ import check_encoder
from tests import encoders
from tests.commands import Done, assert_fails, run
from tests.helpers import write_files
from tests.paths import ROOT

NAMES = ("bert", "albert", "albert-wordpiece")
WORK = "out-work"


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Notes of the sample, which are invented."""
    files = [file for file in read_files(ROOT / "assets/sample/concepts") if file.path.suffix == ".txt"]
    return [file.data.decode() for file in files][:40]


@pytest.fixture(scope="session")
def notes(texts, tmp_path_factory) -> Path:
    """A folder of all kinds of files, with a note longer than a block and a blank one."""
    folder = tmp_path_factory.mktemp("notes")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts[:30])
    one_a_file = {f"{n}.txt": text for n, text in enumerate(texts[30:])}
    return write_files(folder, {"a/notes.jsonl": lines, "scan.pdf": b"x", "blank.txt": " \n", **one_a_file})


@pytest.fixture(scope="session")
def tiny(texts, tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a tiny encoder by its name, none of which has a head."""
    top, lines = tmp_path_factory.mktemp("encoders"), [line for text in texts for line in text.splitlines() if line]
    for name, build in zip(NAMES, (encoders.build_bert, encoders.build_albert, encoders.build_bert), strict=True):
        (top / name).mkdir()
        build(lines, top / name)
    size = len(AutoTokenizer.from_pretrained(top / NAMES[2]))
    AlbertModel(AlbertConfig(vocab_size=size, embedding_size=32, **encoders.SHAPE)).save_pretrained(top / NAMES[2])
    return top.joinpath


@pytest.fixture(scope="session")
def adapted(tiny, notes, tmp_path_factory) -> dict[str, tuple[Path, Done]]:
    """What the command makes of each encoder."""
    folder = tmp_path_factory.mktemp("adapted")
    return {name: (folder / name, run(main, tiny(name), notes, folder / name, "--epochs", "2")) for name in NAMES}


def record_of(folder: Path) -> dict:
    return json.loads((folder / "pretrain.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_an_encoder_of_the_same_kind_with_its_head(name, adapted, tiny, texts):
    folder, done = adapted[name]
    assert done.code == 0, done.output
    assert check_encoder(str(folder)) == encoders.WIDTH
    former = {path.name for path in tiny(name).iterdir()}
    assert {path.name for path in folder.iterdir()} == former | {"pretrain.json"}
    for file in former & {"vocab.txt", "spiece.model"}:
        assert (folder / file).read_bytes() == (tiny(name) / file).read_bytes()
    encoded = [AutoTokenizer.from_pretrained(place)(texts[0]) for place in (tiny(name), folder)]
    assert encoded[0] == encoded[1] and ("spiece.model" in former) == (name == "albert")
    was, now = (json.loads((place / "config.json").read_text()) for place in (tiny(name), folder))
    assert now.pop("architectures") != was.pop("architectures")
    assert now == was and now["torch_dtype"] == "float32"
    _, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())


@pytest.mark.parametrize("name", NAMES)
def test_held_out_notes_are_told_better_afterwards(name, adapted):
    perplexity = record_of(adapted[name][0])["perplexity"]
    assert perplexity["after"] < 0.95 * perplexity["before"]


@pytest.mark.parametrize("name", NAMES)
def test_every_piece_of_the_notes_is_counted_once(name, adapted, texts):
    record, tokenizer = record_of(adapted[name][0]), AutoTokenizer.from_pretrained(adapted[name][0])
    counts = record["counts"]
    assert counts["pieces"] == sum(len(tokenizer.tokenize(text)) for text in [*texts, " \n"])
    assert counts["pieces"] == counts["train"]["pieces"] + counts["held_out"]["pieces"]
    assert (
        counts["notes"] == 41 and counts["blank_notes"] == (name != "albert") and counts["unused_files"] == {".pdf": 1}
    )
    special = 2 * counts["train"]["blocks"] + counts["notes"]
    assert 0 < record["tokens_seen"] - 2 * counts["train"]["pieces"] <= 2 * special
    assert record["encoder"] == name and record["seconds"] > 0 and record["versions"]["torch"] == torch.__version__


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{6,}", text.lower()))


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_printed_or_kept(name, adapted, tiny, texts):
    folder, done = adapted[name]
    told = done.output + (folder / "pretrain.json").read_text() + (folder / "config.json").read_text()
    own = " ".join(path.read_text(encoding="utf8") for path in (ROOT / "scripts").glob("*.py"))
    words = words_of(" ".join(texts)) - words_of(own)
    assert len(words) > 500 and not words & words_of(told)
    assert str(tiny(name).parent) not in (folder / "config.json").read_text()
    assert not folder.with_name(f"{name}-work").exists()


def test_a_head_that_is_missing_is_told_and_one_that_is_there_is_trained_on(adapted, notes, tmp_path):
    folder, done = adapted["bert"]
    assert "without the head" in done.output
    again = run(main, folder, notes, tmp_path / "out", "--steps", "3")
    assert again.code == 0 and "without the head" not in again.output
    assert record_of(tmp_path / "out")["perplexity"]["before"] == pytest.approx(
        record_of(folder)["perplexity"]["after"], rel=1e-4
    )


def test_each_block_is_seen_once_an_epoch_in_ever_other_order(tiny, notes):
    encoder = load_encoder(str(tiny("bert")), 0)
    corpus = read_corpus(notes, encoder)
    batches = Batches(corpus.parts.train, encoder, 2, None, 0)
    half = len(batches) // 2
    epochs = [
        [id(block) for step in steps for block in batches.blocks_of(step)]
        for steps in (range(half), range(half, 2 * half))
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(map(id, corpus.parts.train)) and epochs[0] != epochs[1]
    assert len(Batches(corpus.parts.train, encoder, 9, 4, 0)) == 4


def test_a_block_is_masked_otherwise_each_time_but_so_again_by_the_same_seed(tiny, notes):
    encoder = load_encoder(str(tiny("bert")), 0)
    block = read_corpus(notes, encoder).parts.train[:1]
    first, again, other = (Batches(block, encoder, 5, None, seed) for seed in (0, 0, 1))
    masks = [batch["labels"].tolist() for batches in (first, other) for batch in (batches[n] for n in range(5))]
    assert all(one != two for i, one in enumerate(masks) for two in masks[:i])
    assert all((first[n][name] == again[n][name]).all() for n in range(5) for name in first[n])


KILLED = """
import os, signal
from transformers import Trainer
from scripts import checkpoints, cli, pretrain

def stop(self, folder, write=Trainer._save_optimizer_and_scheduler):
    if self.state.global_step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, folder)

checkpoints.SAVE_SECONDS = 0
Trainer._save_optimizer_and_scheduler = stop
cli.run(pretrain.main)
"""


@pytest.fixture(scope="session")
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
    shutil.copytree(killed, tmp_path / "stopped")
    return tmp_path / "stopped"


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
    ("encoder", "options", "told"),
    [
        ("albert-wordpiece", ["--epochs", "2"], "another encoder, tokenizer, longest_span"),
        ("bert", ["--epochs", "3"], "another epochs, steps"),
        ("bert", ["--epochs", "2", "--seed", "1"], "another seed"),
    ],
)
def test_checkpoints_of_another_training_are_refused_and_kept(encoder, options, told, stopped, tiny, notes):
    done = run(main, tiny(encoder), notes, stopped / "out", *options)
    assert_fails(done, f"{WORK} holds a training that was stopped", told, without=stopped / "out")
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


def test_a_checkpoint_cut_short_is_told(stopped, tiny, notes):
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
def test_a_full_disk_is_told(seconds, little_room, tiny, notes, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", seconds)
    done = run(main, tiny("bert"), notes, tmp_path / "out", "--steps", "1")
    assert_fails(done, "is the disk full?", without=tmp_path / "out")


def test_an_earlier_encoder_is_replaced_and_nothing_else(tiny, notes, tmp_path):
    for number in range(2):
        assert run(main, tiny("bert"), notes, tmp_path / "out", "--steps", "1", "--seed", str(number)).code == 0
    assert record_of(tmp_path / "out")["settings"]["seed"] == 1
    for place in (notes, tiny("bert"), notes / "1.txt"):
        assert_fails(run(main, tiny("bert"), notes, place), "is not of this command's making")
    assert (notes / "1.txt").exists() and (tiny("bert") / "config.json").exists()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no .txt, .jsonl or .jsonl.xz file"),
        ({"a.txt": b"caf\xe9"}, "a.txt, line 1: not UTF-8"),
        ({"a.jsonl": '{"text": "a"}\n{}'}, 'a.jsonl, line 2: no "text"'),
        ({"a.txt": "Chest pain ."}, "wordpieces long, and one block of the encoder takes 510"),
        ({"a.txt": " \n"}, "The notes are 0 wordpieces long"),
        ({"a.txt": "漢 " * 2000}, "knows no piece of the held-out notes"),
    ],
)
def test_notes_that_do_not_serve_are_told(files, told, tiny, tmp_path):
    source = write_files(tmp_path / "in", files)
    source.mkdir(exist_ok=True)
    assert_fails(run(main, tiny("bert"), source, tmp_path / "out"), told, without=tmp_path / "out")


def test_notes_that_are_not_there_are_told(tiny, tmp_path):
    done = run(main, tiny("bert"), tmp_path / "none", tmp_path / "out")
    assert_fails(done, "none does not exist", without=tmp_path / "out")


def test_an_encoder_that_does_not_serve_is_told(tiny, notes, tmp_path):
    def change(name: str, **values) -> Path:
        folder = tmp_path / f"encoder-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(tiny("bert"), folder)
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | values))
        return folder

    unmasked = change("tokenizer_config.json", mask_token=None)
    (unmasked / "special_tokens_map.json").unlink()
    for encoder, told in (
        (tmp_path / "none", "cannot be loaded"),
        (
            change("config.json", model_type="distilbert", dim=64, hidden_dim=128, n_layers=2, n_heads=2),
            "no BERT or ALBERT",
        ),
        (unmasked, "has no [CLS], [SEP], [MASK] or [PAD]"),
    ):
        assert_fails(run(main, encoder, notes, tmp_path / "out"), told, without=tmp_path / "out")
    small = tmp_path / "small"
    shutil.copytree(tiny("bert"), small)
    BertForMaskedLM(BertConfig(vocab_size=50, **encoders.SHAPE)).save_pretrained(small)
    assert_fails(run(main, small, notes, tmp_path / "out"), "lacks vectors for pieces", without=tmp_path / "out")


def test_a_gpu_that_is_not_there_is_told(tiny, notes, tmp_path):
    for number, told in (("0", "--vars.gpu -1"), ("1", "CUDA_VISIBLE_DEVICES=1")):
        if number == "1" or not torch.cuda.is_available():
            done = run(main, tiny("bert"), notes, tmp_path / "out", "--gpu", number)
            assert_fails(done, f"GPU {number}", told, without=tmp_path / "out")


def test_pieces_that_begin_words(tiny):
    for name, pieces in (
        ("bert", ["the", "##s", "."]),
        ("albert", ["▁the", "s", "."]),
        ("albert-wordpiece", ["the", "##s", "."]),
    ):
        tokenizer = AutoTokenizer.from_pretrained(tiny(name))
        vocabulary = read_vocabulary(tokenizer, name)
        numbers = tokenizer.convert_tokens_to_ids(pieces)
        assert tokenizer.unk_token_id not in numbers
        assert vocabulary.begins[numbers].tolist() == [True, False, True]
        assert sorted(np.flatnonzero(vocabulary.special)) == sorted(tokenizer.all_special_ids)
        assert vocabulary.special.sum() == 5


def test_a_slow_tokenizer_is_told(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"), use_fast=False)
    with pytest.raises(InputError, match="has a slow tokenizer"):
        read_vocabulary(tokenizer, "bert")


def test_a_long_note_is_encoded_whole(tiny):
    tokenizer = AutoTokenizer.from_pretrained(tiny("bert"))
    text = "chest pain . " * 2000
    (one,), (again,) = encode_notes([text], tokenizer), encode_notes([text], tokenizer)
    assert len(one.ids) == 2000 * len(tokenizer.tokenize("chest pain ."))
    assert one.hash == again.hash < HASHES
