"""A tiny corpus, encoder and config to train with, in a moment, and trainings in processes that can be killed."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import srsly
from spacy.tokens import DocBin
from thinc.api import Config

from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, to_doc
from scripts.corpus.note import Entity, Note
from tests import encoders
from tests.paths import ROOT

SEED, EPOCHS = 42, 3
# Line, mention, its label, what is said of it. Some lines are there with and without the mention, so that no model is
# always right.
LINES = [
    ("she denies chest pain .", "chest pain", "problem", "absent"),
    ("she has chest pain .", "chest pain", "problem", "present"),
    ("given aspirin daily for pain .", "aspirin", "treatment", ""),
    ("fever is present , pain maybe .", "fever", "problem", "present"),
    ("no fever or chills .", "chills", "problem", "absent"),
    ("no fever or chills .", "", "", ""),
    ("ekg was normal .", "", "", ""),
]


def write_notes(path: Path, number: int, seed: int) -> None:
    chance, docs = random.Random(seed), DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)
    for place in range(number):
        text, entities = "", []
        for line, mention, label, said in chance.choices(LINES, k=chance.randint(1, 6)):
            start = len(text) + line.index(mention)
            if mention:
                entities.append(Entity(label, ((start, start + len(mention)),), 1, said, int(bool(said))))
            text += f"{line}\n"
        docs.add(to_doc(create_nlp(), Note(str(place), text, tuple(entities), "a", "a")).doc)
    docs.to_disk(path)


def prepare(folder: Path) -> Path:
    """Write a corpus, an encoder and a config to train it with, as "corpus", "encoder" and "config.cfg"."""
    for name in ("corpus", "encoder"):
        (folder / name).mkdir(parents=True)
    encoders.build_bert([line for line, *_ in LINES] * 9, folder / "encoder")
    write_notes(folder / "corpus/train.spacy", 24, SEED)
    write_notes(folder / "corpus/dev.spacy", 30, SEED + 1)
    srsly.write_json(folder / "corpus/conversion.json", {"corpus": "ward", "licence": "that of ward", "open": False})
    write_config(folder / "config.cfg", {})
    return folder


def write_config(path: Path, changes: Mapping[str, Any]) -> None:
    """Write the project's config with batches of a few notes.

    changes (Mapping[str, Any]): Values, or sections, by their names with dots.
    """
    config = Config().from_disk(ROOT / "configs/bert.cfg", interpolate=False)
    for name, value in {"training.batcher.size": 80, **changes}.items():
        *above, last = name.split(".")
        section: Any = config
        for part in above:
            section = section[part]
        section[last] = value
    config.to_disk(path)
