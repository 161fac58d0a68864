"""The folders of encoders: a BERT for blocks of 512 is read, and what is written loads in full precision."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForPreTraining

from scripts.cli import InputError
from scripts.distill.encoder import FASTEST, load_bert, write_encoder
from scripts.encoders import check_encoder, is_adapted
from tests import encoders


def test_a_bert_is_loaded_for_evaluation_with_a_head_by_the_seed(teacher):
    models = [load_bert(teacher.folder, seed)[0] for seed in (0, 0, 1)]
    heads = [model.cls.predictions.transform.dense.weight for model in models]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    assert not models[0].training and models[0].dtype == torch.float32
    fastest = load_bert(teacher.folder, 0, **FASTEST)[0]
    assert fastest.config.hidden_dropout_prob == fastest.config.attention_probs_dropout_prob == 0
    assert fastest.config._attn_implementation == "eager"


def test_a_tokenizer_that_truncates_does_so_no_more(teacher, tmp_path):
    folder = shutil.copytree(teacher.folder, tmp_path / "truncating")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.backend_tokenizer.enable_padding(length=8)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    loaded = load_bert(folder, 0)[1]
    assert len(loaded.backend_tokenizer.encode("pain " * 20, add_special_tokens=False)) == 20


def test_what_does_not_serve_is_reported(built, tmp_path):
    with pytest.raises(InputError, match="none is no folder"):
        load_bert(tmp_path / "none", 0)
    with pytest.raises(InputError, match="cannot be loaded"):
        load_bert(tmp_path, 0)
    with pytest.raises(InputError, match="is no BERT, but albert"):
        load_bert(built / "albert", 0)
    short = shutil.copytree(built / "bert", tmp_path / "short")
    config = BertConfig(vocab_size=1000, **{**encoders.SHAPE, "max_position_embeddings": 128})
    BertForPreTraining(config).save_pretrained(short)
    with pytest.raises(InputError, match="takes 128 pieces, less than 512"):
        load_bert(short, 0)


def test_an_encoder_is_written_in_half_precision_and_loads_in_full(teacher, tmp_path):
    out = tmp_path / "out"
    model = load_bert(teacher.folder, 0, **FASTEST)[0]
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    write_encoder(model, teacher.tokenizer, out, is_open=True)
    assert not is_adapted(out)
    assert all(torch.equal(model.state_dict()[name], weights) for name, weights in before.items())
    stored = load_file(out / "model.safetensors")
    assert {weights.dtype for weights in stored.values()} == {torch.float16}
    config = json.loads((out / "config.json").read_text())
    assert config["torch_dtype"] == "float32" and "_name_or_path" not in config
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.1
    assert check_encoder(str(out)) == encoders.WIDTH
    words = AutoModel.from_pretrained(out).embeddings.word_embeddings.weight
    assert words.dtype == torch.float32
    assert torch.allclose(words, before["bert.embeddings.word_embeddings.weight"], atol=1e-3)


def test_an_encoder_of_text_that_is_not_open_is_marked(teacher, tmp_path):
    write_encoder(load_bert(teacher.folder, 0)[0], teacher.tokenizer, tmp_path / "out", is_open=False)
    assert is_adapted(tmp_path / "out") and check_encoder(str(tmp_path / "out")) == encoders.WIDTH
