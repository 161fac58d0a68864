"""How much memory `nlp.pipe` takes over a stream of notes, however long: the peak of a fresh process for each length.

python -m benchmarks.memory training/sample/bert/model-best
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import srsly
import torch
import typer
from wasabi import msg

from benchmarks.processor import describe_processor
from scripts import cli
from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.pipelines import load_pipeline

RESULTS = Path(__file__).parent / "results" / "memory.jsonl"
LENGTHS = (2_000, 20_000)  # notes
LINES = 8  # of a note, about 60 words


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a trained pipeline of ours")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus, whose notes come again and again")] = Path(
        "corpus/sample"
    ),
    only: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Measure the peak memory of annotating 2,000 and 20,000 notes."""
    if only:
        print(annotate(model, corpus, only))
        return
    command = [sys.executable, "-m", "benchmarks.memory", str(model), "--corpus", str(corpus), "--only"]
    peaks = {}
    for notes in LENGTHS:
        start = time.perf_counter()
        done = subprocess.run([*command, str(notes)], check=True, stdout=subprocess.PIPE, text=True)
        peaks[notes] = int(done.stdout.split()[-1])
        msg.text(f"{notes:,} notes: {peaks[notes]:,} MiB at the peak, {time.perf_counter() - start:.0f} s")
    few, many = peaks.values()
    msg.info(f"{many / few:.3f} times as much for ten times the notes")
    row = {"peaks_mib": peaks, "machine": describe_processor(torch.device("cpu"))}
    srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)


def annotate(model: Path, corpus: Path, notes: int) -> int:
    """Read a stream of notes; RETURNS the peak in MiB."""
    nlp = load_pipeline(model)
    for _ in nlp.pipe(stream(corpus, notes)):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def stream(corpus: Path, notes: int) -> Iterator[str]:
    """The first lines of the notes over and over, each time with a word of its own, as no two real notes are alike."""
    texts = ["\n".join(doc.text.splitlines()[:LINES]) for doc in read_docs(corpus / "test.spacy", create_nlp().vocab)]
    return (f"{text}\nrecord x{number}y" for number, text in enumerate(islice(cycle(texts), notes)))


if __name__ == "__main__":
    cli.run(main)
