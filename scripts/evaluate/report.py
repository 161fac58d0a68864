"""The scores as they are printed."""

from typing import Any

from wasabi import msg

from scripts.corpus.scores import UNDEFINED


def print_scores(metrics: dict[str, Any]) -> None:
    """Print the scores, in per cent, by label and overall; recall and F of no mention are undefined."""
    per_type = metrics["ents_per_type"]
    rows = [[label, *_cells(scores)] for label, scores in per_type.items()]
    rows.append(["all", *_cells({name: metrics[f"ents_{name}"] for name in "prf"} | {"support": metrics["support"]})])
    msg.table(rows, header=["", "P", "R", "F", "support"], aligns=["l", *"rrrr"], divider=True)
    if not metrics["support"]:
        msg.warn(UNDEFINED)


def _cells(scores: dict[str, Any]) -> list[str]:
    shown = [f"{100 * scores[name]:.2f}" if name == "p" or scores["support"] else "-" for name in "prf"]
    return [*shown, f"{scores['support']:,}"]
