"""Characters that nobody sees change no mention, and are none."""

import threading
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from tokenizers import Tokenizer

from scripts.corpus.docs import create_nlp
from scripts.runtime.invisible import is_invisible, see
from tests.paths import ROOT
from tests.pipelines import LINES, build, transformer_of, vectors
from tests.recognizers import recognizer_of, shuffle

# Of notes as they come: control characters, byte-order mark, zero width, soft hyphen, private use, accents of their own
CHARACTERS = "\x00\x08\x13\x14\x1b\x7f\xad\u200b\u200d\u200e\u202a\u2060\ufe0f\ufeff\ufffd\ue000\u0301"
NLP = create_nlp()
WORDS = ("chest", "pain", "denies", ".", "\n", "  ", "e\u0301tat", "nausea\u200b")


@pytest.fixture(scope="module")
def nlp(bert: Path) -> Language:
    return build(bert, ner="medner_ner")


def ents(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.mark.parametrize("character", CHARACTERS, ids=lambda character: f"{ord(character):04X}")
def test_what_encoders_take_away_is_invisible(character: str):
    assert is_invisible(character)


@pytest.mark.parametrize("character", [*"a0.%é\xb4°\u2022😀±µ→", *" \t\n\r\v\f\x1c\x85\xa0\u2028\u3000"])
def test_what_one_sees_and_blanks_are_not(character: str):
    assert is_invisible(character) == (character == "\xb4")  # an accent of its own, which ALBERT takes away


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_every_character_without_a_wordpiece_is_invisible_or_a_blank(name: str):
    tokenizer = Tokenizer.from_file(str(ROOT / f"encoders/{name}-compact/tokenizer.json"))
    characters = [chr(number) for number in range(0x30000) if unicodedata.category(chr(number)) != "Cs"]
    encodings = tokenizer.encode_batch(characters, add_special_tokens=False)
    without = [one for one, encoding in zip(characters, encodings, strict=True) if not encoding.ids]
    assert len(without) > 6000
    assert all(is_invisible(character) or character.isspace() for character in without)


def test_a_doc_in_which_all_is_seen_is_taken_as_it_is():
    for text in ("", "\n", "she denies chest pain .\n", "nau\u200bsea and e\u0301tat"):
        doc = NLP.make_doc(text)
        seen = see(doc)
        assert seen.doc is doc
        assert seen.tokens.tolist() == [*range(len(doc))]


@st.composite
def docs(draw: st.DrawFn) -> Doc:
    words = draw(st.lists(st.sampled_from([*WORDS, *CHARACTERS, "\ufeff\u200b"]), max_size=30))
    doc = Doc(NLP.vocab, words=words, spaces=[draw(st.booleans()) for _ in words])
    spans, start = [], 0
    while start < len(doc):
        length = draw(st.integers(1, 5))
        if draw(st.booleans()):
            spans.append(Span(doc, start, min(start + length, len(doc)), draw(st.sampled_from(["test", "problem"]))))
        start += length
    doc.set_ents(spans, default=draw(st.sampled_from(["outside", "missing"])))
    for ent in doc.ents:
        ent._.assertion = draw(st.sampled_from([None, "absent", "possible"]))
    for token in doc[1:] if len(doc) > 1 else ():
        token.is_sent_start = draw(st.sampled_from([True, False, None]))
    return doc


@settings(max_examples=300)
@given(docs())
def test_what_is_left_is_as_it_was(doc: Doc):
    seen = see(doc)
    invisible = [all(map(is_invisible, token.text)) for token in doc]
    assert seen.tokens.tolist() == [place for place, hidden in enumerate(invisible) if not hidden]
    for token, place in zip(seen.doc, seen.tokens.tolist(), strict=True):
        old = doc[place]
        assert (token.text, token.ent_type_) == (old.text, old.ent_type_)
        assert token.i == 0 or token.is_sent_start == old.is_sent_start
        assert (token.ent_iob_ in "BI") == (old.ent_iob_ in "BI") if old.ent_iob_ else not token.ent_iob_
    kept = [([token.text for token in ent if not invisible[token.i]], ent._.assertion) for ent in doc.ents]
    left = [([token.text for token in ent], ent._.assertion) for ent in seen.doc.ents]
    assert left == [(words, assertion) for words, assertion in kept if words]
    assert "".join(seen.doc.text.split()) == "".join("".join(token.text for token in seen.doc).split())


def test_a_blank_behind_what_is_left_out_stays():
    doc = Doc(NLP.vocab, ["\x13", "chest", "\x13", "pain", "\x14"], spaces=[True, False, True, False, True])
    assert see(doc).doc.text == "chest pain "


@pytest.mark.parametrize("before", ["nothing", "sentencizer", "entity_ruler"])
def test_mentions_are_those_of_the_note_without(bert: Path, before: str):
    """By our search and by spaCy's, which is taken where something is annotated before."""
    nlp = build(bert, ner="medner_ner")
    if before != "nothing":
        pipe: Any = nlp.add_pipe(before, first=True)
        if before == "entity_ruler":
            pipe.add_patterns([{"label": "test", "pattern": "ekg", "id": "C1"}])
    found = 0
    for seed in range(8):
        shuffle(nlp, seed)
        plain = list(nlp.pipe(LINES[:4]))
        for character in CHARACTERS:
            set_off = nlp.pipe(line.replace(" ", f" {character} ") + f" {character}" for line in LINES[:4])
            for doc, expected in zip(set_off, plain, strict=True):
                cleaned = [(" ".join(text.replace(character, "").split()), label) for text, label in ents(doc)]
                assert cleaned == ents(expected)
                assert not any(character in (ent.text[0], ent.text[-1]) for ent in doc.ents)
                assert all(ent[0].ent_id_ == "C1" for ent in doc.ents if ent.text == "ekg" and before == "entity_ruler")
                assert {token.ent_iob_ for token in doc} <= {*"BIO"}
            found += sum(len(doc.ents) for doc in plain)
    assert found > 500


def test_vectors_of_what_is_left_are_given_with_it(nlp: Language):
    doc, plain = nlp.make_doc("\ufeff chest \x13 pain"), nlp.make_doc("chest pain")
    transformer_of(nlp)(doc)
    np.testing.assert_array_equal(see(doc).doc._.trf_data.tensors[0][0], vectors(nlp, [plain])[0])


def test_vectors_are_dropped_as_of_other_notes(nlp: Language):
    assert [doc._.trf_data for doc in nlp.pipe(["\ufeff chest pain", "chest pain"])] == [None, None]


def test_a_note_of_nothing_else_has_no_mention(nlp: Language):
    for seed in range(4):
        shuffle(nlp, seed)
        for doc in [nlp("\ufeff \x13"), *nlp.pipe(["\x13", "", "\ufeff\x13\n"])]:
            assert not doc.ents
            assert all(token.ent_iob_ == "O" for token in doc)


def test_predicting_changes_no_doc(nlp: Language):
    docs = [nlp.make_doc(text) for text in ("\ufeff chest \x13 pain", "chest pain")]
    for doc in docs:
        transformer_of(nlp)(doc)
    recognizer_of(nlp).predict(docs)
    assert not any(doc.has_annotation("ENT_IOB") for doc in docs)


def test_a_note_beside_one_with_such_characters_is_left_alone(nlp: Language):
    """What users keep on it need not be copied."""
    docs = [nlp.make_doc(text) for text in ("\ufeff chest pain", "chest pain")]
    docs[1].user_data["connection"] = threading.Lock()
    for doc in docs:
        transformer_of(nlp)(doc)
    ner = recognizer_of(nlp)
    ner.set_annotations(docs, ner.predict(docs))
    assert all(doc.has_annotation("ENT_IOB") for doc in docs)


def test_an_entity_that_was_there_stays_whole(nlp: Language):
    doc = Doc(nlp.vocab, ["\ufeff", "ekg", "was", "normal"])
    doc.ents = [Span(doc, 0, 2, "test")]
    transformer_of(nlp)(doc)
    ner = recognizer_of(nlp)
    ner.set_annotations([doc], ner.predict([doc]))
    assert (doc.ents[0].start, doc.ents[0].end, doc.ents[0].label_) == (0, 2, "test")
