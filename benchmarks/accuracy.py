"""Whether speed costs accuracy: strict F1 of our layers and of spacy-transformers' own in float32, over seeds.

python -m benchmarks.accuracy sample encoders/bert-compact
python -m benchmarks.accuracy ../shared/data/bc5cdr.tar.xz encoders/bert-compact --epochs 2

Both are trained and evaluated by the project's own commands, with the same seeds, schedules and batches, and without
assertions, which spacy-transformers has no layers for.
"""

import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from benchmarks.encoders import name_and_source, run
from benchmarks.pipelines import STOCK, change, read_config
from scripts import cli

RESULTS = Path(__file__).parent / "results" / "accuracy.jsonl"


def main(
    corpus: Annotated[str, typer.Argument(help="A corpus known by name, or a folder or archive of notes")],
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder")],
    epochs: Annotated[int, typer.Option(help="Passes over the training notes")] = 5,
    seeds: Annotated[int, typer.Option(help="How many seeds")] = 3,
    first: Annotated[int, typer.Option(help="The first of them")] = 1,
) -> None:
    """Fine-tune ENCODER on CORPUS with both, once a seed, and add its scores to the results."""
    name, source = name_and_source(corpus)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run("convert", name, source, work / "corpus")
        configs = {"medner": work / "medner.cfg", "spacy-transformers, float32": work / "stock.cfg"}
        read_config(encoder).to_disk(configs["medner"])
        change(read_config(encoder), STOCK).to_disk(configs["spacy-transformers, float32"])
        scores: dict[str, list[float]] = {side: [] for side in configs}
        for seed in range(first, first + seeds):
            metrics: Any = {}
            for side, config in configs.items():
                run("train", config, encoder, work / "corpus", work / "model", "--epochs", epochs, "--seed", seed)
                run("evaluate", work / "model/model-best", work / "corpus", work / "metrics")
                metrics = srsly.read_json(work / "metrics.json")
                scores[side].append(round(metrics["ents_f"], 4))
            row = {
                "corpus": name,
                "encoder": encoder.name,
                "epochs": epochs,
                "seed": seed,
                "ents_f": {side: found[-1] for side, found in scores.items()},
                "machine": metrics["machine"],
            }
            RESULTS.parent.mkdir(exist_ok=True)
            srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)
    report(scores, first)


def report(scores: dict[str, list[float]], first: int) -> None:
    """Print each side's F by seed, and the mean and spread of their differences."""
    rows = [(side, *(f"{100 * f:.2f}" for f in found), f"{100 * mean(found):.2f}") for side, found in scores.items()]
    ours, others = scores.values()
    apart = [100 * (one - other) for one, other in zip(ours, others, strict=True)]
    rows.append(("difference", *(f"{points:+.2f}" for points in apart), f"{mean(apart):+.2f}"))
    header = ("strict F1, %", *(f"seed {number}" for number in range(first, first + len(apart))), "mean")
    msg.table(rows, header=header, aligns=("l", *"r" * (len(header) - 1)), divider=True)
    if len(apart) > 1:
        msg.info(f"Spread of the difference over seeds (standard deviation): {stdev(apart):.2f} points")


if __name__ == "__main__":
    cli.run(main)
