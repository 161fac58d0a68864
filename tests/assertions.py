"""Pipelines that learn what is said of a few mentions, for tests of the component and of what uses it."""

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from scripts.runtime.assertion import AssertionClassifier
from tests import encoders
from tests.pipelines import LINES, SEED, build

# What is said of "pain" in each
NOTES = {
    "she has pain .": "present",
    "she denies pain .": "absent",
    "mother had pain .": "associated_with_someone_else",
    "she denies any pain .": "absent",
}
CUES = [(text, text.index("pain"), value) for text, value in NOTES.items()]


def make_gold(nlp: Language, text: str, start: int, value: str | None) -> Doc:
    doc = nlp.make_doc(text)
    pain, she = doc.char_span(start, start + 4, "problem"), doc.char_span(0, 3, "person")
    doc.set_ents([span for span in (she if text.startswith("she") else None, pain) if span])
    if value:
        doc.ents[-1]._.assertion = value
    return doc


def make_examples(nlp: Language) -> list[Example]:
    return [Example(nlp.make_doc(text), make_gold(nlp, text, start, value)) for text, start, value in CUES]


def add_classifier(nlp: Language, **config: Any) -> AssertionClassifier:
    nlp.add_pipe("medner_assertion", name="assertion", config=config)
    nlp.initialize(lambda: make_examples(nlp))
    return classifier_of(nlp)


def classifier_of(nlp: Language) -> AssertionClassifier:
    component: Any = nlp.get_pipe("assertion")
    return component


def learn(nlp: Language, updates: int = 60) -> list[float]:
    fix_random_seed(SEED)
    optimizer, losses = Adam(0.003), []
    for _ in range(updates):
        losses.append(nlp.update(make_examples(nlp), sgd=optimizer, losses={})["assertion"])
    return losses


def make_learnt(folder: Path) -> Language:
    """A pipeline that has learnt, on a tiny encoder that is made in the folder; the same at every call."""
    fix_random_seed(SEED)
    encoders.BUILD["bert"](LINES, folder)
    nlp = build(folder, ner="medner_ner")
    add_classifier(nlp)
    learn(nlp)
    return nlp


def say(nlp: Language, docs: Any = None) -> list[tuple[str | None, float | None]]:
    """What is said of the mention of each note when it is given."""
    docs = docs or [make_gold(nlp, text, start, None) for text, start, _ in CUES]
    with nlp.select_pipes(disable="ner"):
        found = list(nlp.pipe(docs))
    return [(doc.ents[-1]._.assertion, doc.ents[-1]._.assertion_probability) for doc in found]
