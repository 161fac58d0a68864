"""The scores as they are printed."""

from typing import Any

from wasabi import msg


def print_scores(metrics: dict[str, Any]) -> None:
    """Print the scores, in per cent, by label and overall."""
    per_type = metrics["ents_per_type"]
    rows = [[label, *_cells(scores)] for label, scores in per_type.items()]
    rows.append(["all", *_cells({name: metrics[f"ents_{name}"] for name in "prf"} | {"support": metrics["support"]})])
    msg.table(rows, header=["", "P", "R", "F", "support"], aligns=["l", *"rrrr"], divider=True)


def _cells(scores: dict[str, Any]) -> list[str]:
    return [*(f"{100 * scores[name]:.2f}" for name in "prf"), f"{scores['support']:,}"]
