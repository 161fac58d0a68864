"""Train a pipeline as `spacy train` does, its schedule set to the length of the corpus.

python -m scripts.train configs/bert.cfg bert-base-uncased corpus/sample training/sample/bert

A training that was stopped goes on after its last finished epoch, kept in OUTPUT-work, when the same command is given
again, and ends with the same weights as one that was not.
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.terms import read_terms
from scripts.encoders import UNLABELLED, is_adapted
from scripts.files import hash_file, whole_folder


def main(
    config: Annotated[Path, typer.Argument(help="configs/bert.cfg or configs/albert.cfg")],
    encoder: Annotated[str, typer.Argument(help="Folder of an encoder, or its name on the hub")],
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    output: Annotated[Path, typer.Argument(help="Folder for model-best, model-last and log.jsonl")],
    epochs: Annotated[int, typer.Option(help="Passes over the training notes", min=1)] = 3,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random; without it the config's")] = None,
) -> None:
    """Fine-tune ENCODER with a spaCy NER head on the notes of CORPUS."""
    # Imported here, so that --help does not wait for spaCy and torch
    from spacy.util import load_config
    from thinc.api import get_torch_default_device

    from scripts import functions  # noqa: F401  (registers our functions)
    from scripts.corpus.pipelines import add_sources
    from scripts.encoders import check_encoder
    from scripts.machine import describe_machine
    from scripts.runtime.libc import return_freed_blocks
    from scripts.train.assertions import leave_out
    from scripts.train.calibration import calibrate
    from scripts.train.checkpoint import bind, end_training, work_folder
    from scripts.train.loop import initialize, train
    from scripts.train.mentions import check_mentions, has_assertions
    from scripts.train.schedule import schedule
    from scripts.train.settings import make_settings

    return_freed_blocks()
    cli.use_gpu(gpu)
    check_paths(corpus, output, encoder)
    width = check_encoder(encoder)
    sources = list_sources(corpus, encoder)
    check_mentions(corpus)
    with work_folder(output) as work:
        with whole_folder(output) as folder:
            overrides = {
                "paths.train": str(corpus / "train.spacy"),
                "paths.dev": str(corpus / "dev.spacy"),
                "paths.log": str(folder / "log.jsonl"),
                "components.transformer.model.name": encoder,
            } | ({} if seed is None else {"system.seed": seed})
            overrides |= schedule(load_config(config, overrides, interpolate=True), epochs, width)
            if not has_assertions(corpus):
                overrides |= leave_out(load_config(config))
            nlp = initialize(config, overrides, gpu)
            record = bind(work, make_settings(nlp, corpus), describe_machine(get_torch_default_device()))
            train(nlp, folder, work, record, gpu)
            calibrate(folder / "model-best", corpus / "dev.spacy")
            for pipeline in (folder / "model-best", folder / "model-last"):
                add_sources(pipeline, sources)
        end_training(work)
    msg.good(f"Trained {output}")


def check_paths(*paths: str | Path) -> None:
    """RAISES (InputError): A path holds what spaCy's configs take for a variable."""
    for path in map(str, paths):
        if "${" in path:
            raise InputError(f"{path} cannot be used, for spaCy takes ${{}} for a variable: give a link to it.")


def list_sources(corpus: Path, encoder: str) -> list[dict[str, str]]:
    """The notes that a model learns from: the train notes of a corpus, and those that its encoder was adapted to."""
    notes = {**read_terms(corpus).to_source(), "sha256": hash_file(corpus / "train.spacy")}
    return [notes, UNLABELLED] if is_adapted(encoder) else [notes]


if __name__ == "__main__":
    cli.run(main)
