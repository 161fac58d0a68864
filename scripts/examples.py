"""Passages of notes as HTML, and example errors: what of a page shows text of notes."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from spacy import displacy
from spacy.tokens import Doc, Span

from scripts.colours import label_colours
from scripts.docs import NOTE_ID, create_nlp, read_docs
from scripts.errors import Outcome, Pair, pair_mentions
from scripts.note import InputError

EACH = 2  # examples of a class and model
CONTEXT = 12  # tokens on either side


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


def find_examples(gold: Path, metrics: list[Path]) -> list[dict[str, Any]]:
    """A few errors of each class and model, from the first notes that have one.

    gold (Path): The gold notes, .spacy.
    metrics (list[Path]): Results of `evaluate`; the predicted notes lie beside each, as .spacy.
    RETURNS (list[dict[str, Any]]): `model`, `outcome`, and the `gold` and `predicted` sides as HTML.
    """
    golds, predictions, colours = read_sides(gold, [path.with_suffix(".spacy") for path in metrics])
    examples = []
    for path, docs in predictions.items():
        left = dict.fromkeys((outcome for outcome in Outcome if outcome is not Outcome.CORRECT), EACH)
        for one, other in zip(golds, docs, strict=True):
            for pair in pair_mentions(one, other):
                if left.get(pair.outcome):
                    left[pair.outcome] -= 1
                    sides = {"gold": _render(one, pair, colours), "predicted": _render(other, pair, colours)}
                    examples.append({"model": path.stem, "outcome": pair.outcome.value, **sides})
                    break
    return sorted(examples, key=lambda example: list(Outcome).index(Outcome(example["outcome"])))


def render_passage(part: Span, ents: Iterable[Span], colours: dict[str, str]) -> str:
    """A passage of a note with mentions in it, as displaCy's HTML."""
    # displaCy escapes the text, but not the labels (spaCy 3.8).
    options = {"colors": {escape(label): colour for label, colour in colours.items()}}
    content = {"text": part.text, "ents": [_place(ent, part) for ent in ents], "title": None}
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


def _render(doc: Doc, pair: Pair, colours: dict[str, str]) -> str:
    """The line around a pair, within its context, with all mentions of the side."""
    spans = [span for span in pair if span is not None]
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    low, high = _line_bounds(doc, start, end)
    return render_passage(doc[low:high], doc[low:high].ents, colours)


def _line_bounds(doc: Doc, start: int, end: int) -> tuple[int, int]:
    low, high = start, end
    while low > max(0, start - CONTEXT) and "\n" not in doc[low - 1].text:
        low -= 1
    while high < min(len(doc), end + CONTEXT) and "\n" not in doc[high].text:
        high += 1
    return low, high


def _place(ent: Span, part: Span) -> dict[str, Any]:
    start, end = ent.start_char - part.start_char, ent.end_char - part.start_char
    return {"start": start, "end": end, "label": escape(ent.label_)}
