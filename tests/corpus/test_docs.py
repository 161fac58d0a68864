"""Notes to Docs: alignment, overlaps, fates, and the round trip through a DocBin."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from scripts.corpus.assertions import VALUES
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, Fate, create_nlp, to_doc
from scripts.corpus.note import Entity, Note

NLP = create_nlp()
STAYS = {*Fate} - {Fate.DROPPED}
TEXT = "She had acute chest pain ,\n took 10mg aspirin daily ."


def make_note(text: str, *mentions: tuple) -> Note:
    entities = (Entity(label, tuple(fragments), line) for line, (label, *fragments) in enumerate(mentions, 1))
    return Note("note-1", text, tuple(entities), "note-1.ann", "note-1.txt", "train")


def at(text: str, part: str) -> tuple[int, int]:
    return text.index(part), text.index(part) + len(part)


def ents(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_mentions_become_entities_and_gold_spans():
    note = make_note(TEXT, ("problem", at(TEXT, "acute chest pain")), ("treatment", at(TEXT, "aspirin")))
    doc, fates = to_doc(NLP, note)
    assert ents(doc) == [("acute chest pain", "problem"), ("aspirin", "treatment")]
    assert [span.text for span in doc.spans[GOLD]] == ["acute chest pain", "aspirin"]
    assert fates == [Fate.KEPT, Fate.KEPT]
    assert doc.text == TEXT and doc.user_data[NOTE_ID] == "note-1"


def test_the_longest_of_overlapping_mentions_is_the_entity():
    note = make_note(
        TEXT,
        ("problem", at(TEXT, "pain")),
        ("problem", at(TEXT, "acute chest pain")),
        ("person", at(TEXT, "chest")),
    )
    doc, fates = to_doc(NLP, note)
    assert ents(doc) == [("acute chest pain", "problem")]
    assert fates == [Fate.NESTED, Fate.KEPT, Fate.NESTED]
    assert [span.text for span in doc.spans[GOLD]] == ["pain", "acute chest pain", "chest"]


def test_of_equally_long_mentions_the_first_in_the_file_is_the_entity():
    crossing = [("test", at(TEXT, "chest pain")), ("problem", at(TEXT, "acute chest"))]
    assert ents(to_doc(NLP, make_note(TEXT, *crossing)).doc) == [("chest pain", "test")]
    same = [("Reason", at(TEXT, "pain")), ("ADE", at(TEXT, "pain"))]
    doc, fates = to_doc(NLP, make_note(TEXT, *same))
    assert ents(doc) == [("pain", "Reason")] and fates == [Fate.KEPT, Fate.NESTED]


def test_a_repeated_mention_is_a_duplicate_and_stays_in_gold():
    note = make_note(TEXT, ("problem", at(TEXT, "pain")), ("problem", at(TEXT, "pain")))
    doc, fates = to_doc(NLP, note)
    assert fates == [Fate.KEPT, Fate.DUPLICATE]
    assert ents(doc) == [("pain", "problem")] and len(doc.spans[GOLD]) == 2


def test_a_mention_inside_a_token_is_widened_to_it():
    doc, fates = to_doc(NLP, make_note(TEXT, ("problem", at(TEXT, "aspir"))))
    assert ents(doc) == [("aspirin", "problem")] and fates == [Fate.REALIGNED]
    assert doc.spans[GOLD].attrs["fragments"] == [[list(at(TEXT, "aspir"))]]


def test_blanks_at_the_ends_of_a_mention_are_trimmed():
    doc, fates = to_doc(NLP, make_note(TEXT, ("problem", at(TEXT, "\n took "))))
    assert ents(doc) == [("took", "problem")] and fates == [Fate.REALIGNED]


def test_a_mention_of_blanks_only_is_dropped():
    doc, fates = to_doc(NLP, make_note(TEXT, ("problem", at(TEXT, "\n "))))
    assert not doc.ents and not doc.spans[GOLD] and fates == [Fate.DROPPED]


def test_a_discontinuous_mention_is_its_envelope_with_the_fragments_kept():
    fragments = (at(TEXT, "acute"), at(TEXT, "pain"))
    doc, fates = to_doc(NLP, make_note(TEXT, ("problem", *fragments)))
    assert ents(doc) == [("acute chest pain", "problem")] and fates == [Fate.KEPT]
    assert doc.spans[GOLD].attrs["fragments"] == [[list(fragment) for fragment in fragments]]


def test_a_mention_may_run_over_a_line_end():
    doc, fates = to_doc(NLP, make_note(TEXT, ("problem", at(TEXT, "pain ,\n took"))))
    assert ents(doc) == [("pain ,\n took", "problem")] and fates == [Fate.KEPT]


def state(note: Note, *values: str) -> Note:
    """The note with what is said of its mentions, in their order."""
    pairs = zip(note.entities, values, strict=True)
    return note._replace(entities=tuple(entity._replace(assertion=value) for entity, value in pairs))


def test_each_mention_keeps_its_assertion_nested_ones_too():
    note = make_note(
        TEXT, ("problem", at(TEXT, "pain")), ("problem", at(TEXT, "acute chest pain")), ("treatment", at(TEXT, "aspir"))
    )
    doc, fates = to_doc(NLP, state(note, "possible", "absent", "conditional"))
    assert fates == [Fate.NESTED, Fate.KEPT, Fate.REALIGNED]
    assert doc.spans[GOLD].attrs["assertions"] == ["possible", "absent", "conditional"]
    assert [ent._.assertion for ent in doc.ents] == ["absent", "conditional"]


def test_a_mention_without_an_assertion_has_none():
    doc, _ = to_doc(NLP, make_note(TEXT, ("problem", at(TEXT, "pain"))))
    assert (doc.spans[GOLD].attrs["assertions"], doc.ents[0]._.assertion) == ([""], None)
    assert doc.ents[0]._.assertion_probability is None


@pytest.mark.parametrize(("first", "second"), [("problem", "test"), ("test", "problem")])
def test_of_two_labels_at_one_place_each_keeps_its_own(first, second):
    note = make_note(TEXT, (first, at(TEXT, "pain")), (second, at(TEXT, "pain")))
    values = {"problem": "absent", "test": ""}
    doc, _ = to_doc(NLP, state(note, values[first], values[second]))
    assert [(ent.label_, ent._.assertion) for ent in doc.ents] == [(first, values[first] or None)]
    assert [span.label_ for span in doc.spans[GOLD]] == [first, second]
    assert doc.spans[GOLD].attrs["assertions"] == [values[first], values[second]]


def test_the_assertion_of_a_dropped_mention_is_in_no_list():
    note = make_note(TEXT, ("problem", at(TEXT, "\n ")), ("problem", at(TEXT, "pain")))
    assert to_doc(NLP, state(note, "absent", "present")).doc.spans[GOLD].attrs["assertions"] == ["present"]


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t"])
def test_an_empty_note_becomes_an_empty_doc(text):
    doc, fates = to_doc(NLP, make_note(text))
    assert doc.text == text and not doc.ents and fates == []


@st.composite
def notes(draw) -> Note:
    alphabet = string.ascii_letters + string.digits + " \n\r\t.,;:/()[]*%<>-+\u00a0\u2005é°µ😀\x0c"
    text = draw(st.text(alphabet, min_size=1, max_size=80))
    offset = st.integers(0, len(text) - 1)
    fragment = st.tuples(offset, offset).map(lambda ends: (min(ends), max(ends) + 1))
    fragments = st.lists(fragment, min_size=1, max_size=3, unique=True).map(sorted)
    mention = st.tuples(st.sampled_from(["problem", "test"]), fragments)
    mentions = draw(st.lists(mention, max_size=8))
    values = [draw(st.sampled_from(["", *VALUES])) for _ in mentions]
    return state(make_note(text, *((label, *found) for label, found in mentions)), *values)


@given(notes())
@settings(max_examples=200)
def test_no_mention_is_lost_on_the_way_to_a_docbin_and_back(note):
    doc, fates = to_doc(NLP, note)
    packed = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=[doc]).to_bytes()
    (back,) = DocBin().from_bytes(packed).get_docs(NLP.vocab)
    assert back.text == note.text
    assert back.user_data[NOTE_ID] == note.id
    in_ents = [fate in (Fate.KEPT, Fate.REALIGNED) for fate in fates]
    assert len(back.ents) == sum(in_ents)
    gold = [entity for entity, fate in zip(note.entities, fates, strict=True) if fate is not Fate.DROPPED]
    assert len(back.spans[GOLD]) == len(gold)
    assert back.spans[GOLD].attrs["assertions"] == [entity.assertion for entity in gold]
    stated = {
        (span.start, span.end): entity.assertion or None
        for span, (entity, fate) in zip(
            back.spans[GOLD], [pair for pair in zip(note.entities, fates, strict=True) if pair[1] in STAYS], strict=True
        )
        if fate in (Fate.KEPT, Fate.REALIGNED)
    }
    assert {(ent.start, ent.end): ent._.assertion for ent in back.ents} == stated
    fragments = back.spans[GOLD].attrs["fragments"]
    for span, entity, found in zip(back.spans[GOLD], gold, fragments, strict=True):
        assert span.label_ == entity.label
        assert tuple(map(tuple, found)) == entity.fragments
        stripped = note.text[entity.start : entity.end].strip()
        assert stripped in span.text
    for entity, fate in zip(note.entities, fates, strict=True):
        if fate is Fate.KEPT:
            exact = [(ent.start_char, ent.end_char, ent.label_) for ent in back.ents]
            assert (entity.start, entity.end, entity.label) in exact


@given(notes())
@settings(max_examples=100)
def test_a_mention_is_left_out_only_for_one_at_least_as_long(note):
    doc, fates = to_doc(NLP, note)
    survivors = [span for span, fate in _spans(doc, fates) if fate is Fate.NESTED]
    for span in survivors:
        overlapping = [ent for ent in doc.ents if ent.start < span.end and span.start < ent.end]
        assert max(len(ent) for ent in overlapping) >= len(span)


def _spans(doc: Doc, fates: list[Fate]):
    return zip(doc.spans[GOLD], [fate for fate in fates if fate is not Fate.DROPPED], strict=True)
