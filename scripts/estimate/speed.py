"""How fast an encoder learns on this machine."""

import random
import time
from itertools import islice
from pathlib import Path

from spacy.training import Example
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import fix_random_seed
from transformers import AutoConfig

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.cli import InputError
from scripts.corpus.pipelines import count_words

CONFIGS = Path("configs")
NOTES = 40  # that are read
WARM, LEAST_SECONDS, LEAST_UPDATES = 2, 3.0, 4  # the first updates are slower


def measure(encoder: str, train: Path) -> float:
    """Words a second of updates as a training makes them, with the machine loaded as it is; blanks are no words.

    encoder (str): Folder of the encoder, or its name on the hub.
    train (Path): Notes to learn from, .spacy; the first ones are taken.
    RAISES (InputError): There are no words in them.
    """
    config = load_config(find_config(encoder), {"paths.train": str(train), "paths.dev": "", "paths.log": ""})
    settings = config.interpolate()
    settings["nlp"]["pipeline"] = ["transformer", "ner"]  # assertions, which not all notes have, take a few percent
    settings["components"].pop("assertion", None)
    settings["components"]["transformer"]["model"]["name"] = encoder
    fix_random_seed(settings["system"]["seed"])
    nlp = load_model_from_config(settings, auto_fill=True)
    training = registry.resolve({"notes": settings["corpora"]["train"], **settings["training"]}, validate=False)
    read = (example for example in training["notes"](nlp) if count_words([example.reference]))
    examples: list[Example] = list(islice(read, NOTES))
    if not examples:
        raise InputError(f"{train} holds no text to train on.")
    nlp.initialize(lambda: examples)
    batches = list(training["batcher"](examples))
    random.Random(settings["system"]["seed"]).shuffle(batches)  # long notes come first
    optimizer, updates, words, begun = training["optimizer"], 0, 0, 0.0
    while True:
        batch = batches[updates % len(batches)]
        if updates == WARM:
            begun, words = time.perf_counter(), 0
        nlp.update(batch, sgd=optimizer, drop=training["dropout"])
        updates, words = updates + 1, words + count_words(example.reference for example in batch)
        seconds = time.perf_counter() - begun
        if updates >= WARM + LEAST_UPDATES and seconds >= LEAST_SECONDS:
            return words / seconds


def find_config(encoder: str | Path) -> Path:
    """The config of an encoder's kind, of another kind than BERT's and ALBERT's that of BERT."""
    config = CONFIGS / f"{AutoConfig.from_pretrained(encoder).model_type}.cfg"
    return config if config.is_file() else CONFIGS / "bert.cfg"
