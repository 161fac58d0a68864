"""Say how long training is expected to take here, by a few updates of each encoder.

python -m scripts.estimate corpus/sample encoders/bert-compact encoders/albert-compact --epochs 3
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    encoders: Annotated[list[str], typer.Argument(help="Folders of encoders, or their names on the hub")],
    epochs: Annotated[int, typer.Option(help="Passes over the training notes", min=1)] = 3,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Measure a few updates of ENCODERS with notes of CORPUS, and write nothing."""
    # Imported here, so that --help does not wait for spaCy and torch
    from thinc.api import get_torch_default_device

    from scripts.encoders import check_encoder
    from scripts.estimate.speed import count_words, measure
    from scripts.machine import describe_machine

    cli.use_gpu(gpu)
    train = corpus / "train.spacy"
    words = count_words(train)
    seconds = 0.0
    for encoder in encoders:
        check_encoder(encoder)
        speed = measure(encoder, train)
        seconds += epochs * words / speed
        msg.text(f"{Path(encoder).name} learns from {speed:,.0f} words a second")
    machine = describe_machine(get_torch_default_device())
    msg.info(f"Training is expected to take {say(seconds)} on {machine}: {epochs} x {words:,} words.")


def say(seconds: float) -> str:
    """A length of time as people say it: minutes below two hours, else hours.

    seconds (float): How long.
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 120:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {round(minutes / 60)} hours"


if __name__ == "__main__":
    cli.run(main)
