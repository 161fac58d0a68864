"""A tiny corpus, encoder and config to train with, in a moment."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import srsly
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import load_config
from thinc.api import Config

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, to_doc
from scripts.corpus.note import Entity, Note
from scripts.files import hash_file
from scripts.train.epochs import Epochs
from scripts.train.loop import initialize
from scripts.train.schedule import schedule
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


def initialized(folder: Path, output: Path) -> Language:
    """The pipeline of the config that lies in a folder, as `scripts.train` makes it, with `output` for its log."""
    places = {
        "paths.train": str(folder / "corpus/train.spacy"),
        "paths.dev": str(folder / "corpus/dev.spacy"),
        "paths.log": str(output / "log.jsonl"),
        "components.transformer.model.name": str(folder / "encoder"),
    }
    config = folder / "config.cfg"
    overrides = places | schedule(load_config(config, places, interpolate=True), EPOCHS, encoders.WIDTH)
    return initialize(config, overrides, -1)


class Stopped(BaseException):
    """Nothing of ours catches it."""


@contextmanager
def stopping(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[None]:
    """End a training at some step after its update, counted from 0 at the start of the training."""
    follow = Epochs.follow

    def stop(epochs: Epochs, info: dict[str, Any]) -> bool:
        if info["step"] == step:
            raise Stopped
        return follow(epochs, info)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Epochs, "follow", stop)
        yield


def contents(folder: Path) -> dict[str, str]:
    """By path a hash of each file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}
