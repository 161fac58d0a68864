"""Notes on Spark, beside as many processes on the same cores: words a second, and what it costs to start.

python -m benchmarks.spark en_medner_bert
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import srsly
import torch
import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "spark.jsonl"
NOTES = Path("assets/sample/concepts")


class Contestant(NamedTuple):
    """A way to annotate.

    name (str): As results have it.
    suffix (str): Of the table that it reads.
    options (tuple[str, ...]): Of the command.
    """

    name: str
    suffix: str
    options: tuple[str, ...]


class Run(NamedTuple):
    """Words that were annotated, and the seconds of the whole command."""

    words: int
    seconds: float


def main(
    model: Annotated[str, typer.Argument(help="Name of an installed pipeline")],
    notes: Annotated[int, typer.Option(help="Notes to annotate", min=10)] = 1400,
    cores: Annotated[int, typer.Option(help="Processes, and Spark's tasks at once", min=1)] = 2,
    rounds: Annotated[int, typer.Option(help="Of all contestants in turn", min=1)] = 2,
) -> None:
    """Compare `annotate --engine spark` with `annotate --n-process` on the notes of the sample, over and over."""
    contestants = [
        Contestant("processes", ".jsonl", ("--n-process", str(cores))),
        Contestant("spark", ".jsonl", ("--engine", "spark", "--master", f"local[{cores},4]")),
        Contestant("spark, dealt out", ".parquet", ("--engine", "spark", "--master", f"local[{cores},4]")),
    ]
    with TemporaryDirectory() as folder:
        few, all_notes = (write_tables(Path(folder), number) for number in (cores, notes))
        starts = {each.name: annotate(model, few, each).seconds for each in contestants}
        runs: dict[str, list[Run]] = {each.name: [] for each in contestants}
        for _ in range(rounds):
            for each in contestants:
                runs[each.name].append(annotate(model, all_notes, each))
    report(starts, runs, model, cores)


def write_tables(folder: Path, number: int) -> Path:
    """Write notes as JSON Lines, and as a Parquet table in one piece.

    RETURNS (Path): Of both, without suffix.
    """
    texts = [path.read_text(encoding="utf8") for path in sorted(NOTES.rglob("*.txt"))]
    if not texts:
        raise InputError(f"{NOTES} has no notes: run this in the project's folder.")
    rows = [{"id": str(i), "text": texts[i % len(texts)]} for i in range(number)]
    srsly.write_jsonl(folder / f"{number}.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{number}.parquet")
    return folder / str(number)


def annotate(model: str, table: Path, contestant: Contestant) -> Run:
    """Run the command, and look how many words it says."""
    with TemporaryDirectory() as folder:
        source, output = f"{table}{contestant.suffix}", str(Path(folder, "out"))
        command = [sys.executable, "-m", "scripts.annotate", model, source, output, "--to", "parquet"]
        start = time.perf_counter()
        done = subprocess.run([*command, *contestant.options], env=os.environ, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    said = re.search(r"notes:\s+([\d,]+)\s+words", done.stdout)
    if done.returncode or not said:
        raise InputError(f"{contestant.name} failed: {done.stdout[-500:]} {done.stderr[-500:]}")
    words = int(said[1].replace(",", ""))
    msg.info(f"{contestant.name}: {words:,} words in {seconds:.1f} s")
    return Run(words, seconds)


def report(starts: dict[str, float], runs: Mapping[str, Sequence[Run]], model: str, cores: int) -> None:
    """Print and keep words a second with the start and after it; ratios are to the processes."""
    results = {
        name: {
            "start": round(starts[name], 1),
            "words_a_second": round(median(run.words / run.seconds for run in of_one)),
            "after_start": round(median(run.words / (run.seconds - starts[name]) for run in of_one)),
        }
        for name, of_one in runs.items()
    }
    base = results["processes"]
    rows = [
        (name, found["start"], f"{found['words_a_second']:,}", f"{found['after_start']:,}",
         f"{found['words_a_second'] / base['words_a_second']:.2f}", f"{found['after_start'] / base['after_start']:.2f}")
        for name, found in results.items()
    ]  # fmt: skip
    msg.table(rows, header=("", "start, s", "words/s", "after the start", "ratio", "ratio"), divider=True)
    row = {"model": model, "cores": cores, "machine": describe_machine(torch.device("cpu")), **results}
    RESULTS.parent.mkdir(exist_ok=True)
    srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)


if __name__ == "__main__":
    cli.run(main)
