"""The comparison as a page and as Markdown: what a person reads."""

from pathlib import Path
from typing import Any

from scripts.compare.examples import Examples
from scripts.compare.plots import (
    draw_confusion,
    draw_curves,
    draw_labels,
    draw_outcomes,
    draw_reliability,
    draw_thresholds,
)
from scripts.corpus.copies import say_shared
from scripts.corpus.scores import UNDEFINED
from scripts.pages.environment import create_environment

TEMPLATES = Path(__file__).parent / "templates"
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
ASSERTIONS = {"given": "Mentions are given (the task of i2b2 2010)", "end_to_end": "Mention and assertion both right"}
CONFUSIONS = 8  # rows


def say_in_train(comparison: dict[str, Any]) -> str:
    """How many test texts the models have learnt from."""
    return f"{say_shared(comparison['in_train'], comparison['notes'], comparison['unit'])}."


_WORDS = {"definitions": DEFINITIONS, "meanings": MEANINGS, "averages": AVERAGES, "undefined": UNDEFINED,
          "confusions": CONFUSIONS, "tasks": ASSERTIONS, "in_train": say_in_train}  # fmt: skip


def render_html(
    comparison: dict[str, Any],
    logs: dict[str, list[dict[str, Any]]],
    ledger: dict[str, Any],
    examples: Examples | None,
) -> str:
    """One page that needs nothing else.

    comparison (dict): As `compare` makes it.
    logs (dict): By model the rows of its training log; none if there is no log.
    ledger (dict): The corpus's conversion.json.
    examples (Examples | None): The only text of notes; None to show none.
    """
    wrong = {
        name: {outcome: number for outcome, number in model["errors"]["outcomes"].items() if outcome != "correct"}
        for name, model in comparison["models"].items()
    }
    plots = {
        "labels": draw_labels(comparison["labels"]) if comparison["labels"] else "",
        "outcomes": draw_outcomes(wrong),
        "confusion": [
            draw_confusion(name, pairs) for name, pairs in (comparison["assertions"] or {}).get("confusion", {}).items()
        ],
        "confidence": [draw(comparison["confidence"]) for draw in (draw_reliability, draw_thresholds)
                       if comparison["confidence"]],
        "curves": [
            draw_curves(logs, key, title)
            for key, title in (("loss", "training loss"), ("ents_f", "F1 on dev, %"), ("ents_p", "precision on dev, %"),
                               ("ents_r", "recall on dev, %"))
        ] if any(logs.values()) else [],
        "without_log": [name for name, rows in logs.items() if not rows],
    }  # fmt: skip
    return create_environment(TEMPLATES).get_template("report.html.jinja").render(
        comparison=comparison, plots=plots, ledger=ledger, examples=examples.rows if examples else [],
        assertions=examples.assertions if examples else {}, **_WORDS
    )  # fmt: skip


def render_markdown(comparison: dict[str, Any]) -> str:
    """The tables alone, for a paper or a README."""
    return create_environment(TEMPLATES).get_template("comparison.md.jinja").render(comparison=comparison, **_WORDS)
