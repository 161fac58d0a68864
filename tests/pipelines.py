"""Small pipelines with our encoder layer, for tests of the runtime and of what uses it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from scripts.corpus.docs import create_nlp
from scripts.runtime import architectures, component  # noqa: F401  (register the encoder)
from scripts.runtime import ner as recognizer  # noqa: F401  (registers medner_ner)
from scripts.runtime.hardware import has_fast_int8
from scripts.runtime.shim import EncoderShim, encoder_shim

SEED = 42
LINES = [
    "she denies chest pain .",
    "ekg was normal .",
    "given 81 mg aspirin daily for pain .",
    "no fever or chills .",
] * 9
WINDOW = 16
quantizes = pytest.mark.skipif(not has_fast_int8(), reason="this CPU has no fast products of 8-bit integers")
HOSTILE = {
    "one line": "chestpain denied " * 6000,
    "no blanks": "aspirin" * 15000,
    "newlines": "\n" * 500,
    "emoji": "😀👩‍⚕️ pain 😀" * 50,
    "control characters": "\x00\x01 pain \x7f\x1b\u200b",
    "stops": "pain . " * 100 + "fever ! No . " * 40,
}


def build(
    encoder: Path, window: int = WINDOW, precision: str = "float32", keep_output: bool = False, ner: str = "ner"
) -> Language:
    """A pipeline with a NER head that knows two labels, not trained; the same at every call.

    encoder (Path): Folder of a tiny encoder.
    ner (str): Factory of the component for entities.
    """
    fix_random_seed(SEED)
    model = {
        "@architectures": "medner.TransformerModel.v1",
        "name": str(encoder),
        "window": window,
        "precision": precision,
        "tokenizer_config": {"use_fast": True},
        "transformer_config": {},
    }
    listener = {"@architectures": "medner.TransformerListener.v1", "upstream": "*", "keep_output": keep_output}
    nlp = create_nlp()
    nlp.add_pipe("medner_transformer", name="transformer", config={"model": model, "max_batch_items": 100_000})
    nlp.add_pipe(ner, name="ner", config={"model": {"@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner", "extra_state_tokens": False, "hidden_width": 128, "maxout_pieces": 2, "use_upper": False,
        "nO": None, "tok2vec": listener}})  # fmt: skip
    nlp.initialize(lambda: [example(nlp)])
    return nlp


def example(nlp: Language, text: str = "she denies chest pain .") -> Example:
    doc = nlp.make_doc(text)
    return Example.from_dict(doc, {"entities": [(11, 21, "problem"), (0, 3, "person")]})


def transformer_of(nlp: Language) -> Any:
    return nlp.get_pipe("transformer")


def shim_of(nlp: Language) -> EncoderShim:
    return encoder_shim(transformer_of(nlp).model)


def reader_of(nlp: Language) -> Any:
    """The encoder that predicts."""
    with shim_of(nlp).computing(False) as reader:
        return reader


def vectors(nlp: Language, docs: list[Doc]) -> list[np.ndarray]:
    return transformer_of(nlp).predict(docs).vectors


def train(nlp: Language, optimizer: Any, updates: int = 2) -> list[float]:
    """Train on one example, two updates by default, as spaCy lets the transformer learn one late.

    RETURNS (list[float]): The losses of the entities.
    """
    fix_random_seed(SEED)
    return [nlp.update([example(nlp)], sgd=optimizer, losses={})["ner"] for _ in range(updates)]
