"""The three steps of `distill` one after the other, on a tiny teacher and with very few steps."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AlbertForPreTraining, AutoTokenizer, BertForPreTraining

from scripts.distill.__main__ import app
from scripts.encoders import check_encoder, is_adapted
from tests import encoders
from tests.commands import Done, assert_fails, run
from tests.helpers import write_files
from tests.unlabelled import build_encoders, sample_texts, write_notes

SIZES = ("--size", "900", "--words", "30", "--least", "60")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with the text, the teacher in encoders/bert, and what the three steps make of them."""
    top = tmp_path_factory.mktemp("distilled")
    write_notes(top / "text", sample_texts())
    (top / "encoders").mkdir()
    build_encoders(top / "encoders", sample_texts())
    done = [
        run(app, "vocabulary", top / "text", top / "encoders/bert", top / "start", *SIZES),
        run(app, "bert", top / "text", top / "start", top / "bert", "--steps", "3", "--work", top / "work"),
        distil(top, top / "albert", "--steps", "2"),
    ]
    for number, step in enumerate(done):
        (top / f"{number}.log").write_text(step.output)
        assert step.code == 0, step.output
    return top


def distil(top: Path, out: Path, *options: str | Path) -> Done:
    return run(app, "albert", top / "text", top / "bert", out, "--width", "32", "--work", top / "work", *options)


def test_each_step_makes_an_encoder(made):
    for name in ("start", "bert", "albert"):
        assert check_encoder(str(made / name)) == encoders.WIDTH
        assert len(AutoTokenizer.from_pretrained(made / name)) == 900
    assert isinstance(BertForPreTraining.from_pretrained(made / "bert"), BertForPreTraining)
    assert AlbertForPreTraining.from_pretrained(made / "albert").config.embedding_size == 32
    assert {path.name for path in (made / "work").iterdir()} == {"bert.pt", "albert.pt"}


def test_only_open_text_and_open_encoders_make_an_open_one(made, tmp_path):
    """Unasked, each step marks its encoder like one that was adapted to notes."""
    assert all(is_adapted(made / name) for name in ("start", "bert", "albert"))
    vocabulary = ("vocabulary", made / "text", made / "encoders/bert", tmp_path / "start", *SIZES, "--open-text")
    assert run(app, *vocabulary).code == 0 and not is_adapted(tmp_path / "start")
    adapt = ("--steps", "1", "--open-text", "--work")
    assert run(app, "bert", made / "text", tmp_path / "start", tmp_path / "open", *adapt, tmp_path / "a").code == 0
    assert not is_adapted(tmp_path / "open")
    assert run(app, "bert", made / "text", made / "start", tmp_path / "closed", *adapt, tmp_path / "b").code == 0
    assert is_adapted(tmp_path / "closed")
    for teacher, start, closed in (("open", made / "albert", True), ("closed", None, True), ("open", None, False)):
        options = ("--width", "32", *adapt, tmp_path / f"{teacher}{closed}", *(("--start", start) if start else ()))
        assert run(app, "albert", made / "text", tmp_path / teacher, tmp_path / "albert", *options).code == 0
        assert is_adapted(tmp_path / "albert") is closed


def test_each_step_says_what_came_out(made):
    assert "900 pieces, 30 of them new words" in " ".join((made / "0.log").read_text().split())
    for number, name in ((1, "bert"), (2, "albert")):
        weights = load_file(made / name / "model.safetensors")
        parameters = sum(tensor.numel() for tensor in weights.values())
        assert f"{parameters:,} parameters in" in (made / f"{number}.log").read_text()


def test_the_training_moves_the_weights(made):
    before, after = (load_file(made / name / "model.safetensors") for name in ("start", "bert"))
    head = "cls.predictions.transform.dense.weight"
    assert before.keys() == after.keys() and not torch.equal(before[head], after[head])


def test_the_vocabulary_step_gives_the_same_again(made, tmp_path):
    run(app, "vocabulary", made / "text", made / "encoders/bert", tmp_path / "start", *SIZES)
    for name in ("model.safetensors", "vocab.txt"):
        assert (tmp_path / "start" / name).read_bytes() == (made / "start" / name).read_bytes()


def test_a_finished_training_is_not_repeated_and_one_with_more_steps_goes_on(made, tmp_path):
    work = ("--work", tmp_path / "work")
    adapt = ("bert", made / "text", made / "start", tmp_path / "out", *work, "--steps")
    assert run(app, *adapt, "1").code == 0
    first = load_file(tmp_path / "out" / "model.safetensors")
    again = run(app, *adapt, "1")
    assert again.code == 0 and "loss=" not in again.output
    repeated = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(repeated[name], weights) for name, weights in first.items())
    more = run(app, *adapt, "2")
    assert more.code == 0 and "1/2" in more.output
    assert_fails(run(app, *adapt, "1"), "is of 2 steps already")


def test_an_albert_goes_on_from_an_earlier_one(made, tmp_path):
    done = distil(made, tmp_path / "out", "--steps", "1", "--start", made / "albert", "--work", tmp_path / "work")
    assert done.code == 0, done.output
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["embedding_size"] == 32


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (["--seed", "1"], "another seed"),
        (["--rate", "0.1"], "another rate"),
        (["--share", "0.3"], "another share"),
        (["--words", "0.5"], "another words"),
        (["--layer", "0"], "another start"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(options, reported, made, tmp_path):
    assert_fails(distil(made, tmp_path / "out", "--steps", "2", *options), reported, without=tmp_path / "out")


def test_what_does_not_serve_is_reported(made, tmp_path):
    short = write_files(tmp_path / "short", {"1.txt": "Chest pain ."})
    encoder, out, work = made / "start", tmp_path / "out", tmp_path / "work"
    for arguments, reported in (
        (("bert", short, encoder, out, "--work", work), "wordpieces long, and one step takes 4,096"),
        (("bert", tmp_path / "none", encoder, out, "--work", work), "none does not exist"),
        (("bert", made / "text", made / "encoders/albert", out, "--work", work), "is no BERT, but albert"),
        (("albert", made / "text", tmp_path / "none", out, "--work", work), "none is no folder"),
        (("vocabulary", made / "text", encoder, out, "--size", "50"), "do not fit in 50"),
    ):
        assert_fails(run(app, *arguments), reported, without=out)
    assert not work.exists()
