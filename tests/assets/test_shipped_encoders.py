"""The encoders that come with the project: size, hash, and that they load as what they are."""

import hashlib
import re

import pytest
import torch
from transformers import AlbertModel, AutoModel, AutoTokenizer, BertModel

from tests.paths import ROOT

ENCODERS = ROOT / "encoders"
LIMIT = 45_000_000  # bytes of all files together


def test_together_they_stay_below_the_limit():
    assert sum(path.stat().st_size for path in ENCODERS.rglob("*") if path.is_file()) <= LIMIT


@pytest.mark.parametrize("name", ["bert-compact", "albert-compact"])
def test_the_weights_are_those_that_the_readme_names(name):
    folder = ENCODERS / name
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf8")
    assert not [path for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pkl")]


@pytest.mark.parametrize(("name", "kind"), [("bert-compact", BertModel), ("albert-compact", AlbertModel)])
def test_they_load_as_uncased_encoders_of_512_positions(name, kind):
    model, tokenizer = (
        AutoModel.from_pretrained(ENCODERS / name),
        AutoTokenizer.from_pretrained(ENCODERS / name),
    )
    assert type(model) is kind and model.config.max_position_embeddings == 512
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer("EKG Was Normal")["input_ids"] == tokenizer("ekg was normal")["input_ids"]
    with torch.no_grad():
        states = model(**tokenizer("She denies chest pain .", return_tensors="pt")).last_hidden_state
    assert states.shape[-1] == model.config.hidden_size and torch.isfinite(states).all()


def test_the_albert_is_a_true_one():
    config = AutoModel.from_pretrained(ENCODERS / "albert-compact").config
    assert config.embedding_size < config.hidden_size and config.num_hidden_groups == 1


def test_medical_words_are_known_to_the_vocabulary():
    tokenizer = AutoTokenizer.from_pretrained(ENCODERS / "bert-compact")
    text = (ROOT / "assets/sample/concepts/test/docs/clinical-106.txt").read_text(encoding="utf8")
    pieces = tokenizer.tokenize(text)
    assert pieces.count(tokenizer.unk_token) == 0
    words = re.findall(r"\w+", text)
    assert len(pieces) < 2.5 * len(words)
