"""The comparison as a page and as Markdown: what a person reads."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from scripts.plots import draw_curves, draw_labels, draw_outcomes

# Of the student project that medner grew from: other notes of i2b2 2011, cut by row, so no test of ours.
PUBLISHED = {"bert": {"f": 0.8726, "accuracy": 0.9557}, "albert": {"f": 0.8667, "accuracy": 0.9518}}
DEFINITIONS = {
    "strict": "strict",
    "lenient": "lenient",
    "strict_all": "strict, all gold",
    "lenient_all": "lenient, all gold",
    "class_exact_all": "class exact, all gold",
    "seqeval": "seqeval",
}
MEANINGS = (
    "Strict: label and both ends are right; lenient: the label, and at least one character (both n2c2 2018, track 2);"
    " class exact: strict, one to one (i2b2 2010); seqeval: its default mode. All gold: with the gold mentions that"
    " overlap a longer one; else without them, as the model is trained."
)
AVERAGES = {"micro": "micro", "macro": "macro over labels", "per_document": "mean over notes (the macro of n2c2)"}
CONFUSIONS = 8  # rows


def render_html(
    comparison: dict[str, Any],
    logs: dict[str, list[dict[str, Any]]],
    ledger: dict[str, Any],
    examples: list[dict[str, Any]],
) -> str:
    """One page that needs nothing else.

    comparison (dict): As `compare` makes it.
    logs (dict): By model the rows of its training log; none if there is no log.
    ledger (dict): The corpus's conversion.json.
    examples (list[dict]): As `find_examples` makes them, the only text of notes; none to show none.
    """
    wrong = {
        name: {outcome: number for outcome, number in model["errors"]["outcomes"].items() if outcome != "correct"}
        for name, model in comparison["models"].items()
    }
    plots = {
        "labels": draw_labels(comparison["labels"]) if comparison["labels"] else "",
        "outcomes": draw_outcomes(wrong),
        "curves": [
            draw_curves(logs, key, title)
            for key, title in (("loss", "training loss"), ("ents_f", "F1 on dev, %"), ("ents_p", "precision on dev, %"),
                               ("ents_r", "recall on dev, %"))
        ] if any(logs.values()) else [],
        "without_log": [name for name, rows in logs.items() if not rows],
    }  # fmt: skip
    return _environment().get_template("report.html.jinja").render(
        comparison=comparison, plots=plots, ledger=ledger, examples=examples, **_words(comparison)
    )  # fmt: skip


def render_markdown(comparison: dict[str, Any]) -> str:
    """The tables alone, for a paper or a README."""
    return _environment().get_template("comparison.md.jinja").render(comparison=comparison, **_words(comparison))


def _words(comparison: dict[str, Any]) -> dict[str, Any]:
    return {
        "published": {name: scores for name, scores in PUBLISHED.items() if name in comparison["models"]},
        "definitions": DEFINITIONS,
        "meanings": MEANINGS,
        "averages": AVERAGES,
        "confusions": CONFUSIONS,
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: bool(name) and ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.2f}"
    environment.filters["points"] = lambda value: f"{100 * value:+.2f}"
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    return environment
