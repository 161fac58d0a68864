"""What each precision of prediction costs in accuracy: strict F1 on the test notes, of trained pipelines.

python -m benchmarks.precisions corpus/sample training/sample/bert/model-best training/sample/albert/model-best

Pipelines of several seeds are trained by the project's own command, with `--seed`. `--hold avx2` reads as a processor
does that has no more, of which 8-bit products may depend.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import srsly
import typer
from thinc.api import get_torch_default_device
from wasabi import msg

from benchmarks.pipelines import load_ours
from benchmarks.processor import describe_processor, hold_to
from scripts import cli
from scripts.corpus.pipelines import encoder_name
from scripts.evaluate.predictions import predict, read_golds
from scripts.evaluate.scorers import count, flat_mentions, match_exact
from scripts.runtime.shim import PRECISIONS

RESULTS = Path(__file__).parent / "results" / "precisions.jsonl"
FIRST = "float32"  # what the others are compared with
MEASURED = (FIRST, *(name for name in PRECISIONS if name not in ("auto", FIRST)))


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    models: Annotated[list[Path], typer.Argument(help="Folders of pipelines trained on it", exists=True)],
    hold: Annotated[str, typer.Option(help="Hold torch's libraries to these instructions: avx2")] = "",
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Read the test notes of CORPUS with MODELS in every precision, and add their scores to the results."""
    hold_to(hold)
    cli.use_gpu(gpu)
    rows = [measure(corpus, model) for model in models]
    RESULTS.parent.mkdir(exist_ok=True)
    srsly.write_jsonl(RESULTS, rows, append=True, append_new_line=False)
    report(rows)


def measure(corpus: Path, model: Path) -> dict[str, Any]:
    """A row of the results: F of a pipeline in each precision."""
    nlps = {precision: load_ours(model, precision) for precision in MEASURED}
    return {
        "corpus": corpus.name,
        "model": str(model),
        "encoder": encoder_name(nlps[FIRST]),
        "seed": nlps[FIRST].config["system"]["seed"],
        "ents_f": {precision: round(score(nlp, corpus / "test.spacy"), 4) for precision, nlp in nlps.items()},
        "machine": describe_processor(get_torch_default_device()),
    }


def score(nlp: Any, test: Path) -> float:
    """Strict F, micro average, as `scripts.evaluate` has it."""
    golds = read_golds(test, nlp)
    found = predict(nlp, golds)
    flat, flat_found = ([flat_mentions(doc) for doc in docs] for docs in (golds, found))
    return count(flat, flat_found, match_exact).micro().f1


def report(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print F of each pipeline and precision, then what is gained or lost beside float32."""
    table = [(name, *show([row["ents_f"][name] for row in rows], ".2f")) for name in MEASURED]
    for name in MEASURED[1:]:
        apart = [row["ents_f"][name] - row["ents_f"][FIRST] for row in rows]
        table.append((f"{name} - {FIRST}", *show(apart, "+.2f")))
    header = ("strict F1, %", *(f"{row['encoder']}, seed {row['seed']}" for row in rows), "mean")
    msg.text(rows[0]["machine"])
    msg.table(table, header=header, aligns=("l", *"r" * (len(header) - 1)), divider=True)


def show(numbers: Sequence[float], form: str) -> list[str]:
    """Percent, the mean at the end."""
    return [f"{100 * number:{form}}" for number in (*numbers, mean(numbers))]


if __name__ == "__main__":
    cli.run(main)
