"""The wordpieces of notes, and the tokens that they belong to."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc
from tokenizers import Tokenizer
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast


class Pieces(NamedTuple):
    """The wordpieces of a note in order, special ones left out: its text, and arrays of int64, one number a piece.

    ids: Places in the vocabulary.
    starts, ends: Characters.
    first, last: The tokens that a piece shares a character with, from `first` up to, not including, `last`.
    """

    text: str
    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    last: np.ndarray


class JoinedPieces(NamedTuple):
    """All pieces of some notes in one row, numbered through, and so are their tokens.

    ids: Places of the pieces in the vocabulary.
    windows: Start and end pieces, windows x 2.
    covered: The tokens of the first piece, of the second and so on; a piece may have none or several.
    starts: Where each piece begins in `covered`, with the end behind.
    counts: How many pieces each token has.
    """

    ids: np.ndarray
    windows: np.ndarray
    covered: np.ndarray
    starts: np.ndarray
    counts: np.ndarray


def read_pieces(backend: Tokenizer, docs: Sequence[Doc]) -> list[Pieces]:
    """Cut each note into wordpieces, once and to its end, and find their tokens.

    backend (Tokenizer): One that neither truncates nor pads.
    """
    texts = [doc.text for doc in docs]
    encodings = backend.encode_batch(texts, add_special_tokens=False)
    return [
        align(doc, text, encoding.ids, encoding.offsets)
        for doc, text, encoding in zip(docs, texts, encodings, strict=True)
    ]


def align(doc: Doc, text: str, ids: list[int], offsets: list[tuple[int, int]]) -> Pieces:
    """Find the tokens of each piece by the characters that both cover."""
    token_starts, lengths = doc.to_array([IDX, LENGTH]).astype(np.int64).reshape(-1, 2).T
    starts, ends = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    first = np.searchsorted(token_starts + lengths, starts, side="right")
    last = np.searchsorted(token_starts, np.maximum(ends, starts + 1), side="left")
    return Pieces(text, np.array(ids, dtype=np.int64), starts, ends, first, np.maximum(first, last))


def join_pieces(pieces: Sequence[Pieces], windows: Sequence[np.ndarray], lengths: Sequence[int]) -> JoinedPieces:
    """Number the pieces and tokens of notes through.

    windows (Sequence[np.ndarray]): The windows of each note, windows x 2.
    lengths (Sequence[int]): Tokens of each note.
    """
    shifts = np.cumsum([0, *(len(note.ids) for note in pieces)])
    covered, starts = find_tokens(pieces, lengths)
    return JoinedPieces(
        ids=np.concatenate([note.ids for note in pieces]),
        windows=np.concatenate([note + shift for note, shift in zip(windows, shifts, strict=False)]),
        covered=covered,
        starts=starts,
        counts=np.bincount(covered, minlength=sum(lengths)),
    )


def find_tokens(pieces: Sequence[Pieces], lengths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of each piece, as numbers among those of all notes.

    lengths (Sequence[int]): Tokens of each note.
    RETURNS (tuple[np.ndarray, np.ndarray]): `covered` and `starts` of JoinedPieces.
    """
    first = np.concatenate([note.first + shift for note, shift in zip(pieces, np.cumsum([0, *lengths]), strict=False)])
    counts = np.concatenate([note.last - note.first for note in pieces])
    starts = np.concatenate([[0], np.cumsum(counts)])
    return np.repeat(first - starts[:-1], counts) + np.arange(starts[-1]), starts


def special_pieces(tokenizer: Tokenizer | PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """The ids of the pieces that the encoder expects before and after a text, such as [CLS] and [SEP].

    They are put there by the backend's post-processor, if it has one. Hugging Face's class does not always know them:
    that of ModernBERT's tokenizer, PreTrainedTokenizerFast, knows none. Takes 10 us, and changes nothing.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if backend.post_processor is None:
        return [], []
    whole = backend.post_processor.process(backend.encode("a", add_special_tokens=False))
    ids, special, real = np.array([whole.ids, whole.special_tokens_mask, whole.attention_mask])
    text = np.flatnonzero(special == 0)
    real = real.astype(bool)  # a tokenizer that users have may pad, on either side
    return ids[: text[0]][real[: text[0]]].tolist(), ids[text[-1] + 1 :][real[text[-1] + 1 :]].tolist()
