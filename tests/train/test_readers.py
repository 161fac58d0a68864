"""Reading notes for training: every token and entity of a long note is kept."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from scripts.corpus.assertions import VALUES
from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp
from scripts.train.readers import create_notes_reader, part_bounds, take_part

NLP = create_nlp()


@st.composite
def docs(draw) -> Doc:
    words = draw(st.lists(st.sampled_from(["chest", "pain", ".", "\n", "\n \n"]), max_size=60))
    doc = Doc(NLP.vocab, words=words, spaces=[word.isalpha() for word in words])
    ents, start = [], 0
    while start < len(doc):
        length = draw(st.integers(1, 12))
        if draw(st.booleans()):
            ents.append(Span(doc, start, min(start + length, len(doc)), "problem"))
        start += length
    doc.set_ents(ents)
    for ent in doc.ents:
        ent._.assertion = draw(st.sampled_from([None, *VALUES]))
    return doc


def stated(doc: Doc) -> list[tuple[str, str, str | None]]:
    return [(ent.text, ent.label_, ent._.assertion) for ent in doc.ents]


@given(docs(), st.integers(0, 10))
@settings(max_examples=200)
def test_the_parts_cover_the_doc_and_cut_no_entity(doc, limit):
    bounds = part_bounds(doc, limit)
    assert [start for start, _ in bounds] == [0, *(end for _, end in bounds)][: len(bounds)]
    assert (bounds[-1][1] if bounds else 0) == len(doc)
    for start, end in bounds:
        assert start < end and doc[start].ent_iob_ != "I"
        longest = max((len(ent) for ent in doc.ents if ent.start >= start and ent.end <= end), default=0)
        assert not limit or end - start <= max(limit, longest)


@given(docs(), st.integers(0, 10))
@settings(max_examples=100)
def test_the_parts_keep_every_assertion(doc, limit):
    parts = [take_part(doc, start, end) for start, end in part_bounds(doc, limit)]
    assert [pair for part in parts for pair in stated(part)] == stated(doc)
    assert not any(ent._.assertion_probability for part in parts for ent in part.ents)


def test_a_note_is_cut_after_the_last_line_end_that_fits():
    doc = NLP.make_doc("One two .\nThree four .\nFive six .\n")
    assert [doc[start:end].text for start, end in part_bounds(doc, 9)] == [
        "One two .\nThree four .\n",
        "Five six .\n",
    ]


@pytest.mark.parametrize("limit", [0, 3, 1000])
def test_examples_hold_all_tokens_and_entities(limit, tmp_path):
    doc = NLP.make_doc("He has acute chest pain .\nGiven 10mg aspirin .\n" * 20)
    doc.set_ents([Span(doc, i, i + 2, "problem") for i in range(3, len(doc) - 2, 7)])
    for ent, value in zip(doc.ents, VALUES * 9, strict=False):
        ent._.assertion = value
    empty = NLP.make_doc("")
    DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=[doc, empty]).to_disk(tmp_path / "a.spacy")
    examples = list(create_notes_reader(tmp_path / "a.spacy", limit)(NLP))
    assert "".join(example.reference.text_with_ws for example in examples) == doc.text
    assert [pair for example in examples for pair in stated(example.reference)] == stated(doc)
    assert len(doc.ents) > 20 and all(ent._.assertion for ent in doc.ents)
    for example in examples:
        assert [token.text for token in example.predicted] == [token.text for token in example.reference]
        assert not example.predicted.ents and not example.predicted.has_annotation("ENT_IOB")


def test_what_nobody_sees_is_not_learnt(tmp_path):
    """As the recognizer leaves it out, too: a model is trained with the same notes with and without it."""
    plain, sprinkled = NLP.make_doc("He has chest pain ."), NLP.make_doc("\ufeff He has chest \x13 pain\u200b .")
    plain.set_ents([Span(plain, 2, 4, "problem")])
    sprinkled.set_ents([sprinkled.char_span(sprinkled.text.index("chest"), sprinkled.text.index(" ."), "problem")])
    for name, doc in (("plain", plain), ("sprinkled", sprinkled)):
        doc.ents[0]._.assertion = "absent"
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=[doc]).to_disk(tmp_path / f"{name}.spacy")
    (one,), (other,) = (create_notes_reader(tmp_path / f"{name}.spacy", 0)(NLP) for name in ("plain", "sprinkled"))
    assert stated(one.reference) == stated(other.reference) == [("chest pain", "problem", "absent")]
    assert other.reference.to_bytes() == one.reference.to_bytes()
    assert other.predicted.text == one.predicted.text
