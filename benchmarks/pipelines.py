"""The same encoder and NER head in our layers and in spacy-transformers' own, which have none for assertions."""

from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import Config
from transformers import AlbertConfig, AutoConfig, AutoModel, AutoTokenizer, BertConfig

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.corpus.given import COMPONENT
from scripts.train.assertions import leave_out
from scripts.train.readers import create_notes_reader

# As in the config that `spacy init config --gpu` gives
STOCK = {
    "nlp.batch_size": 128,
    "nlp.after_pipeline_creation": None,
    "components.transformer.max_batch_items": 4096,
    "components.transformer.model": {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": "",
        "mixed_precision": False,
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {},
        "grad_scaler_config": {},
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
    },
    "components.ner.factory": "ner",
    "components.ner.model.tok2vec": {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    },
}
SHAPES = {
    "bert-base": BertConfig(),
    "albert-base": AlbertConfig(hidden_size=768, num_attention_heads=12, intermediate_size=3072),
}


def make_encoder(shape: str, vocabulary: Path, output: Path) -> Path:
    """Save an encoder of a published shape with random weights and the vocabulary of another."""
    tokenizer = AutoTokenizer.from_pretrained(vocabulary)
    config = SHAPES[shape]
    config.vocab_size = len(tokenizer)
    AutoModel.from_config(config).save_pretrained(output)
    tokenizer.save_pretrained(output)
    return output


def build_ours(encoder: Path, train: Path, precision: str = "auto") -> Language:
    """Our pipeline, untrained.

    train (Path): Notes to take the labels from, .spacy.
    """
    nlp = _build(encoder, {"components.transformer.model.precision": precision})
    nlp.initialize(lambda: read_examples(nlp, train))
    return nlp


def build_stock(ours: Language, encoder: Path, train: Path) -> Language:
    """spacy-transformers' pipeline with the same weights."""
    nlp = _build(encoder, STOCK)
    nlp.initialize(lambda: read_examples(nlp, train))
    encoder_of(nlp).load_state_dict(encoder_of(ours).state_dict(), strict=False)
    pairs = zip(_with_params(ours), _with_params(nlp), strict=True)
    for one, other in pairs:
        for name in one.param_names:
            other.set_param(name, one.get_param(name))
    return nlp


def load_ours(model: Path, precision: str) -> Language:
    """A trained pipeline of ours, without assertions."""
    return spacy.load(model, exclude=[COMPONENT], config={"components.transformer.model.precision": precision})


def encoder_of(nlp: Language) -> Any:
    """The encoder as a module of torch, of our pipelines and of stock ones, whose layer holds one shim as well."""
    component: Any = nlp.get_pipe("transformer")
    (shim,) = (shim for layer in component.model.walk() for shim in layer.shims)
    return shim._model


def read_examples(nlp: Language, path: Path) -> list[Example]:
    """Notes as the configs read them for training."""
    return list(create_notes_reader(path, 512)(nlp))


def _build(encoder: Path, changes: dict[str, Any]) -> Language:
    config = read_config(encoder, {"paths.train": "", "paths.dev": "", "paths.log": ""})
    config = change(config.interpolate(), changes)
    config["components"]["transformer"]["model"]["name"] = str(encoder)
    return load_model_from_config(config, auto_fill=True)


def read_config(encoder: Path, paths: dict[str, Any] | None = None) -> Config:
    """Our config for an encoder, without assertions."""
    config = load_config(Path("configs") / f"{AutoConfig.from_pretrained(encoder).model_type}.cfg", paths or {})
    return change(config, leave_out(config))


def change(config: Config, changes: dict[str, Any]) -> Config:
    """Set values, or whole sections, by their paths."""
    for path, value in changes.items():
        *sections, last = path.split(".")
        section = config
        for name in sections:
            section = section[name]
        section[last] = value
    return config


def _with_params(nlp: Language) -> list[Any]:
    ner: Any = nlp.get_pipe("ner")
    return [node for node in ner.model.walk() if node.param_names]
