"""Results of several models, and which parts all of them have."""

from typing import Any

from wasabi import msg

Runs = dict[str, list[dict[str, Any]]]  # by model its results, one for each seed, as `evaluate` writes them


def all_have(runs: Runs, part: str, what: str) -> bool:
    """Whether all results have a part; told if only some have.

    what (str): The part in words, as a sentence begins with it.
    """
    without = [name for name, group in runs.items() if not all(result.get(part) for result in group)]
    if without and len(without) < len(runs):
        msg.warn(f"{what} are not compared: the results of {', '.join(without)} have none.")
    return not without
