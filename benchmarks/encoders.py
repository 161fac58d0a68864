"""How good an encoder is: fine-tune it on a corpus with our configs, score the test notes, add a row to the results.

python -m benchmarks.encoders ../shared/data/bc5cdr.tar.xz encoders/bert-compact

Each row is one run of the project's own commands convert, train and evaluate.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import srsly
import torch
import typer
from transformers import AutoConfig, AutoModel, AutoTokenizer

from scripts import cli
from scripts.archives import archive_stem, read_files
from scripts.corpus.corpora import CORPORA
from scripts.estimate.speed import find_config

RESULTS = Path(__file__).parent / "results" / "encoders.jsonl"


def main(
    corpus: Annotated[str, typer.Argument(help="A corpus known by name, or a folder or archive of notes")],
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder")],
    random: Annotated[bool, typer.Option("--random", help="Take the encoder's shape, with random weights")] = False,
    labels: Annotated[int, typer.Option(help="Keep this many of the most frequent labels (brat); 0: all")] = 0,
    epochs: Annotated[int, typer.Option(help="Passes over the training notes")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the training")] = 42,
) -> None:
    """Fine-tune ENCODER on CORPUS and add its scores to the results."""
    name, source = name_and_source(corpus)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if labels:
            source = keep_labels(source, work / "source", labels)
        start = randomise(encoder, work / "encoder", seed) if random else encoder
        run("convert", name, source, work / "corpus")
        config = find_config(encoder)
        run("train", config, start, work / "corpus", work / "training", "--epochs", epochs, "--seed", seed)
        run("evaluate", work / "training/model-best", work / "corpus", work / "metrics")
        metrics: Any = srsly.read_json(work / "metrics.json")
    row = {
        "corpus": f"{name}, {labels} labels" if labels else name,
        "encoder": encoder.name,
        "random": random,
        "epochs": epochs,
        "seed": seed,
        **{key: round(metrics[f"ents_{key}"], 4) for key in "prf"},
        "machine": metrics["machine"],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)
    print(row)


def name_and_source(corpus: str) -> tuple[str, Path]:
    """What `convert` calls a corpus, and where it finds it."""
    if corpus in CORPORA:
        return corpus, Path("assets")
    return archive_stem(Path(corpus).name), Path(corpus)


def run(module: str, *arguments: Any) -> None:
    """Run a command of the project as a user does."""
    subprocess.run([sys.executable, "-m", f"scripts.{module}", *map(str, arguments)], check=True)


def keep_labels(source: Path, output: Path, number: int) -> Path:
    """Copy brat files with only the mentions of the most frequent labels of all notes."""
    files = list(read_files(source))
    lines = {file.path: file.data.decode("utf8").splitlines() for file in files if file.path.suffix == ".ann"}
    labels = Counter(line.split()[1] for found in lines.values() for line in found if line.startswith("T"))
    kept = {label for label, _ in labels.most_common(number)}
    for file in files:
        target = output / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.path in lines:
            mentions = [line for line in lines[file.path] if line.startswith("T") and line.split()[1] in kept]
            target.write_text("".join(f"{line}\n" for line in mentions), encoding="utf8")
        else:
            target.write_bytes(file.data)
    return output


def randomise(encoder: Path, output: Path, seed: int) -> Path:
    """Save an encoder of the same shape and vocabulary with random weights."""
    torch.manual_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(encoder)).save_pretrained(output)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(output)
    return output


if __name__ == "__main__":
    cli.run(main)
