"""The text as one stream of wordpieces, cut into a masked batch for each step."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from tqdm import tqdm
from transformers import BertTokenizerFast

from scripts.cli import InputError
from scripts.corpus.texts import read_all_texts
from scripts.distill.encoder import LENGTH
from scripts.masking import PIECES_PER_STEP, Masking, Vocabulary, make_batch, read_vocabulary

SHORT = 128  # pieces of most blocks
LONG_EVERY = 16  # one step in sixteen has blocks of 512, or the later positions would be forgotten


class Batches(NamedTuple):
    """The batch of every step, by its number, so that a resumed training sees what it would have seen."""

    stream: np.ndarray
    vocabulary: Vocabulary
    masking: Masking
    seed: int

    def at(self, step: int) -> dict[str, Tensor]:
        """What `masking.make_batch` returns for the blocks of a step."""
        blocks = list(take_blocks(self.stream, step, self.seed, self.vocabulary))
        return make_batch(blocks, self.vocabulary, self.masking, np.random.default_rng([self.seed, 1, step]))

    def identity(self) -> dict[str, Any]:
        """All that decides the batches."""
        text = hashlib.sha256(self.stream.tobytes()).hexdigest()
        return {"text": text, "share": self.masking.share, "seed": self.seed}


def read_batches(source: Path, tokenizer: BertTokenizerFast, share: float, seed: int) -> Batches:
    """Read the text for a training in which this share of the words is hidden.

    RAISES (InputError): It cannot be read, is too short for one step, or is in a script unknown to the tokenizer.
    """
    vocabulary = read_vocabulary(tokenizer, tokenizer.name_or_path)
    stream = read_stream(source, tokenizer)
    if len(stream) < PIECES_PER_STEP:
        raise InputError(
            f"The text is {len(stream):,} wordpieces long, and one step takes {PIECES_PER_STEP:,}: give more text."
        )
    if vocabulary.special[stream].all():
        raise InputError("The encoder knows no piece of the text: it is in another script.")
    return Batches(stream, vocabulary, Masking(share), seed)


def read_stream(source: Path, tokenizer: BertTokenizerFast) -> np.ndarray:
    """Every text as pieces, shuffled by text, with [SEP] after each, in one array."""
    texts = list(read_all_texts(source, Counter()))
    order = np.random.default_rng(0).permutation(len(texts))
    parts = [np.array([], dtype=np.int32)]
    for start in tqdm(range(0, len(texts), 1000), desc="Cutting the text into pieces"):
        batch = [texts[place] for place in order[start : start + 1000]]
        encoded = tokenizer.backend_tokenizer.encode_batch(batch, add_special_tokens=False)
        parts += [np.array([*item.ids, tokenizer.sep_token_id], dtype=np.int32) for item in encoded]
    return np.concatenate(parts)


def take_blocks(stream: np.ndarray, step: int, seed: int, vocabulary: Vocabulary) -> np.ndarray:
    """The blocks of one step: [CLS], a stretch of the text, [SEP]; every stretch once before any comes again.

    stream (np.ndarray): At least as many pieces as one step takes.
    RETURNS (np.ndarray): Pieces, blocks x positions.
    """
    length = LENGTH if step % LONG_EVERY == LONG_EVERY - 1 else SHORT
    rows, width = PIECES_PER_STEP // length, length - 2
    epoch, place = divmod(step, len(stream) // PIECES_PER_STEP)
    order = np.random.default_rng([seed, 0, epoch]).permutation(len(stream) // PIECES_PER_STEP)
    start = order[place] * PIECES_PER_STEP
    body = stream[start : start + rows * width].reshape(rows, width).astype(np.int64)
    edge = np.ones((rows, 1), dtype=np.int64)
    return np.hstack([edge * vocabulary.cls, body, edge * vocabulary.sep])
