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
    print_confidence(metrics["confidence"])
    if metrics["assertions"]:
        print_assertions(metrics["assertions"])


def print_confidence(scores: dict[str, Any] | None) -> None:
    """Print how far the confidences of mentions can be trusted."""
    if scores is None:
        msg.info("The mentions have no confidence.")
        return
    interval = "-".join(f"{100 * end:.2f}" for end in scores["ece_interval"].values())
    auroc = "undefined" if scores["auroc"] is None else f"{scores['auroc']:.3f}"
    if scores["without"]:
        msg.warn(f"{scores['without']:,} mentions have no confidence, and are not counted below.")
    msg.info(
        f"Confidence of {scores['number']:,} mentions: expected calibration error {100 * scores['ece']:.2f} points"
        f" ({interval}), Brier score {scores['brier']:.3f}, AUROC {auroc}."
    )


def print_assertions(scores: dict[str, Any]) -> None:
    """Print the scores of assertions, of given mentions by value and overall, and of found ones."""
    rows = [[value, *_cells(each)] for value, each in scores["given"]["per_value"].items()]
    rows.append(["all, of given mentions", *_cells(scores["given"]["micro"])])
    rows.append(["found, with the mention", *_cells(scores["end_to_end"]["micro"])])
    msg.table(rows, header=["assertion", "P", "R", "F", "support"], aligns=["l", *"rrrr"], divider=True)


def _cells(scores: dict[str, Any]) -> list[str]:
    shown = [f"{100 * scores[name]:.2f}" if name == "p" or scores["support"] else "-" for name in "prf"]
    return [*shown, f"{scores['support']:,}"]
