"""Notes laid into blocks of wordpieces, as long as the encoder takes them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from scripts.masking import Vocabulary
from scripts.pretrain.notes import EncodedNote


class Block(NamedTuple):
    """What the encoder sees at once: [CLS], stretches of notes with [SEP] between them, [SEP].

    ids (np.ndarray): The wordpieces.
    pieces (int): How many of them are the notes' own.
    """

    ids: np.ndarray
    pieces: int


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
