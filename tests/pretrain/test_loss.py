"""The loss is the cross-entropy of the hidden pieces alone, and the perplexity follows from it."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from scripts.cli import InputError
from scripts.masking import IGNORED
from scripts.pretrain import loss as module
from scripts.pretrain.batches import mask
from scripts.pretrain.blocks import Block
from scripts.pretrain.encoder import load_encoder
from scripts.pretrain.loss import measure_perplexity, summed_loss
from tests.unlabelled import NAMES


@pytest.fixture
def in_float32(monkeypatch) -> None:
    """As on a CPU without instructions for bfloat16."""
    monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_loss_is_that_of_hugging_faces_model(name, tiny, corpus, in_float32):
    encoder = load_encoder(str(tiny(name)), 0)
    encoder.model.eval()
    batch = mask(corpus.parts.train[:3], encoder, np.random.default_rng(0))
    total, pieces = summed_loss(encoder.model, batch)
    scores = encoder.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    wanted = F.cross_entropy(scores.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED, reduction="sum")
    assert pieces == (batch["labels"] != IGNORED).sum() and total.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_an_encoder_that_guesses_has_the_perplexity_of_its_vocabulary(tiny, corpus, in_float32):
    encoder = load_encoder(str(tiny("bert")), 0)
    for weights in encoder.model.parameters():
        torch.nn.init.zeros_(weights)
    perplexity = measure_perplexity(encoder, corpus.parts.held_out, 0)
    assert perplexity == pytest.approx(encoder.model.config.vocab_size, rel=1e-4)


def test_the_perplexity_depends_on_the_seed_only(bert, corpus):
    first, again, other = (measure_perplexity(bert, corpus.parts.held_out, seed) for seed in (0, 0, 1))
    assert first == again != other and math.isfinite(first)


def test_text_of_unknown_pieces_alone_is_reported(bert):
    block = Block(np.array([bert.vocabulary.cls, *[bert.tokenizer.unk_token_id] * 9, bert.vocabulary.sep]), 9)
    with pytest.raises(InputError, match="knows no piece of the held-out notes"):
        measure_perplexity(bert, [block], 0)
