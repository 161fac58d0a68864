"""Wordpieces: none is lost, and each belongs to the tokens whose characters it covers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from spacy.language import Language
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from scripts.corpus.docs import create_nlp
from scripts.runtime.pieces import Pieces, find_tokens, join_pieces, read_pieces, special_pieces
from tests.encoders import BUILD
from tests.helpers import hostile_text
from tests.pipelines import build, shim_of, transformer_of


@settings(max_examples=60)
@given(text=hostile_text(extra="\npain fever.", max_size=120))
def test_a_piece_belongs_to_the_tokens_whose_characters_it_covers(nlp: Language, text: str):
    doc = nlp.make_doc(text)
    (pieces,) = read_pieces(shim_of(nlp).backend, [doc])
    for start, end, first, last in zip(pieces.starts, pieces.ends, pieces.first, pieces.last, strict=True):
        characters = range(start, max(end, start + 1))
        expected = [token.i for token in doc if {*characters} & {*range(token.idx, token.idx + len(token))}]
        assert [*range(first, last)] == expected


def test_a_note_is_read_to_its_end_whatever_the_tokenizer_was_saved_with(encoder: Path):
    nlp = build(encoder)
    doc = nlp.make_doc("chest pain . " * 100)
    (whole,) = read_pieces(shim_of(nlp).backend, [doc])
    assert whole.ends[-1] >= len(doc.text.rstrip())
    nlp = build(encoder)
    shim_of(nlp).tokenizer.backend_tokenizer.enable_truncation(max_length=20)
    shim_of(nlp).tokenizer.backend_tokenizer.enable_padding(length=1000)
    for note in read_pieces(shim_of(nlp).backend, [doc, doc]):
        assert note.ids.tolist() == whole.ids.tolist()
    rows = transformer_of(nlp).predict([doc]).vectors[0]
    assert all(rows[token.i].any() for token in doc if not token.is_space)


@pytest.mark.parametrize("kind", BUILD)
def test_special_pieces_stand_around_a_text(make_encoder: Callable[[str], Path], kind: str):
    """Those that transformers puts there, and that the encoder was trained with."""
    tokenizer = AutoTokenizer.from_pretrained(make_encoder(kind))
    before, after = special_pieces(tokenizer)
    assert (before, after) == ([tokenizer.cls_token_id], [tokenizer.sep_token_id])
    for text in ("a", "she denies chest pain ."):
        pieces = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer(text)["input_ids"] == [*before, *pieces, *after]
    for side in ("left", "right"):
        tokenizer.backend_tokenizer.enable_padding(length=50, direction=side)
        assert special_pieces(tokenizer) == (before, after)


def processor(template: str) -> Any:
    """What puts special pieces around a text, such as "[CLS] $A"."""
    return processors.TemplateProcessing(template, None, [("[CLS]", 1), ("[SEP]", 2)])


@pytest.mark.parametrize(
    ("post_processor", "expected"),
    [
        (None, ([], [])),
        (processors.ByteLevel(), ([], [])),
        (processor("$A"), ([], [])),
        (processor("[CLS] $A"), ([1], [])),
        (processor("$A [SEP]"), ([], [2])),
        (processor("[CLS] [SEP] $A [SEP] [SEP]"), ([1, 2], [2, 2])),
        (processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)), ([1], [2])),
        (processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1)), ([1], [2])),
        (processors.Sequence([processors.ByteLevel(), processor("[CLS] $A [SEP]")]), ([1], [2])),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("model", ["Unigram", "WordLevel"])
def test_the_post_processor_says_which_pieces_are_special(model: str, post_processor: Any, expected: tuple):
    """Whatever the model is, and Hugging Face's class, which knows nothing of them here."""
    pieces = ["[UNK]", "[CLS]", "[SEP]", "a", "pain"]
    backend: Any = Tokenizer(
        models.Unigram([(piece, -1.0) for piece in pieces], unk_id=0)
        if model == "Unigram"
        else models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = post_processor
    assert special_pieces(backend) == expected
    assert special_pieces(PreTrainedTokenizerFast(tokenizer_object=backend)) == expected


def test_special_pieces_are_found_by_several_threads_at_once(nlp: Language):
    tokenizer, backend = shim_of(nlp).tokenizer, shim_of(nlp).backend
    docs = [nlp.make_doc("chest pain . " * 20)] * 8

    def work(number: int) -> Any:
        return special_pieces(backend) if number % 2 else len(read_pieces(backend, docs))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(80)))
    assert found == [8, ([tokenizer.cls_token_id], [tokenizer.sep_token_id])] * 40


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
