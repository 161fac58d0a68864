"""Say how long training is expected to take here, by a few updates of each encoder.

python -m scripts.estimate corpus/sample training/sample/estimate encoders/bert-compact encoders/albert-compact
"""

from pathlib import Path
from typing import Annotated

import srsly
import typer
from wasabi import msg

from scripts import cli
from scripts.files import whole_file


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    output: Annotated[Path, typer.Argument(help="Where the figures go, with suffix .json")],
    encoders: Annotated[list[str], typer.Argument(help="Folders of encoders, or their names on the hub")],
    epochs: Annotated[int, typer.Option(help="Passes over the training notes", min=1)] = 3,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Measure a few updates of ENCODERS with notes of CORPUS; what they learnt is thrown away."""
    # Imported here, so that --help does not wait for spaCy and torch
    from thinc.api import get_torch_default_device

    from scripts.corpus.docs import create_nlp, read_docs
    from scripts.corpus.pipelines import count_words
    from scripts.encoders import check_encoder
    from scripts.estimate.speed import measure
    from scripts.machine import describe_machine

    cli.use_gpu(gpu)
    train = corpus / "train.spacy"
    words = count_words(read_docs(train, create_nlp().vocab))
    speeds = []
    for encoder in encoders:
        check_encoder(encoder)
        speeds.append(round(measure(encoder, train), 1))
        msg.text(f"{Path(encoder).name} learns from {speeds[-1]:,.0f} words a second")
    machine = describe_machine(get_torch_default_device())
    seconds = sum(epochs * words / speed for speed in speeds)
    facts = {"words": words, "epochs": epochs, "words_per_second": speeds, "seconds": seconds, "machine": machine}
    with whole_file(output.with_suffix(".json")) as path:
        srsly.write_json(path, facts)
    told = f"{epochs} x {words:,} words; to start, to read the dev notes and to save come on top"
    msg.info(f"Training is expected to take {say(seconds)} on {machine}: {told}.")


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
