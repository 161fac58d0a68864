"""Example errors: the only text of notes that a report may show."""

from pathlib import Path
from typing import Any, NamedTuple

from spacy.tokens import Doc

from scripts.corpus.pairs import Outcome, Pair, pair_mentions
from scripts.pages.assertions import explain_assertions
from scripts.pages.passages import read_sides, render_passage

EACH = 2  # examples of a class and model
CONTEXT = 12  # tokens on either side


class Examples(NamedTuple):
    """Errors to show.

    rows (list[dict[str, Any]]): `model`, `outcome`, and the `gold` and `predicted` sides as HTML.
    assertions (dict[str, str]): The legend of the assertions that are drawn.
    """

    rows: list[dict[str, Any]]
    assertions: dict[str, str]


def find_examples(gold: Path, metrics: list[Path]) -> Examples:
    """A few errors of each class and model, from the first notes that have one.

    gold (Path): The gold notes, .spacy.
    metrics (list[Path]): Results of `evaluate`; the predicted notes lie beside each, as .spacy.
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
    examples.sort(key=lambda example: list(Outcome).index(Outcome(example["outcome"])))
    return Examples(examples, explain_assertions(doc for docs in (golds, *predictions.values()) for doc in docs))


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
