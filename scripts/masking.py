"""Masked language modelling: which words of a block are hidden, and how (Devlin et al. 2019, Lan et al. 2020)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from scripts.cli import InputError

PIECES_PER_STEP = 4096  # of a training
IGNORED = -100  # label of a piece that is not to be restored, as Hugging Face has it


class Vocabulary(NamedTuple):
    """The encoder's wordpieces; the arrays hold a bool for each.

    begins (np.ndarray): Whether it begins a word.
    special (np.ndarray): Whether it is no text, such as [SEP], or stands for unknown text.
    cls, sep, mask, pad (int): Numbers of special pieces.
    """

    begins: np.ndarray
    special: np.ndarray
    cls: int
    sep: int
    mask: int
    pad: int


class Masking(NamedTuple):
    """How much is hidden.

    share (float): Of all words, and so of all pieces; 0 < share < 1.
    longest (int): Words of the longest span that is hidden at once.
    """

    share: float = 0.15
    longest: int = 1


def read_vocabulary(tokenizer: Any, encoder: str) -> Vocabulary:
    """Find which pieces begin a word: in WordPiece those without ##; in SentencePiece those with ▁, and all that hold
    more than letters, as in ALBERT's own create_pretraining_data.py.

    tokenizer (PreTrainedTokenizerBase): The encoder's.
    encoder (str): Its name, for the error.
    RAISES (InputError): It has no fast tokenizer of these kinds, or lacks a special piece.
    """
    kind = type(tokenizer.backend_tokenizer.model).__name__ if tokenizer.is_fast else "slow tokenizer"
    if kind not in ("WordPiece", "Unigram"):
        raise InputError(
            f"The encoder '{encoder}' cannot be trained further: it has to have a fast tokenizer with a WordPiece or"
            f" SentencePiece vocabulary, and has a {kind}."
        )
    special = [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id, tokenizer.pad_token_id]
    if None in special:
        raise InputError(
            f"The encoder '{encoder}' cannot be trained further: its tokenizer has no [CLS], [SEP], [MASK] or [PAD]."
        )
    pieces = [piece or "" for piece in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    if kind == "WordPiece":
        begins = [not piece.startswith("##") for piece in pieces]
    else:
        begins = [piece.startswith("▁") or not piece.isalpha() for piece in pieces]
    is_special = np.isin(np.arange(len(pieces)), tokenizer.all_special_ids)
    return Vocabulary(np.array(begins), is_special, *special)


def make_batch(
    blocks: Sequence[np.ndarray], vocabulary: Vocabulary, masking: Masking, generator: np.random.Generator
) -> dict[str, Tensor]:
    """Mask blocks and pad them to the longest of them.

    blocks (Sequence[np.ndarray]): The wordpieces of each, special ones included.
    generator (np.random.Generator): Decides all that is random.
    RETURNS (dict[str, Tensor]): input_ids, attention_mask and labels, blocks x pieces.
    """
    shape = len(blocks), max(map(len, blocks))
    seen, labels = np.full(shape, vocabulary.pad), np.full(shape, IGNORED)
    attention = np.zeros(shape, dtype=np.int64)
    for row, ids in enumerate(blocks):
        place = slice(len(ids))
        seen[row, place], labels[row, place] = mask_block(ids, vocabulary, masking, generator)
        attention[row, place] = 1
    arrays = {"input_ids": seen, "attention_mask": attention, "labels": labels}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def mask_block(
    ids: np.ndarray, vocabulary: Vocabulary, masking: Masking, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Hide whole words: 80 % of their pieces become [MASK], 10 % any other piece, 10 % stay as they are.

    RETURNS (tuple[np.ndarray, np.ndarray]): What the encoder sees, and what it has to restore, `IGNORED` elsewhere.
        Special pieces are left alone; one word is hidden at least.
    """
    special = vocabulary.special[ids]
    begins = vocabulary.begins[ids] | special
    begins[1:] |= special[:-1]  # behind a cut, the rest of a word longer than a block
    word = np.cumsum(begins) - begins[0]
    chosen = choose_words(int(word[-1]) + 1, masking, generator)[word] & ~special
    if not chosen.any() and not special.all():
        chosen = (word == generator.choice(word[~special])) & ~special
    kind = generator.random(len(ids))
    seen = np.where(chosen & (kind < 0.8), vocabulary.mask, ids)
    others = chosen & (kind >= 0.9)
    seen[others] = generator.choice(np.flatnonzero(~vocabulary.special), others.sum())
    return seen, np.where(chosen, ids, IGNORED)


def choose_words(words: int, masking: Masking, generator: np.random.Generator) -> np.ndarray:
    """Choose spans of 1 up to `longest` words, n words with a probability in proportion to 1/n, as ALBERT does.

    words (int): Number of words.
    RETURNS (np.ndarray): For each word whether it is chosen; the share of them that is wanted is, on average.
    """
    starts = generator.random(words) < start_rate(masking)
    lengths = generator.choice(np.arange(1, masking.longest + 1), words, p=odds(masking.longest))
    chosen = starts.copy()
    for more in range(1, masking.longest):
        chosen[more:] |= (starts & (lengths > more))[:-more]
    return chosen


def odds(longest: int) -> np.ndarray:
    """The probability of each length of a span, which add up to 1."""
    shares = 1 / np.arange(1, longest + 1)
    return shares / shares.sum()


@cache
def start_rate(masking: Masking) -> float:
    """The probability with which a span begins at a word, such that `share` of the words are in one, by bisection."""
    reaches = np.cumsum(odds(masking.longest)[::-1])[::-1]  # that a span has more than 0, 1, ... words
    low, high = 0.0, masking.share
    for _ in range(50):
        middle = (low + high) / 2
        too_many = 1 - np.prod(1 - middle * reaches) > masking.share
        low, high = (low, middle) if too_many else (middle, high)
    return high


def restoration_loss(head: Callable[[Tensor], Tensor], states: Tensor, labels: Tensor) -> tuple[Tensor, int]:
    """How badly the hidden pieces are restored: their cross-entropy, summed, and their number.

    head (Callable): Gives scores of all pieces of the vocabulary; it computes nothing but the hidden ones.
    states (Tensor): Of the encoder, blocks x pieces x width.
    labels (Tensor): As `make_batch` gives them.
    """
    hidden = labels != IGNORED
    scores = head(states[hidden])
    return F.cross_entropy(scores.float(), labels[hidden], reduction="sum"), int(hidden.sum())
