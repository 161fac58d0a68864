"""Notes as blocks of wordpieces, as long as the encoder takes them, for its pretraining."""

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from scripts.note import InputError

HELD_OUT = 0.05  # share of the notes
MOST_HELD_OUT = 0.25  # share of the pieces; if one note is more than this, blocks are held out instead
HASHES = 2**64


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


class EncodedNote(NamedTuple):
    """A note's wordpieces, without special ones, and the hash of its text, below 2**64."""

    ids: np.ndarray
    hash: int


class Block(NamedTuple):
    """What the encoder sees at once: [CLS], stretches of notes with [SEP] between them, [SEP].

    ids (np.ndarray): The wordpieces.
    pieces (int): How many of them are the notes' own.
    """

    ids: np.ndarray
    pieces: int


class Parts(NamedTuple):
    """The blocks to train on, and those by which the training is judged.

    held_out_notes (int): Number of notes held out; 0 if the last blocks of all notes are.
    """

    train: list[Block]
    held_out: list[Block]
    held_out_notes: int


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


def encode_notes(texts: Iterable[str], tokenizer: Any) -> Iterator[EncodedNote]:
    """Cut each text into wordpieces; nothing is kept on disk."""
    backend = copy.deepcopy(tokenizer.backend_tokenizer)  # the tokenizer is saved as it came
    backend.no_truncation()
    backend.no_padding()
    stream = iter(texts)
    while batch := list(islice(stream, 256)):
        for text, encoding in zip(batch, backend.encode_batch(batch, add_special_tokens=False), strict=True):
            digest = hashlib.sha256(text.encode("utf8")).digest()
            yield EncodedNote(np.array(encoding.ids, dtype=np.int32), int.from_bytes(digest[:8], "big"))


def divide(notes: Sequence[EncodedNote], vocabulary: Vocabulary, length: int) -> Parts:
    """Hold a share of the notes out, by hash: a note stays where it is when others are added, and so do its copies.

    Where that would be no note, the one with the lowest hash is taken; where it would be more than a quarter of all
    pieces, as with a single note, the last blocks are held out instead.

    notes (Sequence[EncodedNote]): None of them blank.
    length (int): Of a block, in pieces with the special ones.
    RAISES (InputError): The notes fill no more than one block.
    """
    total = sum(len(note.ids) for note in notes)
    if total <= length - 2:
        raise InputError(
            f"The notes are {total} wordpieces long, and one block of the encoder takes {length - 2}: give more text."
        )
    limit = max(int(HELD_OUT * HASHES), 1 + min(note.hash for note in notes))
    held_out = [note for note in notes if note.hash < limit]
    if sum(len(note.ids) for note in held_out) > MOST_HELD_OUT * total:
        blocks = list(pack(notes, vocabulary, length))
        place = len(blocks) - max(1, round(HELD_OUT * len(blocks)))
        return Parts(blocks[:place], blocks[place:], 0)
    train = [note for note in notes if note.hash >= limit]
    return Parts(list(pack(train, vocabulary, length)), list(pack(held_out, vocabulary, length)), len(held_out))


def pack(notes: Iterable[EncodedNote], vocabulary: Vocabulary, length: int) -> Iterator[Block]:
    """Lay the notes one after the other into blocks, cutting them between words where a block is full.

    length (int): Of a block, in pieces with the special ones.
    YIELDS (Block): Blocks that hold each piece of each note once, in order.
    """
    stretches: list[np.ndarray] = []
    for note in notes:
        begins, start = vocabulary.begins[note.ids], 0
        while start < len(note.ids):
            room = length - 2 - sum(map(len, stretches)) - len(stretches)
            end = find_cut(begins, start, room)
            if end == start and not stretches:  # a word longer than a block
                end = start + room
            if end > start:
                stretches.append(note.ids[start:end])
            if end < len(note.ids):
                yield _join(stretches, vocabulary)
                stretches = []
            start = end
    if stretches:
        yield _join(stretches, vocabulary)


def find_cut(begins: np.ndarray, start: int, room: int) -> int:
    """Where the whole words end that fit in: `start` if not one does.

    begins (np.ndarray): For each piece of the note, whether it begins a word.
    room (int): Number of pieces; may be negative.
    """
    if start + room >= len(begins):
        return len(begins)
    places = np.flatnonzero(begins[start + 1 : start + max(room, 0) + 1])
    return start + 1 + int(places[-1]) if len(places) else start


def _join(stretches: Sequence[np.ndarray], vocabulary: Vocabulary) -> Block:
    separator = np.array([vocabulary.sep], dtype=np.int32)
    parts = [np.array([vocabulary.cls], dtype=np.int32), *chain.from_iterable((part, separator) for part in stretches)]
    return Block(np.concatenate(parts), sum(map(len, stretches)))
