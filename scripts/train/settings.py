"""All that decides what comes of a training, by name, so that it is told which of them are others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language

from scripts.files import hash_file
from scripts.machine import describe_versions
from scripts.train.state import hash_components

PACKAGES = ("numpy", "spacy", "spacy-transformers", "thinc", "tokenizers", "torch", "transformers")
PLACES = ("paths.", "components.transformer.model.name")  # where things are; what they hold is hashed


def make_settings(nlp: Language, corpus: Path) -> dict[str, Any]:
    """The settings of a training: its config, and hashes of its notes and of the weights that it begins with.

    nlp (Language): The pipeline, initialized.
    corpus (Path): Folder of the converted corpus.
    """
    config = {name: value for name, value in flatten(nlp.config) if not name.startswith(PLACES)}
    notes = {name: hash_file(corpus / name) for name in ("train.spacy", "dev.spacy")}
    weights = {f"weights of {name}": digest for name, digest in hash_components(nlp).items()}
    versions = {f"version of {name}": number for name, number in describe_versions(PACKAGES).items()}
    return json.loads(json.dumps({**config, **notes, **weights, **versions}))


def flatten(section: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config by their names with dots."""
    for name, value in section.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
