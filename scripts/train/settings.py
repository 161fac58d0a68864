"""All that decides what comes of a training, by name, so that it is told which of them are others."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language

from scripts.files import hash_file
from scripts.machine import describe_versions
from scripts.train.state import hash_components

PACKAGES = ("numpy", "spacy", "spacy-transformers", "thinc", "tokenizers", "torch", "transformers")
CODE = ("train", "runtime")  # rooms of ours that compute
PLACES = ("paths.", "components.transformer.model.name")  # where things are; what they hold is hashed


def make_settings(nlp: Language, corpus: Path) -> dict[str, Any]:
    """The settings of a training: its config, and hashes of its notes and of the weights that it begins with.

    nlp (Language): The pipeline, initialized.
    corpus (Path): Folder of the converted corpus.
    """
    config = {name: value for name, value in flatten(nlp.config) if not name.startswith(PLACES)}
    notes = {name: hash_file(corpus / name) for name in ("train.spacy", "dev.spacy")}
    weights = {f"weights of {name}": digest for name, digest in hash_components(nlp).items()}
    numbers = {**describe_versions(PACKAGES), "medner": hash_code()}
    versions = {f"version of {name}": number for name, number in numbers.items()}
    return json.loads(json.dumps({**config, **notes, **weights, **versions}))


def flatten(section: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config by their names with dots."""
    for name, value in section.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def hash_code() -> str:
    """A hash of our code that trains."""
    digest, scripts = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(path for room in CODE for path in (scripts / room).rglob("*.py")):
        digest.update(f"{path.relative_to(scripts)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
