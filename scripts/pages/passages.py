"""Passages of notes as HTML: gold and predicted sides of the same notes, drawn by displaCy."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from spacy import displacy
from spacy.displacy.templates import TPL_ENT
from spacy.tokens import Doc, Span

from scripts.cli import InputError
from scripts.corpus.docs import NOTE_ID, create_nlp, read_docs
from scripts.pages.assertions import draw_assertion
from scripts.pages.colours import label_colours
from scripts.pages.confidence import confidences_of, draw_confidence

TEMPLATE = TPL_ENT.replace('class="entity"', 'class="entity"{title}')


class Sides(NamedTuple):
    """The same notes as they were annotated and as each model read them.

    golds (list[Doc]): The gold notes.
    predictions (dict[Path, list[Doc]]): By file the predicted notes, in the same order and of the same tokens.
    colours (dict[str, str]): A colour for every label of any side.
    """

    golds: list[Doc]
    predictions: dict[Path, list[Doc]]
    colours: dict[str, str]


def read_sides(gold: Path, predicted: Iterable[Path]) -> Sides:
    """Read gold and predicted notes.

    gold (Path): The gold notes, .spacy.
    predicted (Iterable[Path]): The notes that `evaluate` writes, .spacy, one file a model.
    RAISES (InputError): A file is missing or damaged, or the predicted notes are not the gold ones.
    """
    golds = read_docs(gold, create_nlp().vocab)
    predictions = {path: _read_predicted(path, golds) for path in predicted}
    every = (doc for docs in (golds, *predictions.values()) for doc in docs)
    return Sides(golds, predictions, label_colours(ent.label_ for doc in every for ent in doc.ents))


def render_passage(
    part: Span,
    ents: Iterable[Span],
    colours: dict[str, str],
    confidences: Sequence[Mapping[str, float]] | None = None,
) -> str:
    """A passage of a note with mentions in it, as displaCy's HTML.

    colours (dict[str, str]): By label.
    confidences (Sequence[Mapping[str, float]] | None): Of each mention by model; without them its own.
    """
    ents = list(ents)
    if confidences is None:
        confidences = [confidences_of("", ent) for ent in ents]
    # displaCy escapes the text, but not the labels (spaCy 3.8).
    drawn = [
        {
            "start": ent.start_char - part.start_char,
            "end": ent.end_char - part.start_char,
            "label": escape(ent.label_),
            "params": draw_assertion(ent) | draw_confidence(sure, colours[ent.label_]),
        }
        for ent, sure in zip(ents, confidences, strict=True)
    ]
    options = {"template": TEMPLATE}
    content = {"text": part.text, "ents": drawn, "title": None}
    return displacy.render(content, style="ent", manual=True, options=options, jupyter=False)


def _read_predicted(path: Path, golds: list[Doc]) -> list[Doc]:
    try:
        docs = read_docs(path, golds[0].vocab)
    except InputError:
        raise InputError(f"{path} is missing, damaged or empty: evaluate the model first.") from None
    if [_identity(doc) for doc in docs] != [_identity(doc) for doc in golds]:
        raise InputError(f"{path} holds other notes than the gold ones: evaluate the model again.")
    return docs


def _identity(doc: Doc) -> tuple[str, list[str]]:
    return doc.user_data.get(NOTE_ID, ""), [token.text_with_ws for token in doc]
