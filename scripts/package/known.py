"""What may stand in a wheel, for no note put it there, and the notes whose words may not."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import srsly
import torch
from spacy.cli.package import package
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.util import load_config
from thinc.api import Config, Linear, chain

from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.split import SPLITS
from scripts.package.audit import read_leaves
from scripts.package.build import LANG, add_runtime, build_wheel, code_files
from scripts.runtime.shim import EncoderShim, encoder_shim

CONFIGS = Path(__file__).parents[2] / "configs"


def general_text(model: Path, fields: dict[str, Any], name: str, version: str) -> Iterator[str]:
    """What may stand in the wheel, for no note put it there.

    These are the encoder's tokenizer, the names of settings and layers, our code, configs and card, and what stands in
    every wheel: that of a blank pipeline is built, and what is in it does not come from notes.

    model (Path): The trained pipeline. Of it only names count, and numbers among the settings.
    fields (dict[str, Any]): What we state in its meta.json.
    name, version (str): Of the package.
    """
    nlp = load_pipeline(model)
    pipes: list[Any] = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TrainablePipe)]
    yield from encoder_text(encoder_shim(cast(Any, nlp.get_pipe("transformer")).model))
    yield from (name for pipe in pipes for name in pipe.cfg)
    for layer in (node for pipe in pipes for node in pipe.model.walk()):
        yield from (layer.name, *layer.param_names, *layer.dim_names, *layer.ref_names, *layer.attrs)
    yield from texts(chain(Linear(1, 1), Linear(1, 1)).initialize().to_bytes())  # how thinc lays weights out
    yield from (path.read_text(encoding="utf8") for path in (*code_files(), *CONFIGS.glob("*.cfg")))
    yield from (with_numbers(load_config(path), nlp.config).to_str() for path in CONFIGS.glob("*.cfg"))
    yield from blank_wheel(stated_meta(nlp, fields), name, version)


def encoder_text(shim: EncoderShim) -> Iterator[str]:
    """The tokenizer, the settings by name and as they are by default, and a file of weights with none in it."""
    tokenizer: Any = shim.tokenizer
    config = shim.encoder.config
    yield from texts(tokenizer.backend_tokenizer.to_str().encode())
    yield from (*tokenizer.init_kwargs, *config.to_dict())
    yield from texts(srsly.json_dumps(type(config)().to_dict()).encode())
    state = shim.encoder.state_dict()
    for weights in state:
        state[weights] = torch.zeros(1, dtype=state[weights].dtype)
    saved = io.BytesIO()
    torch.save(state, saved)
    yield from texts(saved.getvalue())


def with_numbers(config: Config, trained: Config) -> Config:
    """Our config with the numbers that a pipeline was trained by, such as its steps; no text of it."""

    def merge(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
        return {key: merge_value(value, theirs.get(key)) for key, value in ours.items()}

    def merge_value(ours: Any, theirs: Any) -> Any:
        if isinstance(ours, dict):
            return merge(ours, theirs if isinstance(theirs, dict) else {})
        return theirs if isinstance(theirs, int | float) else ours

    return Config(merge(config, trained))


def stated_meta(nlp: Language, fields: dict[str, Any]) -> dict[str, Any]:
    """The meta.json of a blank pipeline, with the labels and components of this one and what we state."""
    found = {"labels": nlp.pipe_labels, "pipeline": nlp.pipe_names, "components": nlp.component_names}
    return {**create_nlp().meta, **found, **fields}


def blank_wheel(meta: dict[str, Any], name: str, version: str) -> Iterator[str]:
    """What stands in the wheel of a pipeline that never read a note, packaged as ours are."""
    with tempfile.TemporaryDirectory() as folder:
        blank, stated = Path(folder, "blank"), Path(folder, "meta.json")
        create_nlp().to_disk(blank)
        srsly.write_json(stated, meta)
        package(blank, Path(folder), stated, name=name, version=version, create_sdist=False)
        source = Path(folder, f"{LANG}_{name}-{version}")
        add_runtime(source, source / f"{LANG}_{name}")
        yield from texts(build_wheel(source).read_bytes())


def texts(data: bytes) -> Iterator[str]:
    """Every string in a file."""
    return (leaf.text for leaf in read_leaves(data))


def read_notes(corpus: Path) -> Iterator[str]:
    """The text of all notes of a corpus."""
    for split in SPLITS:
        yield from (doc.text for doc in read_docs(corpus / f"{split}.spacy", create_nlp().vocab))
