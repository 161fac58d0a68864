"""The comparison as it is printed."""

from itertools import chain
from typing import Any

from wasabi import msg

OF_GOLD = ("ents_r", "ents_f")  # undefined where the gold notes have no mention


def print_comparison(comparison: dict[str, Any]) -> None:
    """Print models across, scores down, in per cent, and the verdicts."""
    models = comparison["models"]
    rows = [
        [title, *(_percent(model[key], key not in OF_GOLD or comparison["support"]) for model in models.values())]
        for key, title in (("ents_p", "P"), ("ents_r", "R"), ("ents_f", "F"), ("token_accuracy", "tokens"))
    ]
    rows += [
        [f"F {label}", *(_percent(scores[model]["f"], scores[model]["support"]) for model in models)]
        for label, scores in comparison["labels"].items()
    ]
    for task, title in (("given", "F assertion, given"), ("end_to_end", "F with assertion")):
        if comparison["assertions"]:
            scores = comparison["assertions"][task]["models"]
            rows.append([title, *(_percent(scores[model]["f"], scores[model]["support"]) for model in models)])
    if comparison["confidence"]:
        errors = (model["ece"] for model in comparison["confidence"].values())
        rows.append(["ECE of confidence", *(_percent(error, True) for error in errors)])
    rows.append(["words/s", *(f"{model['words_per_second']:,.0f}" for model in models.values())])
    msg.table(rows, header=["", *models], aligns=["l", *"r" * len(models)], divider=True)
    of_assertions = [comparison["assertions"][task]["differences"] for task in ("given", "end_to_end")
                     if comparison["assertions"]]  # fmt: skip
    for difference in chain(comparison["differences"], *of_assertions):
        msg.info(difference["sentence"])


def _percent(score: float, is_defined: Any) -> str:
    return f"{100 * score:.2f}" if is_defined else "-"
