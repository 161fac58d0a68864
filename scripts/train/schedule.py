"""The schedule of a training: how long it is, when it evaluates, and how fast it learns."""

from typing import Any

from spacy.util import registry
from thinc.api import Config

from scripts.cli import InputError
from scripts.corpus.docs import create_nlp
from scripts.encoders import WARMUP, scale_rate


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
        "training.optimizer.learn_rate.initial_rate": scale_rate(rate, width),
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": max(1, int(WARMUP * steps)),
    }
