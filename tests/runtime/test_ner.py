"""The recognizer: mentions without blanks at their ends, what is annotated before stays, batches that fail."""

from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span

from scripts.runtime.cut import TOKENS
from scripts.runtime.ner import BatchRecognizer, Found, has_no_annotations
from tests.recognizers import WORDS, annotate, build, recognizer_of, shuffle, spacys, trim


@pytest.fixture(scope="module", params=[(False, 2), (False, 1), (True, 3)], ids=str)
def nlp(request: pytest.FixtureRequest) -> Language:
    return build(*request.param)


def test_entities_of_all_kinds_are_found_by_our_search(nlp: Language):
    lengths = set()
    for seed in range(20):
        shuffle(nlp, seed)
        docs = [nlp.make_doc(" ".join(WORDS * 4)) for _ in range(3)]
        found = recognizer_of(nlp).predict(docs)
        assert all(isinstance(one, Found) for one in found)
        lengths |= {min(3, entity.end - entity.start) for one in found for entity in one.mentions}
    assert lengths == {1, 2, 3}


def preset(nlp: Language, words: list[str], spans: list[tuple[int, int]], sentences: list[int]) -> Doc:
    """A note that has entities and starts of sentences before, where there is room for them."""
    doc = nlp.make_doc(" ".join(words))
    ends, chosen = 0, []
    for start, length in sorted(spans):
        if ends <= start and start + length <= len(doc):
            chosen.append(Span(doc, start, start + length, "problem", kb_id="C1"))
            ends = start + length
    doc.set_ents(chosen, default="missing")
    for place in sentences:
        if place < len(doc):
            doc[place].is_sent_start = True
    return doc


WORD_LISTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30)
SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), max_size=2)
STARTS = st.lists(st.integers(0, 20), max_size=2)


@settings(max_examples=150)
@given(notes=st.lists(st.tuples(WORD_LISTS, SPANS, STARTS), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_only_what_is_added_is_trimmed_and_what_was_there_before_stays(nlp: Language, notes: list[Any], seed: int):
    theirs = shuffle(nlp, seed)
    before, docs, same = ([preset(nlp, *note) for note in notes] for _ in range(3))
    found, expected = annotate(recognizer_of(nlp), docs), annotate(theirs, same)
    for doc, old, ents, other in zip(docs, before, found, expected, strict=True):
        given = [(ent.start, ent.end, ent.label_) for ent in old.ents]
        assert set(given) <= set(ents)
        new = [ent for ent in ents if ent not in given]
        assert new == trim(doc, [ent for ent in other if ent not in given])
        assert not any(doc[start].is_space or doc[end - 1].is_space for start, end, _ in new)
        inside = {place for start, end, _ in ents for place in range(start, end)}
        assert all((token.ent_iob_ == "O") == (token.i not in inside) for token in doc)
        assert all(doc[place].ent_kb_id_ == "C1" for start, end, _ in given for place in range(start, end))


@pytest.mark.parametrize("before", ["nothing", "entity", "sentence"])
def test_mentions_that_ended_in_blanks_are_among_those_that_are_compared(nlp: Language, before: str):
    trimmed = 0
    for seed in range(20):
        theirs = shuffle(nlp, seed)
        spans, starts = [(2, 2)] * (before == "entity"), [5] * (before == "sentence")
        note = (["she", "denies", "pain", "\n", " \r\n ", ".", *WORDS * 3], spans, starts)
        docs, same = ([preset(nlp, *note), nlp.make_doc(" ".join(WORDS * 3))] for _ in range(2))
        found, expected = annotate(recognizer_of(nlp), docs), annotate(theirs, same)
        trimmed += sum(len(set(one) - set(other)) for one, other in zip(found, expected, strict=True))
        if before == "entity":
            assert docs[0][3].is_space
            assert (2, 4, "problem") in found[0]
    assert trimmed > 10


def test_what_a_doc_says_besides_stays_as_spacy_leaves_it(nlp: Language):
    for seed in range(20):
        theirs = shuffle(nlp, seed)
        docs, same = ([nlp.make_doc("she denies chest pain . no fever since then .")] for _ in range(2))
        assert annotate(recognizer_of(nlp), docs) == annotate(theirs, same)
        assert docs[0].to_bytes() == same[0].to_bytes()


def test_a_label_added_later_is_left_to_spacy():
    nlp = build()
    ner = recognizer_of(nlp)
    ner.add_label("test")
    docs, same = ([nlp.make_doc("she denies chest \n pain")] for _ in range(2))
    assert not any(isinstance(found, Found) for found in ner.predict(docs))
    assert annotate(ner, docs) == [trim(same[0], annotate(spacys(nlp), same)[0])]


def test_entities_and_starts_of_sentences_are_annotations_and_nothing_else_is(nlp: Language):
    assert has_no_annotations(preset(nlp, ["chest", "pain"], [], []))
    assert has_no_annotations(preset(nlp, ["chest", "pain"], [], [0]))
    assert not has_no_annotations(preset(nlp, ["chest", "pain"], [], [1]))
    assert not has_no_annotations(preset(nlp, ["chest", "pain"], [(0, 1)], []))
    outside = nlp.make_doc("chest pain")
    outside.ents = []
    assert has_no_annotations(outside)


@pytest.mark.parametrize(("size", "expected"), [(1000, -(-TOKENS // 400)), (3, 3)])
def test_a_batch_is_handed_on_as_soon_as_it_is_full(nlp: Language, size: int, expected: int):
    docs, taken = [nlp.make_doc("pain " * 400) for _ in range(20)], []
    found = recognizer_of(nlp).pipe((taken.append(doc) or doc for doc in docs), batch_size=size)
    assert next(found) is docs[0]
    assert len(taken) == expected
    assert [docs[0], *found] == docs


def test_a_batch_that_fails_is_reported_and_the_others_come(nlp: Language, monkeypatch: pytest.MonkeyPatch):
    ner = recognizer_of(nlp)
    docs = [nlp.make_doc(word * TOKENS) for word in ("pain ", "fever ", "cough ")]
    predict, reported = ner.predict, []

    def fail(batch: list[Doc]) -> Any:
        if docs[1] in batch:
            raise ValueError("no memory")
        return predict(batch)

    monkeypatch.setattr(ner, "predict", fail)
    with pytest.raises(ValueError, match="no memory"):
        list(ner.pipe(docs))
    handle = lambda name, pipe, failed, error: reported.append((name, pipe, failed, str(error)))  # noqa: E731
    monkeypatch.setattr(ner, "error_handler", handle, raising=False)
    assert [*ner.pipe(docs)] == [docs[0], docs[2]]
    assert reported == [("ner", ner, [docs[1]], "no memory")]


def test_it_is_saved_and_loaded(tmp_path: Any):
    nlp = build()
    shuffle(nlp, 3)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    text = " ".join(WORDS * 4)
    assert isinstance(again.get_pipe("ner"), BatchRecognizer)
    assert [str(ent) for ent in again(text).ents] == [str(ent) for ent in nlp(text).ents] != []
    assert [doc.to_bytes() for doc in again.pipe([text, "", "pain"])] == [nlp(t).to_bytes() for t in (text, "", "pain")]
