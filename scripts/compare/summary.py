"""The comparison as it is printed."""

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
    rows.append(["words/s", *(f"{model['words_per_second']:,.0f}" for model in models.values())])
    msg.table(rows, header=["", *models], aligns=["l", *"r" * len(models)], divider=True)
    for difference in comparison["differences"]:
        msg.info(difference["sentence"])


def _percent(score: float, is_defined: Any) -> str:
    return f"{100 * score:.2f}" if is_defined else "-"
