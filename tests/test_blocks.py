"""Notes laid into blocks: no piece is lost or doubled, words stay whole, a share of the notes is held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.pretrain.blocks import HASHES, EncodedNote, Vocabulary, divide, pack

CLS, SEP, MASK, PAD, LENGTH = 0, 1, 2, 3, 12
# Of the pieces from 4 on, the even ones begin a word.
VOCABULARY = Vocabulary(np.arange(100) % 2 == 0, np.arange(100) < 4, CLS, SEP, MASK, PAD)
WORDS = st.lists(st.integers(2, 49), min_size=1, max_size=LENGTH - 2)
NOTES_OF_WORDS = st.lists(st.lists(WORDS, min_size=1, max_size=8), max_size=8)
NOTES = st.lists(st.lists(st.integers(4, 99), min_size=1, max_size=40), max_size=12)


def note(ids: list[int], hash: int = HASHES // 2) -> EncodedNote:
    return EncodedNote(np.array(ids, dtype=np.int32), hash)


def pieces(blocks) -> list[int]:
    return [int(piece) for block in blocks for piece in block.ids if piece not in (CLS, SEP)]


@given(NOTES)
def test_every_piece_is_in_one_block_in_order(notes):
    blocks = list(pack(map(note, notes), VOCABULARY, LENGTH))
    assert pieces(blocks) == [piece for ids in notes for piece in ids]
    assert sum(block.pieces for block in blocks) == sum(map(len, notes))
    for block in blocks:
        assert 3 <= len(block.ids) <= LENGTH and block.ids[0] == CLS and block.ids[-1] == SEP


@given(NOTES_OF_WORDS)
def test_words_are_not_cut_and_notes_are_separated(notes):
    notes = [
        [piece for word in words for piece in (2 * word[0], *(2 * more + 1 for more in word[1:]))] for words in notes
    ]
    for block in pack(map(note, notes), VOCABULARY, LENGTH):
        edges = np.flatnonzero(np.isin(block.ids, (CLS, SEP)))
        assert (block.ids[edges[:-1] + 1] % 2 == 0).all() and (np.diff(edges) > 1).all()
    if notes and sum(map(len, notes)) + len(notes) < LENGTH:
        (block,) = pack(map(note, notes), VOCABULARY, LENGTH)
        assert list(block.ids).count(SEP) == len(notes)


def test_a_block_ends_before_the_word_that_does_not_fit():
    (first, second) = pack([note([4, 6, 8, 5, 7, 9, 10, 11, 13, 15, 17, 19])], VOCABULARY, LENGTH)
    assert list(first.ids) == [CLS, 4, 6, 8, 5, 7, 9, SEP]
    assert list(second.ids) == [CLS, 10, 11, 13, 15, 17, 19, SEP]


def test_little_is_padded():
    words = np.random.default_rng(0).integers(2, 50, 30_000) * 2
    words[::3] += 1
    notes = [note(list(part)) for part in np.array_split(words, 700)]
    blocks = list(pack(notes, VOCABULARY, 128))
    assert sum(len(block.ids) for block in blocks) > 0.98 * 128 * len(blocks)


def some_notes(count: int) -> list[EncodedNote]:
    generator = np.random.default_rng(1)
    return [
        note(list(generator.integers(4, 100, 50)), int(generator.integers(0, HASHES, dtype=np.uint64)))
        for _ in range(count)
    ]


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
    notes = [note([4] * 50, HASHES - n) for n in range(1, 9)]
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
