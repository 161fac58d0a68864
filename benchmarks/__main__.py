"""Measure everything that README.md shows, one after the other: about three hours on two cores.

python -m benchmarks training/sample/bert/model-best --bc5cdr ../shared/data/bc5cdr.tar.xz
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError

COMMANDS = (
    "speed train {encoder} --notes 40",
    "speed annotate {model} --share 0.6",
    "speed annotate {model} --share 0.15 --sentences {bc5cdr}",
    "speed annotate bert-base --share 0.03 --sentences {bc5cdr}",
    "speed annotate albert-base --share 0.03 --sentences {bc5cdr}",
    "speed components {model}",
    "precisions corpus/sample {model}",
    "memory {model}",
    "serve {model}",
    "assertions {model}",
    "confidence {model}",
    "review {encoder}",
    "accuracy sample {encoder} --epochs 4",
    "accuracy {bc5cdr} {encoder} --epochs 1",
)


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a pipeline trained on the sample")],
    bc5cdr: Annotated[Path, typer.Option(help="Folder or archive of BC5CDR's CoNLL files")],
    encoder: Annotated[Path, typer.Option(help="Folder of the encoder to train")] = Path("encoders/bert-compact"),
    only: Annotated[str, typer.Option(help="Only the commands that start so, such as speed")] = "",
) -> None:
    """Run every benchmark in a fresh process; the others go on when one fails."""
    failed = []
    for command in COMMANDS:
        if not command.startswith(only):
            continue
        name, *arguments = (part.format(model=model, bc5cdr=bc5cdr, encoder=encoder) for part in command.split())
        line = " ".join((name, *arguments))
        msg.divider(f"benchmarks.{line}")
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False).returncode:
            failed.append(line)
    if failed:
        raise InputError(f"These did not succeed: {'; '.join(failed)}.")


if __name__ == "__main__":
    cli.run(main)
