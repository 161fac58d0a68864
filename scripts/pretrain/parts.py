"""The blocks to train on, and those held out to judge the training by."""

from collections.abc import Sequence
from typing import NamedTuple

from scripts.cli import InputError
from scripts.masking import Vocabulary
from scripts.pretrain.blocks import Block, pack
from scripts.pretrain.notes import HASHES, EncodedNote

HELD_OUT = 0.05  # share of the notes
MOST_HELD_OUT = 0.25  # share of the pieces; if one note is more than this, blocks are held out instead


class Parts(NamedTuple):
    """The blocks to train on, and those by which the training is judged.

    held_out_notes (int): Number of notes held out; 0 if the last blocks of all notes are.
    """

    train: list[Block]
    held_out: list[Block]
    held_out_notes: int


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
