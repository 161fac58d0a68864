"""Trained pipelines: how they are loaded, what they were trained from, and the strings that they keep."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

from scripts.cli import InputError
from scripts.corpus.docs import create_nlp
from scripts.files import whole_file
from scripts.runtime import architectures, assertion, component, fork, ner, tokenizer  # noqa: F401  (registers what pipelines need)


CONFIDENCE = "span._.confidence"  # as components declare it


def load_pipeline(model: str | Path) -> Language:
    """Load a pipeline that takes notes of any length.

    model (str | Path): Its folder, or the name of an installed package.
    RAISES (InputError): There is no such pipeline, or it cannot be loaded.
    """
    if (isinstance(model, Path) or Path(model).is_dir()) and not Path(model, "config.cfg").is_file():
        raise InputError(f"{model} holds no trained pipeline: train one first.")
    try:
        nlp = spacy.load(model)
    except (OSError, ValueError, ImportError) as error:
        if not Path(model).exists() and not spacy.util.is_package(str(model)):
            raise InputError(f"{model} is neither the folder of a trained pipeline nor an installed package.") from None
        raise InputError(f"{model} cannot be loaded ({type(error).__name__}).") from error
    nlp.max_length = sys.maxsize  # as in conversion
    return nlp


def check_confidence(nlp: Language, else_do: str) -> None:
    """RAISES (InputError): The mentions that a pipeline finds have no calibrated confidence.

    else_do (str): What to do then, but for training.
    """
    if not gives_confidence(nlp):
        name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
        raise InputError(
            f"{name} gives no confidence, for it was not calibrated: {else_do}, or train it with dev notes in which"
            " mentions are found, 50 at least, with right and wrong ones among them."
        )


def gives_confidence(nlp: Language) -> bool:
    """Whether the mentions that a pipeline finds have a calibrated confidence."""
    components = map(nlp.get_pipe, find_givers(nlp, CONFIDENCE))
    return any(getattr(component, "cfg", {}).get("calibration") for component in components)


def find_given(nlp: Language, assigned: str) -> list[str]:
    """What the components of a pipeline that assign something can give, in the order of the alphabet."""
    return sorted({label for name in find_givers(nlp, assigned) for label in nlp.pipe_labels.get(name, [])})


def find_givers(nlp: Language, assigned: str) -> list[str]:
    """The names of the components of a pipeline that assign something, such as "doc.ents"."""
    return [name for name in nlp.pipe_names if assigned in nlp.get_pipe_meta(name).assigns]


def encoder_name(nlp: Language) -> str:
    """The name on the hub of the encoder that a pipeline was trained from; of a folder its last part."""
    name = nlp.config["components"]["transformer"]["model"]["name"]
    return Path(name).name if Path(name).exists() or name.startswith(("/", ".")) else name


def count_words(docs: Iterable[Doc]) -> int:
    """Tokens that are not blanks."""
    return sum(not token.is_space for doc in docs for token in doc)


def add_sources(pipeline: Path, sources: list[dict[str, str]]) -> None:
    """State in the meta.json of a saved pipeline which notes it learnt from, with their terms."""
    meta: Any = srsly.read_json(pipeline / "meta.json")
    with whole_file(pipeline / "meta.json") as path:
        srsly.write_json(path, {**meta, "sources": sources})


def reset_strings(pipeline: Path) -> None:
    """Leave only the strings that a saved pipeline needs: its labels and those of an empty one.

    spaCy adds every token that it reads to a pipeline's string store, so the training notes' words as well.

    pipeline (Path): A folder that `nlp.to_disk` wrote, with our tokenizer.
    """
    labels: Any = srsly.read_json(pipeline / "meta.json")["labels"]  # type: ignore[index]
    needed = {*create_nlp().vocab.strings, *(label for of_component in labels.values() for label in of_component)}
    with whole_file(pipeline / "vocab" / "strings.json") as path:
        srsly.write_json(path, sorted(needed))
