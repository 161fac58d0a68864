"""What can be trained further, and how it is loaded."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from scripts.cli import InputError
from scripts.masking import Masking
from scripts.pretrain.encoder import check_output, load_encoder, write_encoder
from tests import encoders
from tests.unlabelled import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_is_loaded_in_its_own_kind(name, tiny):
    encoder = load_encoder(str(tiny(name)), 0)
    assert encoder.masking == Masking(share=0.15, longest=3 if "albert" in name else 1)
    assert (encoder.width, encoder.length) == (encoders.WIDTH, encoders.MAX_PIECES)
    assert encoder.model.dtype == torch.float32
    assert len(encoder.vocabulary.begins) == len(AutoTokenizer.from_pretrained(tiny(name)))


def test_attention_is_trained_without_dropout_and_stored_with_it(tiny, tmp_path):
    encoder = load_encoder(str(tiny("bert")), 0)
    model: Any = encoder.model
    assert model.base_model.encoder.layer[0].attention.self.dropout.p == 0
    write_encoder(encoder, {"seed": 0}, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["attention_probs_dropout_prob"] == 0.1
    assert json.loads((tmp_path / "out" / "pretrain.json").read_text()) == {"seed": 0}


def test_a_new_head_is_decided_by_the_seed(tiny):
    models: list[Any] = [load_encoder(str(tiny("bert")), seed).model for seed in (0, 0, 1)]
    heads = [model.cls.predictions.transform.dense.weight for model in models]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_what_is_not_of_this_commands_making_is_not_replaced(tmp_path):
    (tmp_path / "adapted").mkdir()
    (tmp_path / "adapted" / "pretrain.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty", "adapted"):
        check_output(tmp_path / name)
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match="is not of this command's making"):
            check_output(path)


def change(folder: Path, file: str, target: Path, **values) -> Path:
    """A copy of an encoder with other values in one of its files."""
    shutil.copytree(folder, target)
    settings = json.loads((target / file).read_text())
    (target / file).write_text(json.dumps(settings | values))
    return target


def fails(encoder: Path, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_encoder(str(encoder), 0)


def test_an_encoder_that_does_not_serve_is_reported(tiny, tmp_path):
    fails(tmp_path / "none", "cannot be loaded")
    (tmp_path / "other").mkdir()
    encoders.build_distilbert(["chest pain"] * 9, tmp_path / "other")
    fails(tmp_path / "other", "no BERT or ALBERT, but distilbert")
    unmasked = change(tiny("bert"), "tokenizer_config.json", tmp_path / "unmasked", mask_token=None)
    (unmasked / "special_tokens_map.json").unlink()
    fails(unmasked, r"has no \[CLS\], \[SEP\], \[MASK\] or \[PAD\]")


def test_an_encoder_with_fewer_vectors_than_pieces_is_reported(tiny, tmp_path):
    small = tmp_path / "small"
    shutil.copytree(tiny("bert"), small)
    BertForMaskedLM(BertConfig(vocab_size=50, **encoders.SHAPE)).save_pretrained(small)
    fails(small, "a tokenizer of .* pieces, but weights for 50")
