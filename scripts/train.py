"""Train a pipeline with `spacy train`, its schedule set to the length of the corpus.

python -m scripts.train configs/bert.cfg bert-base-uncased corpus/sample training/sample/bert
"""

from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from huggingface_hub.utils import logging as hub_logging
from spacy.cli.train import train
from spacy.util import load_config, registry
from thinc.api import Config
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers import logging as transformers_logging
from wasabi import msg

from scripts import cli, functions  # noqa: F401  (registers our functions)
from scripts.docs import create_nlp
from scripts.memory import return_freed_blocks
from scripts.note import InputError
from scripts.output import whole_file, whole_folder
from scripts.strings import reset_strings

WARMUP = 0.1  # share of all steps
ADAPTED = "pretrain.json"  # in the folder of an encoder that `pretrain` made
UNLABELLED = {"name": "unlabelled notes", "license": "the terms of the notes that the encoder was adapted to"}
BASE_WIDTH = 768  # of bert-base and albert-base, for which the configs state the learning rate


def main(
    config: Annotated[Path, typer.Argument(help="configs/bert.cfg or configs/albert.cfg")],
    encoder: Annotated[str, typer.Argument(help="Folder of an encoder, or its name on the hub")],
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy and dev.spacy")],
    output: Annotated[Path, typer.Argument(help="Folder for model-best, model-last and log.jsonl")],
    epochs: Annotated[int, typer.Option(help="Passes over the training notes", min=1)] = 5,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random; without it the config's")] = None,
) -> None:
    """Fine-tune ENCODER with a spaCy NER head on the notes of CORPUS."""
    return_freed_blocks()
    cli.use_gpu(gpu)
    width = check_encoder(encoder)
    with whole_folder(output) as folder:
        overrides = {
            "paths.train": str(corpus / "train.spacy"),
            "paths.dev": str(corpus / "dev.spacy"),
            "paths.log": str(folder / "log.jsonl"),
            "components.transformer.model.name": encoder,
        } | ({} if seed is None else {"system.seed": seed})
        overrides |= schedule(load_config(config, overrides, interpolate=True), epochs, width)
        train(config, folder, use_gpu=gpu, overrides=overrides)
        for pipeline in ("model-best", "model-last"):
            reset_strings(folder / pipeline)
            mark_adapted(folder / pipeline, encoder)
    msg.good(f"Trained {output}")


def mark_adapted(pipeline: Path, encoder: str) -> None:
    """Tell in a pipeline's meta.json that `pretrain` adapted its encoder to notes, whose terms hold for it too."""
    if Path(encoder, ADAPTED).exists():
        meta: Any = srsly.read_json(pipeline / "meta.json")
        with whole_file(pipeline / "meta.json") as path:
            srsly.write_json(path, {**meta, "sources": [UNLABELLED]})


def check_encoder(encoder: str) -> int:
    """Load an encoder once, so that one that cannot be used is told before the training begins.

    RETURNS (int): The width of its hidden states.
    RAISES (InputError): It is not there, has pickled weights only, or lacks its vocabulary.
    """
    for logger in (hub_logging, transformers_logging):
        logger.set_verbosity_error()
    try:
        width = AutoConfig.from_pretrained(encoder).hidden_size
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        AutoModel.from_pretrained(encoder, use_safetensors=True)
    except Exception as error:  # a damaged file gives errors of many kinds, safetensors' own has no base but this
        raise InputError(
            f"The encoder '{encoder}' cannot be loaded ({type(error).__name__}): it has to be a folder"
            " with config.json, model.safetensors and tokenizer files, or a name that the hub has. In a"
            " closed network download it elsewhere and give its folder with --vars.bert or --vars.albert."
        ) from None
    if not tokenizer.is_fast:
        raise InputError(f"The encoder '{encoder}' has no fast tokenizer: add its tokenizer.json.")
    # spacy-transformers 1.4 copies this file where the tokenizer's class names one, as ALBERT's does.
    if hasattr(tokenizer, "vocab_file") and not tokenizer.vocab_file:
        name = tokenizer.vocab_files_names["vocab_file"]
        raise InputError(f"The encoder '{encoder}' lacks its vocabulary file {name}: add it.")
    return width


def schedule(config: Config, epochs: int, width: int) -> dict[str, Any]:
    """The settings that follow from the number of batches an epoch has and from the encoder's width.

    config (Config): The interpolated config; its learning rate is for an encoder 768 wide.
    epochs (int): Passes over the training notes.
    width (int): Width of the encoder's hidden states; narrower ones take higher rates.
    RETURNS (dict[str, Any]): Overrides: evaluation after every epoch, linear warm-up, then linear
        decay to zero at the end of the last.
    """
    parts = {"notes": config["corpora"]["train"], "batcher": config["training"]["batcher"]}
    resolved = registry.resolve(parts)
    batches = sum(1 for _ in resolved["batcher"](resolved["notes"](create_nlp())))
    if not batches:
        raise InputError(f"{config['paths']['train']} holds no text to train on.")
    steps = epochs * batches
    rate = config["training"]["optimizer"]["learn_rate"]["initial_rate"]
    return {
        # spaCy 3.8 evaluates at the first batch of an epoch: one batch more, at rate 0, to evaluate the last.
        "training.max_epochs": epochs + 1,
        "training.max_steps": steps,
        "training.eval_frequency": batches,
        "training.optimizer.learn_rate.initial_rate": rate * (BASE_WIDTH / width) ** 2,
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": max(1, int(WARMUP * steps)),
    }


if __name__ == "__main__":
    cli.run(main)
