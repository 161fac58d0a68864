"""The comparison as it is printed."""

from typing import Any

from wasabi import msg


def print_comparison(comparison: dict[str, Any]) -> None:
    """Print models across, scores down, in per cent, and the verdicts."""
    models = comparison["models"]
    rows = [
        [title, *(f"{100 * model[key]:.2f}" for model in models.values())]
        for key, title in (("ents_p", "P"), ("ents_r", "R"), ("ents_f", "F"), ("token_accuracy", "tokens"))
    ]
    rows += [
        [f"F {label}", *(f"{100 * scores[model]['f']:.2f}" for model in models)]
        for label, scores in comparison["labels"].items()
    ]
    rows.append(["words/s", *(f"{model['words_per_second']:,.0f}" for model in models.values())])
    msg.table(rows, header=["", *models], aligns=["l", *"r" * len(models)], divider=True)
    for difference in comparison["differences"]:
        msg.info(difference["sentence"])
