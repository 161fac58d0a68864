"""Masking: whole words, the shares of BERT's paper, the spans of ALBERT's; for `pretrain` and for `distill`."""

from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from transformers import AutoTokenizer

from scripts.cli import InputError
from scripts.masking import (
    IGNORED,
    Masking,
    Vocabulary,
    choose_words,
    make_batch,
    mask_block,
    odds,
    read_vocabulary,
    start_rate,
)
from tests.unlabelled import build_encoders, sample_texts

CLS, SEP, MASK, PAD = 0, 1, 2, 3
VOCABULARY = Vocabulary(np.arange(1000) % 2 == 0, np.arange(1000) < 4, CLS, SEP, MASK, PAD)


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def a_block(pieces: int) -> np.ndarray:
    return np.array([CLS, *random().integers(4, 1000, pieces), SEP])


def words(ids: np.ndarray) -> np.ndarray:
    return np.cumsum((ids % 2 == 0) | (ids < 4))


# BERT's and ALBERT's in `pretrain`, the BERT's and the ALBERT's in `distill`, and one of long spans.
MASKINGS = [Masking(), Masking(longest=3), Masking(0.2), Masking(0.15), Masking(0.5, longest=5)]
ONE, THREE = Masking(longest=1), Masking(longest=3)


@pytest.mark.parametrize("masking", MASKINGS)
def test_the_share_is_hidden_as_whole_words(masking):
    ids = a_block(60_000)
    seen, labels = mask_block(ids, VOCABULARY, masking, random())
    hidden = labels != IGNORED
    assert hidden.mean() == pytest.approx(masking.share, abs=0.008)
    assert (labels[hidden] == ids[hidden]).all() and (seen[~hidden] == ids[~hidden]).all()
    numbers = words(ids)
    assert not set(numbers[hidden]) & set(numbers[~hidden])
    assert (seen[hidden] == MASK).mean() == pytest.approx(0.8, abs=0.02)
    assert (seen[hidden] == ids[hidden]).mean() == pytest.approx(0.1, abs=0.02)
    others = seen[hidden & (seen != MASK) & (seen != ids)]
    assert (others >= 4).all() and len(set(others)) > 300


def test_special_pieces_are_never_hidden():
    ids = np.tile([CLS, 4, 5, SEP, MASK, 6, 3], 300)
    _, labels = mask_block(ids, VOCABULARY, THREE, random())
    assert (labels[VOCABULARY.special[ids]] == IGNORED).all() and (labels != IGNORED).any()


def test_spans_of_n_words_come_in_proportion_to_one_in_n():
    assert odds(3) == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    chosen = choose_words(2_000_000, THREE, random())
    assert chosen.mean() == pytest.approx(0.15, abs=0.001)
    runs = Counter(len(list(group)) for value, group in groupby(chosen) if value)
    # A run is a span, or two or more that touch, with a probability of their rate, about 0.1.
    share = {length: runs[length] / runs.total() for length in (1, 2, 3)}
    alone = [odd * (1 - start_rate(THREE)) ** n for n, odd in enumerate(odds(3), start=1)]
    assert share[1] == pytest.approx(alone[0], abs=0.01)
    assert share[2] > alone[1] and share[3] > alone[2] and share[1] > share[2] > share[3] > 0.15
    assert {length for length in runs if runs[length] / runs.total() > 0.06} == {1, 2, 3}


def test_single_words_are_hidden_independently():
    for share in (0.15, 0.2):
        assert start_rate(Masking(share)) == pytest.approx(share) and list(odds(1)) == [1]


def test_one_word_at_least_is_hidden():
    for seed in range(50):
        _, labels = mask_block(np.array([CLS, 4, 5, SEP]), VOCABULARY, THREE, np.random.default_rng(seed))
        assert list(labels) == [IGNORED, 4, 5, IGNORED]


def test_a_block_of_unknown_text_is_left_alone():
    _, labels = mask_block(np.array([CLS, 3, 3, SEP]), VOCABULARY, ONE, random())
    assert (labels == IGNORED).all()


def test_the_rest_of_a_word_longer_than_a_block_can_be_hidden():
    _, labels = mask_block(np.array([CLS, 5, 7, SEP]), VOCABULARY, ONE, random())
    assert list(labels) == [IGNORED, 5, 7, IGNORED]


def test_a_batch_is_padded_and_depends_on_the_seed_only():
    blocks = [a_block(30), a_block(7)]
    batch, again = (make_batch(blocks, VOCABULARY, THREE, random()) for _ in range(2))
    assert all((batch[name] == again[name]).all() for name in batch)
    assert batch["attention_mask"].sum(1).tolist() == [32, 9]
    assert set(batch["input_ids"][1, 9:].tolist()) == {PAD} and set(batch["labels"][1, 9:].tolist()) == {IGNORED}
    assert (make_batch(blocks, VOCABULARY, THREE, np.random.default_rng(4))["labels"] != batch["labels"]).any()


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """The folders of tiny encoders."""
    return build_encoders(tmp_path_factory.mktemp("encoders"), sample_texts())


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("bert", ["the", "##s", "."]),
        ("albert", ["▁the", "s", "."]),
        ("albert-wordpiece", ["the", "##s", "."]),
    ],
)
def test_pieces_that_begin_words(name, pieces, tokenizers):
    tokenizer = AutoTokenizer.from_pretrained(tokenizers / name)
    vocabulary = read_vocabulary(tokenizer, name)
    numbers = tokenizer.convert_tokens_to_ids(pieces)
    assert tokenizer.unk_token_id not in numbers
    assert vocabulary.begins[numbers].tolist() == [True, False, True]
    assert sorted(np.flatnonzero(vocabulary.special)) == sorted(tokenizer.all_special_ids)
    assert vocabulary.special.sum() == 5
    special = (vocabulary.cls, vocabulary.sep, vocabulary.mask, vocabulary.pad)
    names = [name.replace("<pad>", "[PAD]") for name in tokenizer.convert_ids_to_tokens(special)]
    assert names == ["[CLS]", "[SEP]", "[MASK]", "[PAD]"]


def test_a_tokenizer_that_does_not_serve_is_reported(tokenizers):
    slow = AutoTokenizer.from_pretrained(tokenizers / "bert", use_fast=False)
    with pytest.raises(InputError, match=r"'org/bert' cannot be trained further: .* has a slow tokenizer"):
        read_vocabulary(slow, "org/bert")
    without = AutoTokenizer.from_pretrained(tokenizers / "bert", mask_token=None)
    with pytest.raises(InputError, match=r"has no \[CLS\], \[SEP\], \[MASK\] or \[PAD\]"):
        read_vocabulary(without, "bert")
