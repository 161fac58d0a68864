"""Masked language modelling: which words of a block are hidden, and how (Devlin et al. 2019, Lan et al. 2020)."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from scripts.blocks import Block, Vocabulary

SHARE = 0.15  # of all pieces
IGNORED = -100  # label of a piece that is not to be restored, as Hugging Face has it


def make_batch(
    blocks: Sequence[Block], vocabulary: Vocabulary, longest: int, generator: np.random.Generator
) -> dict[str, Tensor]:
    """Mask blocks and pad them to the longest of them.

    longest (int): Words of the longest span that is masked at once.
    generator (np.random.Generator): Decides all that is random.
    RETURNS (dict[str, Tensor]): input_ids, attention_mask and labels, blocks x pieces.
    """
    shape = len(blocks), max(len(block.ids) for block in blocks)
    seen, labels = np.full(shape, vocabulary.pad), np.full(shape, IGNORED)
    attention = np.zeros(shape, dtype=np.int64)
    for row, block in enumerate(blocks):
        place = slice(len(block.ids))
        seen[row, place], labels[row, place] = mask_block(block.ids, vocabulary, longest, generator)
        attention[row, place] = 1
    arrays = {"input_ids": seen, "attention_mask": attention, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def mask_block(
    ids: np.ndarray, vocabulary: Vocabulary, longest: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Hide whole words: 80 % of their pieces become [MASK], 10 % any other piece, 10 % stay as they are.

    RETURNS (tuple[np.ndarray, np.ndarray]): What the encoder sees, and what it has to restore, `IGNORED` elsewhere.
        Special pieces are left alone; one word is hidden at least.
    """
    special = vocabulary.special[ids]
    begins = vocabulary.begins[ids] | special
    begins[1:] |= special[:-1]  # behind a cut, the rest of a word longer than a block
    word = np.cumsum(begins) - begins[0]
    chosen = choose_words(int(word[-1]) + 1, longest, generator)[word] & ~special
    if not chosen.any() and not special.all():
        chosen = (word == generator.choice(word[~special])) & ~special
    kind = generator.random(len(ids))
    seen = np.where(chosen & (kind < 0.8), vocabulary.mask, ids)
    others = chosen & (kind >= 0.9)
    seen[others] = generator.choice(np.flatnonzero(~vocabulary.special), others.sum())
    return seen, np.where(chosen, ids, IGNORED)


def choose_words(words: int, longest: int, generator: np.random.Generator) -> np.ndarray:
    """Choose spans of 1 up to `longest` words, n words with a probability in proportion to 1/n, as ALBERT does.

    words (int): Number of words.
    RETURNS (np.ndarray): For each word whether it is chosen; `SHARE` of them are, on average.
    """
    starts = generator.random(words) < start_rate(longest)
    lengths = generator.choice(np.arange(1, longest + 1), words, p=odds(longest))
    chosen = starts.copy()
    for more in range(1, longest):
        chosen[more:] |= (starts & (lengths > more))[:-more]
    return chosen


def odds(longest: int) -> np.ndarray:
    """The probability of each length of a span, which add up to 1."""
    shares = 1 / np.arange(1, longest + 1)
    return shares / shares.sum()


@cache
def start_rate(longest: int) -> float:
    """The probability with which a span begins at a word, such that `SHARE` of the words are in one, by bisection."""
    reaches = np.cumsum(odds(longest)[::-1])[::-1]  # that a span has more than 0, 1, ... words
    low, high = 0.0, SHARE
    for _ in range(50):
        middle = (low + high) / 2
        too_many = 1 - np.prod(1 - middle * reaches) > SHARE
        low, high = (low, middle) if too_many else (middle, high)
    return high
