"""Compare evaluated models side by side.

python -m scripts.compare metrics/sample/comparison.json metrics/sample/bert.json metrics/sample/albert.json
"""

from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from scripts import cli
from scripts.evaluate import read_json
from scripts.note import InputError
from scripts.output import whole_file


def main(
    output: Annotated[Path, typer.Argument(help="The comparison to write, .json")],
    metrics: Annotated[list[Path], typer.Argument(help="Results of `evaluate`, .json")],
) -> None:
    """Write and print one table of the models that METRICS were measured of."""
    comparison = compare([read_json(path, "evaluate the model") for path in metrics])
    with whole_file(output) as path:
        srsly.write_json(path, comparison)
    report(comparison)
    msg.good(f"Compared {len(metrics)} models, see {output}")


def compare(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Line up the results of several models on the same notes.

    results (list[dict[str, Any]]): Each as `evaluate` writes it.
    RETURNS (dict[str, Any]): The corpus, the models' overall scores, and each label's F by model.
    RAISES (InputError): The models were measured on different notes.
    """
    if len({result["test_sha256"] for result in results}) > 1:
        models = ", ".join(result["model"] for result in results)
        raise InputError(f"{models} were evaluated on different notes: evaluate them again on the same.")
    labels = sorted({label for result in results for label in result["ents_per_type"]})
    overall = ("encoder", "ents_p", "ents_r", "ents_f", "token_accuracy", "words_per_second")
    return {
        **{key: results[0][key] for key in ("corpus", "notes", "words", "support")},
        "models": {result["model"]: {key: result[key] for key in overall} for result in results},
        "ents_f_per_type": {
            label: {result["model"]: result["ents_per_type"].get(label, {"f": 0.0})["f"] for result in results}
            for label in labels
        },
    }


def report(comparison: dict[str, Any]) -> None:
    """Print the comparison: models across, scores down, in per cent."""
    models = comparison["models"]
    rows = [
        [title, *(f"{100 * model[key]:.2f}" for model in models.values())]
        for key, title in (("ents_p", "P"), ("ents_r", "R"), ("ents_f", "F"), ("token_accuracy", "tokens"))
    ]
    rows += [
        [f"F {label}", *(f"{100 * scores[model]:.2f}" for model in models)]
        for label, scores in comparison["ents_f_per_type"].items()
    ]
    rows.append(["words/s", *(f"{model['words_per_second']:,}" for model in models.values())])
    msg.table(rows, header=["", *models], aligns=["l", *"r" * len(models)], divider=True)


if __name__ == "__main__":
    cli.run(main)
