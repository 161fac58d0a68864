"""A component with an encoder of its own, as spaCy's `replace_listeners` leaves it."""

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from thinc.api import Adam

from scripts.runtime.shim import encoder_shim
from scripts.runtime.tok2vec import own_config
from tests.pipelines import LINES, build, example, train

TEXTS = LINES[:4]


def alone(nlp: Language) -> Language:
    """The recognizer with an encoder of its own in another pipeline."""
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    other = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "medner.Tokenizer.v1"}}})
    other.add_pipe("ner", name="medical_ner", source=nlp)
    return other


def read(nlp: Language) -> list[list[tuple[int, int, str]]]:
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]


@pytest.mark.parametrize("ner", ["ner", "medner_ner"])
def test_a_recognizer_with_an_encoder_of_its_own_finds_the_same(encoder: Path, tmp_path: Path, ner: str):
    nlp = build(encoder, ner=ner)
    train(nlp, Adam(0.01, use_averages=False), 20)
    expected = read(nlp)
    assert any(expected)
    other = alone(nlp)
    assert other.pipe_names == ["medical_ner"]
    assert read(other) == read(nlp) == expected
    other.to_disk(tmp_path)
    assert read(spacy.load(tmp_path)) == expected
    if ner == "ner":
        return
    again = spacy.load(tmp_path, config={"components": {"medical_ner": {"model": {"tok2vec": {"window": 9}}}}})
    windows = [node.attrs["window"] for node in again.get_pipe("medical_ner").model.walk() if "window" in node.attrs]  # type: ignore[attr-defined]
    assert windows == [9]


def test_it_learns(bert: Path):
    nlp = alone(build(bert))
    ner: Any = nlp.get_pipe("medical_ner")
    (encoder,) = (encoder_shim(node).encoder for node in ner.model.walk() if node.name == "medner-transformer")
    before = encoder.get_input_embeddings().weight.detach().clone()
    optimizer = Adam(0.01, use_averages=False)
    losses = [nlp.update([example(nlp)], sgd=optimizer, losses={})["medical_ner"] for _ in range(8)]
    assert losses[-1] < losses[0] / 4
    assert not encoder.get_input_embeddings().weight.equal(before)


def test_another_listener_cannot_be_replaced():
    with pytest.raises(ValueError, match=r"spacy-transformers.TransformerListener.v1 cannot be replaced"):
        own_config({"name": "bert"}, {"@architectures": "spacy-transformers.TransformerListener.v1"})
