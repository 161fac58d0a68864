"""Notes laid into blocks: no piece is lost or doubled, and words stay whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scripts.masking import Vocabulary
from scripts.pretrain.blocks import find_cut, pack
from scripts.pretrain.notes import EncodedNote

CLS, SEP, MASK, PAD, LENGTH = 0, 1, 2, 3, 12
# Of the pieces from 4 on, the even ones begin a word.
VOCABULARY = Vocabulary(np.arange(100) % 2 == 0, np.arange(100) < 4, CLS, SEP, MASK, PAD)
WORDS = st.lists(st.integers(2, 49), min_size=1, max_size=LENGTH - 2)
NOTES_OF_WORDS = st.lists(st.lists(WORDS, min_size=1, max_size=8), max_size=8)
NOTES = st.lists(st.lists(st.integers(4, 99), min_size=1, max_size=40), max_size=12)


def note(ids: list[int]) -> EncodedNote:
    return EncodedNote(np.array(ids, dtype=np.int32), 0)


def pieces(blocks) -> list[int]:
    return [int(piece) for block in blocks for piece in block.ids if piece not in (CLS, SEP)]


@given(NOTES)
def test_every_piece_is_in_one_block_in_order(notes):
    blocks = list(pack(map(note, notes), VOCABULARY, LENGTH))
    assert pieces(blocks) == [piece for ids in notes for piece in ids]
    assert sum(block.pieces for block in blocks) == sum(map(len, notes))
    for block in blocks:
        assert 3 <= len(block.ids) <= LENGTH and block.ids[0] == CLS and block.ids[-1] == SEP
        assert block.pieces == len(pieces([block]))


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


def test_a_word_longer_than_a_block_is_cut():
    (first, second) = pack([note([4, *range(5, 27, 2)])], VOCABULARY, LENGTH)
    assert [first.pieces, second.pieces] == [LENGTH - 2, 2]


def test_a_cut_is_where_the_last_whole_word_ends_that_fits():
    begins = np.array([True, False, True, True, False])
    assert [find_cut(begins, 0, room) for room in (-3, 0, 1, 2, 3, 4, 5, 9)] == [0, 0, 0, 2, 3, 3, 5, 5]


def test_little_is_padded():
    words = np.random.default_rng(0).integers(2, 50, 30_000) * 2
    words[::3] += 1
    notes = [note(list(part)) for part in np.array_split(words, 700)]
    blocks = list(pack(notes, VOCABULARY, 128))
    assert sum(len(block.ids) for block in blocks) > 0.98 * 128 * len(blocks)
