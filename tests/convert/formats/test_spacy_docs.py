"""Docs of spaCy: what convert wrote is read to the same notes, other files to their entities or spans."""

from pathlib import PurePosixPath

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import detect, spacy_docs
from scripts.corpus.assertions import VALUES
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, create_nlp, to_doc
from scripts.corpus.note import Entity, Note
from tests.helpers import hostile_text, problems, quoted

NLP = create_nlp()


def docbin(*docs: Doc, attrs: list[str] | None = None, name: str = "train.spacy") -> File:
    content = DocBin(attrs=attrs or DOCBIN_ATTRS, store_user_data=True, docs=docs).to_bytes()
    return File(PurePosixPath(name), content)


def read(*docs: Doc) -> list[Note]:
    files = [docbin(*docs)]
    assert detect(files) == "spacy"
    return list(spacy_docs.read(files))


@st.composite
def notes(draw: st.DrawFn) -> Note:
    text = draw(hostile_text(min_size=2))
    entities = []
    for line in range(draw(st.integers(0, 4))):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=4)))
        fragments = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        said = draw(st.sampled_from(("", *VALUES)))
        pairs = tuple(draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "ü c"])), max_size=2)))
        kb_id = draw(st.sampled_from(["", "C1", "x:y"]))
        if text[fragments[0][0] : fragments[-1][1]].strip():
            entities.append(Entity(draw(st.sampled_from("AB")), fragments, line, said, int(bool(said)), kb_id, pairs))
    return Note(draw(st.sampled_from(["n", "ward/1"])), text, tuple(entities), "", "")


@settings(max_examples=60)
@given(notes())
def test_what_convert_writes_is_read_to_the_same_note(note):
    [again] = read(to_doc(NLP, note).doc)
    assert (again.id, again.text, again.split, again.problems) == (note.id, note.text, "train", ())
    one, other = ([entity._replace(line=0) for entity in each.entities] for each in (note, again))
    assert one == other


def test_the_entities_of_other_docs_are_read():
    doc = spacy.blank("en")("She has fever and pain .")
    doc.set_ents([Span(doc, 2, 3, "problem", kb_id="C1")])
    [note] = spacy_docs.read([docbin(doc, attrs=["ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "TAG"])])
    assert (note.id, quoted(note), note.problems) == ("train-1", [("problem", "fever")], ())
    assert note.entities[0].kb_id == "C1"


def test_spans_are_read_where_there_are_no_entities_and_counted_where_there_are():
    doc = spacy.blank("en")("She has fever and pain .")
    doc.spans["sc"] = SpanGroup(doc, spans=[Span(doc, 2, 3, "problem"), Span(doc, 2, 5, "problem")])
    [note] = read(doc)
    assert quoted(note) == [("problem", "fever"), ("problem", "fever and pain")] and note.problems == ()
    doc.set_ents([Span(doc, 4, 5, "problem")])
    [note] = read(doc)
    assert quoted(note) == [("problem", "pain")]
    assert problems(note) == [(1, "mention of a span group that is not read", 1)] * 2


def test_the_names_are_those_of_converted_corpora():
    assert (spacy_docs._GOLD, spacy_docs._NAME) == (GOLD, NOTE_ID)


@pytest.mark.parametrize("content", [b"", b"x", docbin(NLP("fever")).data[:50]])
def test_damaged_files_are_named(content):
    with pytest.raises(InputError, match=r"dev.spacy is damaged"):
        list(spacy_docs.read([File(PurePosixPath("dev.spacy"), content)]))
