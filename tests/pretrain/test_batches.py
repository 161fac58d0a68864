"""The batch of every step: each block once an epoch, masked differently each time, and the same by the same seed."""

import numpy as np

from scripts.masking import IGNORED
from scripts.pretrain.batches import PIECES_PER_STEP, Batches


def test_each_block_is_seen_once_an_epoch_in_always_another_order(bert, corpus):
    batches = Batches(corpus.parts.train, bert, 2, None, 0)
    half = len(batches) // 2
    epochs = [
        [id(block) for step in steps for block in batches.blocks_of(step)]
        for steps in (range(half), range(half, 2 * half))
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(map(id, corpus.parts.train)) and epochs[0] != epochs[1]
    assert len(Batches(corpus.parts.train, bert, 9, 4, 0)) == 4


def test_a_step_has_as_many_pieces_as_is_said(bert, corpus):
    batches = Batches(corpus.parts.train, bert, 1, None, 0)
    assert batches.rows * bert.length == PIECES_PER_STEP
    assert batches.count_pieces() == sum(len(block.ids) for block in corpus.parts.train)
    assert sum(int(batches[step]["attention_mask"].sum()) for step in range(len(batches))) == batches.count_pieces()


def test_a_block_is_masked_differently_each_time_but_equally_by_the_same_seed(bert, corpus):
    block = corpus.parts.train[:1]
    first, again, other = (Batches(block, bert, 5, None, seed) for seed in (0, 0, 1))
    masks = [batch["labels"].tolist() for batches in (first, other) for batch in (batches[n] for n in range(5))]
    assert all(one != two for i, one in enumerate(masks) for two in masks[:i])
    assert all((first[n][name] == again[n][name]).all() for n in range(5) for name in first[n])


def test_as_much_is_hidden_as_in_the_papers(bert, corpus):
    batches = Batches(corpus.parts.train, bert, 4, None, 0)
    shares = [(batches[step]["labels"] != IGNORED).float().mean().item() for step in range(len(batches))]
    assert 0.13 < np.mean(shares) < 0.17
