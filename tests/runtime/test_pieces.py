"""Wordpieces: none is lost, and each belongs to the tokens whose characters it covers."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from spacy.language import Language

from scripts.corpus.docs import create_nlp
from scripts.runtime.pieces import Pieces, find_tokens, join_pieces, read_pieces, special_pieces
from tests.helpers import hostile_text
from tests.pipelines import build, shim_of, transformer_of


@settings(max_examples=60)
@given(text=hostile_text(extra="\npain fever.", max_size=120))
def test_a_piece_belongs_to_the_tokens_whose_characters_it_covers(nlp: Language, text: str):
    doc = nlp.make_doc(text)
    (pieces,) = read_pieces(shim_of(nlp).tokenizer, [doc])
    for start, end, first, last in zip(pieces.starts, pieces.ends, pieces.first, pieces.last, strict=True):
        characters = range(start, max(end, start + 1))
        expected = [token.i for token in doc if {*characters} & {*range(token.idx, token.idx + len(token))}]
        assert [*range(first, last)] == expected


def test_a_note_is_read_to_its_end_whatever_the_tokenizer_was_saved_with(encoder: Path):
    nlp = build(encoder)
    tokenizer, doc = shim_of(nlp).tokenizer, nlp.make_doc("chest pain . " * 100)
    (whole,) = read_pieces(tokenizer, [doc])
    assert whole.ends[-1] >= len(doc.text.rstrip())
    tokenizer.backend_tokenizer.enable_truncation(max_length=20)
    tokenizer.backend_tokenizer.enable_padding(length=1000)
    for note in read_pieces(tokenizer, [doc, doc]):
        assert note.ids.tolist() == whole.ids.tolist()
    rows = transformer_of(nlp).predict([doc]).vectors[0]
    assert all(rows[token.i].any() for token in doc if not token.is_space)


def test_special_pieces_stand_around_a_text(nlp: Language):
    tokenizer = shim_of(nlp).tokenizer
    assert special_pieces(tokenizer) == ([tokenizer.cls_token_id], [tokenizer.sep_token_id])


def test_pieces_and_tokens_of_notes_are_numbered_through():
    docs = [create_nlp().make_doc(text) for text in ("chestpain", "a b")]
    notes = [
        Pieces(docs[0].text, *_arrays([7, 8], [0, 5], [5, 9], [0, 0], [1, 1])),  # two pieces of one token
        Pieces(docs[1].text, *_arrays([9], [0], [3], [0], [2])),  # one piece of two tokens
    ]
    covered, starts = find_tokens(notes, [1, 2])
    assert (covered.tolist(), starts.tolist()) == ([0, 0, 1, 2], [0, 1, 2, 4])
    joined = join_pieces(notes, [np.array([[0, 1], [1, 2]]), np.array([[0, 1]])], [1, 2])
    assert joined.ids.tolist() == [7, 8, 9]
    assert joined.windows.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert joined.counts.tolist() == [2, 1, 1]


def _arrays(*columns: list[int]) -> list[np.ndarray]:
    return [np.array(column) for column in columns]
