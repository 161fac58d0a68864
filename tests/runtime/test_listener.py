"""The listener: vectors are there for those who listen, and gone when they are not needed."""

from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy_transformers.data_classes import TransformerData
from thinc.api import Adam, fix_random_seed

from tests import encoders
from tests.pipelines import LINES, build, example, shim_of, transformer_of


def test_output_is_kept_only_when_asked(encoder: Path, nlp: Language):
    assert nlp("chest pain")._.trf_data is None
    assert next(nlp.pipe(["chest pain"]))._.trf_data is None
    kept = build(encoder, keep_output=True)("chest pain")._.trf_data
    assert kept.tensors[0].shape == (1, 2, encoders.WIDTH)


@pytest.mark.parametrize("keeps", [True, False])
def test_the_output_goes_once_all_listeners_have_read_it(bert: Path, keeps: bool):
    nlp = build(bert, keep_output=keeps)
    add_second(nlp)
    doc = nlp("chest pain")
    assert (doc._.trf_data is not None) == keeps
    assert all((doc._.trf_data is not None) == keeps for doc in nlp.pipe(["chest pain", "", "\u200b pain"]))
    same = nlp.make_doc("chest pain")
    assert [(doc._.trf_data is not None) for doc in nlp.pipe([same, same])] == [keeps, keeps]
    with nlp.select_pipes(disable=["second"]):
        assert nlp("chest pain")._.trf_data is not None  # one has not read it
    nlp.remove_pipe("second")
    assert (nlp("chest pain")._.trf_data is not None) == keeps


def add_second(nlp: Language) -> None:
    nlp.add_pipe("ner", name="second", config={"model": nlp.get_pipe_config("ner")["model"]})
    second: Any = nlp.get_pipe("second")
    second.initialize(lambda: [example(nlp)], nlp=nlp)
    transformer_of(nlp).find_listeners(second)


def test_stored_output_is_read_by_all_and_stays(bert: Path):
    nlp = build(bert)
    add_second(nlp)
    with nlp.select_pipes(enable=["transformer"]):
        stored = nlp("chest pain").to_bytes()
    doc = Doc(nlp.vocab).from_bytes(stored)
    for name in ("ner", "second"):
        doc = nlp.get_pipe(name)(doc)  # type: ignore[operator]
    assert doc._.trf_data is not None


def test_output_that_was_read_too_often_is_reported(bert: Path):
    nlp = build(bert)
    doc = nlp("chest pain")
    with pytest.raises(ValueError, match="dropped when those had read them"):
        nlp.get_pipe("ner")(doc)


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
    fix_random_seed(0)
    model = nlp.get_pipe_config("ner")["model"]
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0, "upstream": "*",
        "pooling": {"@layers": "reduce_mean.v1"}}  # fmt: skip
    nlp.add_pipe("ner", name="stock", config={"model": {**model, "tok2vec": listener}})
    stock: Any = nlp.get_pipe("stock")
    stock.initialize(lambda: [example(nlp)], nlp=nlp)
    transformer_of(nlp).find_listeners(stock)
    optimizer, names = Adam(0.003), ["transformer"] if freeze else []
    losses = [
        nlp.update([example(nlp)], sgd=optimizer, losses={}, exclude=names, annotates=names)["stock"] for _ in range(20)
    ]
    assert losses[-1] < losses[0]
    assert len(nlp("she denies chest pain .")) == 5


@pytest.mark.parametrize("head", ["tagger", "textcat", "spancat", "span_finder"])
def test_other_components_of_spacy_listen_too(bert: Path, head: str):
    """Some ask for the width twice when they are initialized."""
    nlp = build(bert, keep_output=True)
    listener = nlp.get_pipe_config("ner")["model"]["tok2vec"]
    models = {
        "tagger": {"@architectures": "spacy.Tagger.v2", "nO": None, "normalize": False, "tok2vec": listener},
        "textcat": {"@architectures": "spacy.TextCatEnsemble.v2", "tok2vec": listener, "linear_model":
            {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1,
             "no_output_layer": False, "length": 1024, "nO": None}},
        "spancat": {"@architectures": "spacy.SpanCategorizer.v1", "tok2vec": listener, "reducer":
            {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 8}, "scorer":
            {"@layers": "spacy.LinearLogistic.v1"}},
        "span_finder": {"@architectures": "spacy.SpanFinder.v1", "tok2vec": listener, "scorer":
            {"@layers": "spacy.LinearLogistic.v1", "nO": 2}},
    }  # fmt: skip
    gold = {
        "tags": ["PRP", "VBZ", "NN", "NN", "."],
        "cats": {"one": 1.0, "two": 0.0},
        "spans": {"sc": [(0, 3, "person")]},
    }
    one = Example.from_dict(nlp.make_doc("she denies chest pain ."), gold)
    pipe: Any = nlp.add_pipe(head, config={"model": models[head]})
    pipe.initialize(lambda: [one], nlp=nlp)
    transformer_of(nlp).find_listeners(pipe)
    optimizer = Adam(0.01)
    losses = [nlp.update([one], sgd=optimizer, losses={}, exclude=["ner"])[head] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert len(nlp("chest pain")) == 2


def test_after_initializing_no_note_is_read_as_zeros(bert: Path):
    nlp = build(bert)
    expected = [(ent.start, ent.end) for ent in nlp(LINES[0]).ents]
    (listener,) = transformer_of(nlp).listeners
    listener.initialize()
    assert [(ent.start, ent.end) for ent in nlp(LINES[0]).ents] == expected


def test_the_vectors_of_wordpieces_are_refused(bert: Path):
    nlp = build(bert)
    doc = nlp.make_doc("chest pain")
    doc._.trf_data = TransformerData.zeros(5, encoders.WIDTH)
    with pytest.raises(ValueError, match="not one for each token: this listener needs a transformer of medner's"):
        nlp.get_pipe("ner")(doc)
