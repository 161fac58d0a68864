"""The official task of assertions: the mentions are given, and what is said of each is to be found."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from scripts.corpus.docs import GOLD
from scripts.runtime.assertion import Assertion, AssertionClassifier

COMPONENT = "assertion"  # its name in our configs


class Given(NamedTuple):
    """A gold mention with what is said of it.

    span (Span): In the gold note.
    gold (str): What was annotated.
    found (Assertion | None): What was predicted; None where the pipeline says nothing of mentions of this label.
    """

    span: Span
    gold: str
    found: Assertion | None


def get_classifier(nlp: Language) -> AssertionClassifier | None:
    """The component of a pipeline that gives assertions; None if it has none."""
    component: Any = nlp.get_pipe(COMPONENT) if COMPONENT in nlp.pipe_names else None
    return component


def stated_mentions(doc: Doc) -> list[tuple[Span, str]]:
    """All gold mentions of which something is annotated, nested ones too."""
    group = doc.spans[GOLD]
    values = group.attrs.get("assertions") or [""] * len(group)
    return [(span, value) for span, value in zip(group, values, strict=True) if value]


def classify_given(nlp: Language, golds: Iterable[Doc]) -> Iterator[list[Given]]:
    """Have a pipeline say what it would of the gold mentions.

    nlp (Language): With the component for assertions.
    golds (Iterable[Doc]): Gold notes, cut into the tokens that the pipeline makes.
    YIELDS (list[Given]): For each note.
    """
    classifier = get_classifier(nlp)
    assert classifier is not None
    after = nlp.pipe_names[nlp.pipe_names.index("transformer") + 1 :]
    stream = nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True, disable=after)
    for doc, gold in stream:
        stated = stated_mentions(gold)
        spans = classifier.find_spans(Span(doc, span.start, span.end, span.label) for span, _ in stated)
        found = dict(zip(map(_key, spans), *classifier.classify([doc], [spans]), strict=True))
        yield [Given(span, value, found.get(_key(span))) for span, value in stated]


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label_
