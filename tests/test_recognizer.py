"""Our search finds what spaCy's own search finds, whatever the weights, the texts and what is annotated before."""

from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.pipeline.ner import EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.training import Example

from scripts.corpus.docs import create_nlp
from scripts.runtime.ner import TOKENS, BatchRecognizer, Found

LABELS = ("problem", "treatment", "side-effect")
WORDS = ("chest", "pain", "denies", "aspirin", ".", "\n", "fever", "  ")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), min_size=1, max_size=8)


def build(upper: bool = False, pieces: int = 2) -> Language:
    nlp = create_nlp()
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 16, "depth": 1, "embed_size": 100, "window_size": 1,
        "maxout_pieces": 2, "subword_features": False, "pretrained_vectors": None}  # fmt: skip
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "extra_state_tokens": False,
        "hidden_width": 8, "maxout_pieces": pieces, "use_upper": upper, "nO": None, "tok2vec": tok2vec}  # fmt: skip
    nlp.add_pipe("medner_ner", name="ner", config={"model": model})
    doc = nlp.make_doc(" ".join(["pain"] * len(LABELS)))
    doc.ents = [Span(doc, place, place + 1, label) for place, label in enumerate(LABELS)]
    nlp.initialize(lambda: [Example(doc.copy(), doc)])
    return nlp


def shuffle(nlp: Language, seed: int) -> EntityRecognizer:
    """Random weights that make many entities, long ones among them; RETURNS spaCy's recognizer with the same."""
    ner: Any = nlp.get_pipe("ner")
    random = np.random.default_rng(seed)
    for node in ner.model.walk():
        for name in node.param_names:
            if node.has_param(name):
                node.set_param(name, random.normal(size=node.get_param(name).shape).astype("f"))
    return EntityRecognizer(nlp.vocab, ner.model, "ner", moves=ner.moves)


def annotate(ner: Any, docs: list[Doc]) -> list[list[tuple[int, int, str]]]:
    states = ner.predict(docs)
    ner.set_annotations(docs, states)
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]


@pytest.fixture(scope="module", params=[(False, 2), (False, 1), (True, 3)], ids=str)
def nlp(request: pytest.FixtureRequest) -> Language:
    return build(*request.param)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, seed=st.integers(0, 2**32 - 1))
def test_the_entities_are_those_of_spacy(nlp: Language, texts: list[str], seed: int) -> None:
    theirs, ours = shuffle(nlp, seed), nlp.get_pipe("ner")
    docs, same = ([nlp.make_doc(text) for text in texts] for _ in range(2))
    assert annotate(ours, docs) == annotate(theirs, same)
    assert [doc.to_bytes() for doc in docs] == [doc.to_bytes() for doc in same]


def test_entities_of_all_kinds_are_found_by_our_search(nlp: Language) -> None:
    lengths = set()
    for seed in range(20):
        shuffle(nlp, seed)
        docs = [nlp.make_doc(" ".join(WORDS * 4)) for _ in range(3)]
        found = nlp.get_pipe("ner").predict(docs)
        assert all(isinstance(one, Found) for one in found)
        lengths |= {min(3, entity.end - entity.start) for one in found for entity in one.entities}
    assert lengths == {1, 2, 3}


@pytest.mark.parametrize("before", ["entity", "sentence"])
def test_what_is_annotated_before_stays(nlp: Language, before: str) -> None:
    def make() -> list[Doc]:
        docs = [nlp.make_doc("she denies chest pain . no fever since then .") for _ in range(2)]
        if before == "entity":
            docs[1].ents = [Span(docs[1], 2, 4, "problem")]
        else:
            for token in docs[1]:
                token.is_sent_start = token.i in (0, 3, 5)
        return docs

    for seed in range(20):
        theirs = shuffle(nlp, seed)
        docs = make()
        found = annotate(nlp.get_pipe("ner"), docs)
        assert found == annotate(theirs, make())
        assert before == "sentence" or (2, 4, "problem") in found[1]


def test_a_label_added_later_is_left_to_spacy() -> None:
    nlp = build()
    ner: Any = nlp.get_pipe("ner")
    ner.add_label("test")
    theirs = EntityRecognizer(nlp.vocab, ner.model, "ner", moves=ner.moves)
    docs, same = ([nlp.make_doc("she denies chest pain")] for _ in range(2))
    assert annotate(ner, docs) == annotate(theirs, same)


@pytest.mark.parametrize(("size", "expected"), [(1000, -(-TOKENS // 400)), (3, 3)])
def test_a_batch_is_handed_on_as_soon_as_it_is_full(nlp: Language, size: int, expected: int) -> None:
    docs, taken = [nlp.make_doc("pain " * 400) for _ in range(20)], []
    found = nlp.get_pipe("ner").pipe((taken.append(doc) or doc for doc in docs), batch_size=size)
    assert next(found) is docs[0]
    assert len(taken) == expected
    assert [docs[0], *found] == docs


def test_a_batch_that_fails_is_told_and_the_others_come(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    ner: Any = nlp.get_pipe("ner")
    docs = [nlp.make_doc(word * TOKENS) for word in ("pain ", "fever ", "cough ")]
    predict, told = ner.predict, []

    def fail(batch: list[Doc]) -> Any:
        if docs[1] in batch:
            raise ValueError("no memory")
        return predict(batch)

    monkeypatch.setattr(ner, "predict", fail)
    with pytest.raises(ValueError, match="no memory"):
        list(ner.pipe(docs))
    handle = lambda name, pipe, failed, error: told.append((name, pipe, failed, str(error)))  # noqa: E731
    monkeypatch.setattr(ner, "error_handler", handle, raising=False)
    assert [*ner.pipe(docs)] == [docs[0], docs[2]]
    assert told == [("ner", ner, [docs[1]], "no memory")]


def test_it_is_saved_and_loaded(tmp_path: Any) -> None:
    nlp = build()
    shuffle(nlp, 3)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    text = " ".join(WORDS * 4)
    assert isinstance(again.get_pipe("ner"), BatchRecognizer)
    assert [str(ent) for ent in again(text).ents] == [str(ent) for ent in nlp(text).ents] != []
    assert [doc.to_bytes() for doc in again.pipe([text, "", "pain"])] == [nlp(t).to_bytes() for t in (text, "", "pain")]
