"""A share of the notes is held out, by hash, and nothing is lost by it."""

import numpy as np
import pytest

from scripts.cli import InputError
from scripts.masking import Vocabulary
from scripts.pretrain.blocks import pack
from scripts.pretrain.notes import HASHES, EncodedNote
from scripts.pretrain.parts import divide

CLS, SEP, MASK, PAD, LENGTH = 0, 1, 2, 3, 12
VOCABULARY = Vocabulary(np.arange(100) % 2 == 0, np.arange(100) < 4, CLS, SEP, MASK, PAD)


def note(ids: list[int], hash: int = HASHES // 2) -> EncodedNote:
    return EncodedNote(np.array(ids, dtype=np.int32), hash)


def some_notes(count: int) -> list[EncodedNote]:
    generator = np.random.default_rng(1)
    return [
        note(list(generator.integers(4, 100, 50)), int(generator.integers(0, HASHES, dtype=np.uint64)))
        for _ in range(count)
    ]


def pieces(blocks) -> list[int]:
    return [int(piece) for block in blocks for piece in block.ids if piece not in (CLS, SEP)]


def test_a_twentieth_of_the_notes_is_held_out_and_stays_so_when_others_are_added():
    few, many = divide(some_notes(400), VOCABULARY, LENGTH), divide(some_notes(800), VOCABULARY, LENGTH)
    assert 10 <= few.held_out_notes <= 30
    held = pieces(few.held_out)
    assert pieces(many.held_out)[: len(held)] == held
    assert len(pieces(few.train)) + len(held) == 400 * 50


def test_copies_of_a_note_are_on_the_same_side():
    notes = some_notes(40)
    parts = divide(notes * 3, VOCABULARY, LENGTH)
    assert parts.held_out_notes % 3 == 0 and parts.held_out_notes > 0


def test_one_note_at_least_is_held_out():
    notes = [note([4] * 50, HASHES - number) for number in range(1, 9)]
    parts = divide(notes, VOCABULARY, LENGTH)
    assert parts.held_out_notes == 1 and len(pieces(parts.held_out)) == 50


@pytest.mark.parametrize("notes", [[note([4] * 11)], [note([4] * 300)], [note([4, 6] * 100, 5), note([4, 5], 9)]])
def test_where_a_note_is_most_of_the_text_its_last_blocks_are_held_out(notes):
    parts = divide(notes, VOCABULARY, LENGTH)
    blocks = list(pack(notes, VOCABULARY, LENGTH))
    assert parts.held_out_notes == 0 and len(parts.held_out) == max(1, round(0.05 * len(blocks)))
    assert pieces(parts.train) + pieces(parts.held_out) == pieces(blocks) and parts.train


def test_text_of_one_block_is_too_short():
    with pytest.raises(InputError, match="10 wordpieces long"):
        divide([note([4] * 5), note([4] * 5, 7)], VOCABULARY, LENGTH)
    assert divide([note([4] * 5), note([4] * 6, 7)], VOCABULARY, LENGTH).train
