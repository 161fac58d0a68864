"""spaCy's `train` that goes on where it was stopped: the loop around the updates is spaCy's own, and so is the rest
but for what it writes, and when.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from spacy.cli._util import setup_gpu, show_validation_error
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.training.loop import (
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
    update_meta,
)
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator
from wasabi import msg

from scripts.corpus.pipelines import reset_strings
from scripts.files import whole_folder
from scripts.train.epochs import Epochs


def initialize(config: Path, overrides: dict[str, Any], gpu: int) -> Language:
    """The pipeline of a config, as spaCy's `train` initializes it."""
    setup_gpu(gpu)
    with show_validation_error(config):
        loaded = load_config(config, overrides, interpolate=False)
    msg.divider("Initializing pipeline")
    with show_validation_error(config, hint_fill=False):
        nlp = init_nlp(loaded, use_gpu=gpu)
    msg.good("Initialized pipeline")
    return nlp


def train(nlp: Language, folder: Path, work: Path, record: dict[str, Any], gpu: int) -> None:
    """Train a pipeline that was initialized, from the last checkpoint if there is one.

    folder (Path): Where model-best and model-last are written.
    work (Path): Where checkpoints are, and the best pipeline until the end.
    record (dict[str, Any]): As `bind` gives it.
    """
    msg.divider("Training pipeline")
    config = nlp.config.interpolate()
    if config["training"]["seed"] is not None:
        fix_random_seed(config["training"]["seed"])
    if gpu >= 0 and config["training"]["gpu_allocator"]:
        set_gpu_allocator(config["training"]["gpu_allocator"])
    training = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [training["train_corpus"], training["dev_corpus"]])
    optimizer, frozen = training["optimizer"], training["frozen_components"]
    before_to_disk = create_before_to_disk_callback(training["before_to_disk"])
    evaluate = create_evaluation_callback(nlp, dev_corpus, training["score_weights"])
    epochs = Epochs(nlp, training, evaluate, work, record)
    steps = train_while_improving(
        nlp,
        optimizer,
        create_train_batches(nlp, train_corpus, epochs.make_batches, training["max_epochs"]),
        epochs.evaluate,
        dropout=training["dropout"],
        accumulate_gradient=training["accumulate_gradient"],
        patience=training["patience"],
        max_steps=training["max_steps"],
        eval_frequency=training["eval_frequency"],
        exclude=frozen,
        annotating_components=training["annotating_components"],
        before_update=training["before_update"],
    )
    tell(nlp, training)

    def write(path: Path) -> None:
        with nlp.use_params(optimizer.averages):
            before_to_disk(nlp).to_disk(path)
        reset_strings(path)

    with nlp.select_pipes(disable=frozen):
        log_step, finalize_logger = training["logger"](nlp, sys.stdout, sys.stderr)
    try:
        for _, info, is_best in steps:
            is_new = epochs.follow(info)
            if is_best is not None:
                with nlp.select_pipes(disable=frozen):
                    update_meta(training, nlp, info)
            if is_best and is_new:
                with whole_folder(epochs.find_best()) as path:
                    write(path)
            log_step(info if is_best is not None else None)
    finally:
        finalize_logger()
    write(folder / "model-last")
    shutil.copytree(epochs.find_best(), folder / "model-best")


def tell(nlp: Language, training: dict[str, Any]) -> None:
    """What spaCy says before the table of epochs."""
    msg.info(f"Pipeline: {nlp.pipe_names}")
    if training["frozen_components"]:
        msg.info(f"Frozen components: {training['frozen_components']}")
    if training["annotating_components"]:
        msg.info(f"Set annotations on update for: {training['annotating_components']}")
    msg.info(f"Initial learn rate: {training['optimizer'].learn_rate}")
