"""The listener: vectors are there for those who listen, and gone when they are not needed."""

from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from thinc.api import Adam

from tests import encoders
from tests.pipelines import build, example, shim_of, transformer_of


def test_output_is_kept_only_when_asked(encoder: Path, nlp: Language):
    assert nlp("chest pain")._.trf_data is None
    assert next(nlp.pipe(["chest pain"]))._.trf_data is None
    kept = build(encoder, keep_output=True)("chest pain")._.trf_data
    assert kept.tensors[0].shape == (1, 2, encoders.WIDTH)


@pytest.mark.parametrize("keeps", [True, False])
def test_two_listeners_need_the_first_to_keep_the_output(bert: Path, keeps: bool):
    nlp = build(bert, keep_output=keeps)
    nlp.add_pipe("ner", name="second", config={"model": nlp.get_pipe_config("ner")["model"]})
    second: Any = nlp.get_pipe("second")
    second.initialize(lambda: [example(nlp)], nlp=nlp)
    transformer_of(nlp).find_listeners(second)
    if keeps:
        assert len(nlp("chest pain")) == 2
    else:
        with pytest.raises(ValueError, match="one before the last has keep_output = false"):
            nlp("chest pain")


def test_a_doc_that_no_transformer_has_seen_is_refused(bert: Path):
    nlp = build(bert)
    with pytest.raises(ValueError, match="the transformer did not run before"):
        nlp("chest pain", disable=["transformer"])


def test_a_frozen_transformer_that_annotates_gives_its_vectors_in_training(bert: Path):
    """Only the component learns; without annotations there are no vectors, which is said."""
    nlp = build(bert)
    optimizer, weights = Adam(0.01), shim_of(nlp).to_bytes()
    examples = [example(nlp)]
    with nlp.select_pipes(enable=["ner"]), pytest.raises(ValueError, match="frozen but none of the annotating"):
        nlp.update(examples, sgd=optimizer, losses={}, exclude=["transformer"])
    losses = [
        nlp.update(examples, sgd=optimizer, losses={}, exclude=["transformer"], annotates=["transformer"])["ner"]
        for _ in range(20)
    ]
    assert losses[-1] < losses[0] / 2
    assert shim_of(nlp).to_bytes() == weights


@pytest.mark.parametrize("freeze", [False, True])
def test_a_listener_of_spacy_transformers_listens_to_our_encoder(bert: Path, freeze: bool):
    nlp = build(bert, keep_output=True)
    model = nlp.get_pipe_config("ner")["model"]
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0, "upstream": "*",
        "pooling": {"@layers": "reduce_mean.v1"}}  # fmt: skip
    nlp.add_pipe("ner", name="stock", config={"model": {**model, "tok2vec": listener}})
    stock: Any = nlp.get_pipe("stock")
    stock.initialize(lambda: [example(nlp)], nlp=nlp)
    transformer_of(nlp).find_listeners(stock)
    optimizer, names = Adam(0.01), ["transformer"] if freeze else []
    losses = [
        nlp.update([example(nlp)], sgd=optimizer, losses={}, exclude=names, annotates=names)["stock"] for _ in range(20)
    ]
    assert losses[-1] < losses[0] / 2
    assert len(nlp("she denies chest pain .").ents) == 2
