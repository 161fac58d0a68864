"""Whether it pays to review the notes that a model is least sure of: learning curves on gold notes, against chance.

python -m benchmarks.review encoders/bert-compact

Some train notes are annotated at first; each round adds some more, those that `scripts.review` would choose or random
ones, and trains anew. All trainings get the same dev notes, as many updates at least, and are scored on the test notes.
"""

import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import srsly
import torch
import typer
from matplotlib.figure import Figure
from spacy.tokens import Doc, DocBin
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.compare.significance import intervals
from scripts.corpus.docs import DOCBIN_ATTRS, NOTE_ID, create_nlp, read_docs
from scripts.corpus.pipelines import check_confidence, count_words, load_pipeline
from scripts.corpus.resampling import SAMPLES, SEED, Interval, find_intervals
from scripts.corpus.scores import precision_recall_f1
from scripts.corpus.terms import CONVERSION
from scripts.machine import describe_machine
from scripts.pages.colours import MODELS
from scripts.review.selection import choose, sign, weigh

RESULTS = Path(__file__).parent / "results" / "review.jsonl"
PICTURE = Path(__file__).parent / "results" / "review.svg"
WAYS = ("uncertainty", "chance")
PASSES, FEWEST_EPOCHS = 300, 3  # notes seen in a training, and how often each at least


def main(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder to train")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    config: Annotated[Path, typer.Option(help="Config of the pipeline")] = Path("configs/bert.cfg"),
    step: Annotated[int, typer.Option(help="Notes to begin with, and to add in a round", min=1)] = 20,
    rounds: Annotated[int, typer.Option(help="Rounds that add notes", min=1)] = 5,
    seeds: Annotated[int, typer.Option(help="Repetitions", min=1)] = 3,
    jobs: Annotated[int, typer.Option(help="Trainings side by side, which share the cores", min=1)] = 2,
) -> None:
    """Draw the learning curves of reviewing by uncertainty and by chance."""
    notes = read_docs(corpus / "train.spacy", create_nlp().vocab)
    if len(notes) < step * (rounds + 1):
        raise InputError(f"{corpus} has {len(notes)} train notes, fewer than {step} in each of {rounds + 1} rounds.")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        trial = Trial(notes, encoder.resolve(), corpus, config, Path(folder), os.cpu_count() or 1, jobs)
        first = dict(zip(range(seeds), pool.map(lambda seed: trial.begin(seed, step), range(seeds)), strict=True))
        chains = [(way, seed) for seed in range(seeds) for way in WAYS]
        found = pool.map(lambda chain: trial.go_on(chain[0], chain[1], first[chain[1]], step, rounds), chains)
        rows = [row for of_chain in found for row in of_chain]
    machine = describe_machine(torch.device("cpu"))
    RESULTS.parent.mkdir(exist_ok=True)
    srsly.write_jsonl(
        RESULTS, [{**_without(row), "machine": machine} for row in rows], append=True, append_new_line=False
    )
    curves = {way: summarise([row for row in rows if row["way"] == way]) for way in WAYS}
    report(curves, {notes: compare(rows, notes) for notes, *_ in curves[WAYS[0]]})
    draw(curves, PICTURE)
    msg.good(f"See {PICTURE}")


class Trial:
    """Trainings on some of the train notes."""

    def __init__(
        self, notes: list[Doc], encoder: Path, corpus: Path, config: Path, work: Path, cores: int, jobs: int
    ) -> None:
        self.notes = {doc.user_data[NOTE_ID]: doc for doc in notes}
        self.words = {name: count_words([doc]) for name, doc in self.notes.items()}
        self.encoder, self.corpus, self.config, self.work = encoder, corpus, config, work
        self.threads = max(1, cores // jobs)

    def begin(self, seed: int, step: int) -> dict[str, Any]:
        """The first round, which is the same by either way."""
        return self.train("", seed, sorted(random.Random(seed).sample(sorted(self.notes), step)))

    def go_on(self, way: str, seed: int, row: dict[str, Any], step: int, rounds: int) -> list[dict[str, Any]]:
        """The rounds of a way, the first one included."""
        rows, rng = [{**row, "way": way}], random.Random(seed)
        for _ in range(rounds):
            left = sorted(self.notes.keys() - set(row["names"]))
            added = rng.sample(left, step) if way == "chance" else self.least_sure(row, left, step)
            row = self.train(way, seed, sorted([*row["names"], *added]))
            rows.append(row)
        return rows

    def least_sure(self, row: dict[str, Any], left: Sequence[str], step: int) -> list[str]:
        """The notes that `scripts.review` would choose with the model of a round."""
        nlp = load_pipeline(Path(row["model"]))
        check_confidence(nlp, "begin with more notes")
        docs = nlp.pipe(((self.notes[name].text, name) for name in left), as_tuples=True)
        known = [sign(self.notes[name].text) for name in row["names"]]
        chosen = choose((weigh(name, doc) for doc, name in docs), step, known).notes
        if len(chosen) < step:
            raise InputError(f"Only {len(chosen)} notes are left to choose: ask for fewer rounds.")
        return [candidate.id for candidate in chosen]

    def train(self, way: str, seed: int, names: Sequence[str]) -> dict[str, Any]:
        """Train on the named notes, and score that on the test notes."""
        folder = self.work / f"{way or 'first'}-{seed}-{len(names)}"
        part, model = folder / "corpus", folder / "model"
        part.mkdir(parents=True)
        for file in ("dev.spacy", "test.spacy", CONVERSION):
            shutil.copy(self.corpus / file, part)
        docs = [self.notes[name] for name in names]
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=docs).to_disk(part / "train.spacy")
        epochs = max(FEWEST_EPOCHS, math.ceil(PASSES / len(names)))
        self._run("train", self.config, self.encoder, part, model, "--epochs", epochs, "--seed", seed)
        self._run("evaluate", model / "model-best", part, folder / "metrics")
        metrics: Any = srsly.read_json(folder / "metrics.json")
        words = sum(self.words[name] for name in names)
        confidence = metrics["confidence"] or {}
        msg.info(
            f"{way or 'first'}, seed {seed}: {len(names)} notes, {words:,} words, F1 {100 * metrics['ents_f']:.2f}"
        )
        return {
            "way": way,
            "seed": seed,
            "notes": len(names),
            "words": words,
            "epochs": epochs,
            "names": list(names),
            "f": metrics["ents_f"],
            "assertion_f": metrics["assertions"]["end_to_end"]["micro"]["f"],
            "ece": confidence.get("ece"),
            "auroc": confidence.get("auroc"),
            "model": str(model / "model-best"),
            "counts": np.array(metrics["per_note"]["counts"]).sum(axis=1).tolist(),
        }

    def _run(self, stage: str, *arguments: Any) -> None:
        done = subprocess.run(
            [sys.executable, "-m", f"scripts.{stage}", *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": str(self.threads)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(f"{stage} has failed: {done.stdout[-500:]}{done.stderr[-500:]}")


def summarise(rows: Sequence[dict[str, Any]]) -> list[tuple[int, float, float, Interval]]:
    """Of each round the number of notes, the mean number of words and F1 over seeds, and the interval of F1, by the
    bootstrap over test notes of counts that are means over seeds."""
    found = []
    for notes in sorted({row["notes"] for row in rows}):
        group = [row for row in rows if row["notes"] == notes]
        table = np.mean([row["counts"] for row in group], axis=0)
        f = float(precision_recall_f1(table.sum(axis=0))[2])
        words = float(np.mean([row["words"] for row in group]))
        found.append((notes, words, f, intervals(table[:, None])["f"]))
    return found


def compare(rows: Sequence[dict[str, Any]], notes: int) -> tuple[float, Interval]:
    """F1 by uncertainty less that by chance, after so many notes, with its 95 % interval by the bootstrap over seeds
    and test notes together, the same for both."""
    one, other = (
        np.array([row["counts"] for row in sorted(rows, key=lambda row: row["seed"])
                  if (row["way"], row["notes"]) == (way, notes)]) for way in WAYS
    )  # fmt: skip
    rng, (seeds, size, _) = np.random.default_rng(SEED), one.shape
    draws = []
    for _ in range(SAMPLES):
        chosen, weights = rng.integers(0, seeds, seeds), rng.multinomial(size, np.full(size, 1 / size))
        draws.append(_f(weights @ one[chosen].sum(axis=0)) - _f(weights @ other[chosen].sum(axis=0)))
    (interval,) = find_intervals(np.array(draws)[:, None])
    return _f(one.sum(axis=(0, 1))) - _f(other.sum(axis=(0, 1))), interval


def _without(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what only its run needs."""
    return {key: value for key, value in row.items() if key not in ("names", "model")}


def _f(counts: np.ndarray) -> float:
    return float(precision_recall_f1(counts)[2])


def report(
    curves: dict[str, list[tuple[int, float, float, Interval]]], differences: dict[int, tuple[float, Interval]]
) -> None:
    """Print the curves, as Markdown too."""
    table = [
        [
            f"{notes}",
            *(cell for way in WAYS for cell in _cells(next(row for row in curves[way] if row[0] == notes))),
            "{:+.2f} ({:+.2f} to {:+.2f})".format(*(100 * value for value in (difference, *interval))),
        ]
        for notes, (difference, interval) in differences.items()
    ]
    header = ["notes", *(title for way in WAYS for title in (f"words, {way}", "F1 (95 %)")), "difference (95 %)"]
    msg.table(table, header=header, divider=True, aligns=["r"] * len(header))
    print("\n".join(["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *table)]))


def _cells(row: tuple[int, float, float, Interval]) -> list[str]:
    _, words, f, (low, high) = row
    return [f"{words:,.0f}", f"{100 * f:.2f} ({100 * low:.2f}-{100 * high:.2f})"]


def draw(curves: dict[str, list[tuple[int, float, float, Interval]]], path: Path) -> None:
    """F1 over the words annotated, with 95 % intervals, as an SVG."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for i, (way, rows) in enumerate(curves.items()):
        words, f = [row[1] for row in rows], [100 * row[2] for row in rows]
        ends = [[100 * (row[2] - row[3].low) for row in rows], [100 * (row[3].high - row[2]) for row in rows]]
        axes.errorbar(words, f, yerr=ends, label=way, color=MODELS[i], marker="os"[i], capsize=3)
    axes.set_xlabel("words annotated")
    axes.set_ylabel("test F1, % (lines: 95 % interval)")
    axes.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    cli.run(main)
