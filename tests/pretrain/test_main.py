"""The command reports bad input in one sentence, before it trains."""

import pytest

from scripts.pretrain.__main__ import main
from tests.commands import assert_fails, run
from tests.helpers import write_files


@pytest.mark.parametrize(
    ("files", "reported"),
    [
        ({}, "holds no notes"),
        ({"a.txt": b"caf\xe9"}, "a.txt, line 1: not UTF-8"),
        ({"a.jsonl": '{"text": "a"}\n{}'}, "a.jsonl, line 2: no text"),
        ({"a.txt": "Chest pain ."}, "wordpieces long, and one block of the encoder takes 510"),
        ({"a.txt": " \n"}, "The notes are 0 wordpieces long"),
        ({"a.txt": "漢 " * 2000}, "knows no piece of the held-out notes"),
    ],
)
def test_notes_that_do_not_serve_are_reported(files, reported, tiny, tmp_path):
    source = write_files(tmp_path / "in", files)
    source.mkdir(exist_ok=True)
    assert_fails(run(main, tiny("bert"), source, tmp_path / "out"), reported, without=tmp_path / "out")


def test_notes_that_are_not_there_are_reported(tiny, tmp_path):
    done = run(main, tiny("bert"), tmp_path / "none", tmp_path / "out")
    assert_fails(done, "none does not exist", without=tmp_path / "out")


def test_an_encoder_that_does_not_serve_is_reported(notes, tmp_path):
    done = run(main, tmp_path / "none", notes, tmp_path / "out")
    assert_fails(done, "none' cannot be loaded", "--vars.bert", without=tmp_path / "out")


def test_a_gpu_that_is_not_the_first_is_reported(tiny, notes, tmp_path):
    done = run(main, tiny("bert"), notes, tmp_path / "out", "--gpu", "1")
    assert_fails(done, "GPU 1", "CUDA_VISIBLE_DEVICES=1", without=tmp_path / "out")


def test_an_output_that_is_something_else_is_refused(tiny, notes):
    for place in (notes, tiny("bert"), notes / "1.txt"):
        assert_fails(run(main, tiny("bert"), notes, place), "is not of this command's making")
    assert (notes / "1.txt").exists() and (tiny("bert") / "config.json").exists()
