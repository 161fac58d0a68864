"""The encoder layer: no token without its vector, whatever the text, and gradients that are those of the vectors."""

from pathlib import Path

import numpy as np
import spacy
import torch
from hypothesis import given, settings
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, xp2torch

from scripts.runtime.pieces import read_pieces
from scripts.runtime.transformer import find_limit
from scripts.runtime.windows import cut_windows
from tests import encoders
from tests.helpers import hostile_text
from tests.pipelines import WINDOW, build, example, shim_of, train, transformer_of, vectors


def naive_vectors(nlp: Language, doc: Doc) -> np.ndarray:
    """Each window computed on its own, each token's pieces found by a loop over characters."""
    tokenizer, encoder = shim_of(nlp).tokenizer, shim_of(nlp).encoder.eval()
    encoding = tokenizer.backend_tokenizer.encode(doc.text, add_special_tokens=False)
    (pieces,) = read_pieces(shim_of(nlp).backend, [doc])
    rows = []
    for start, end in cut_windows(pieces, WINDOW - 2):
        ids = tokenizer.build_inputs_with_special_tokens(encoding.ids[start:end])
        with torch.no_grad():
            rows += list(encoder(torch.tensor([ids])).last_hidden_state[0, 1:-1].numpy())
    result = np.zeros((len(doc), encoders.WIDTH), dtype="f")
    for token in doc:
        mine = [
            row
            for row, (start, end) in zip(rows, encoding.offsets, strict=True)
            if set(range(start, max(end, start + 1))) & set(range(token.idx, token.idx + len(token)))
        ]
        if mine:
            result[token.i] = np.mean(mine, axis=0)
    return result


@settings(max_examples=40)
@given(text=hostile_text(extra="\npain fever.", max_size=120))
def test_tokens_get_the_mean_of_their_pieces(nlp: Language, text: str):
    doc = nlp.make_doc(text)
    if len(doc):
        np.testing.assert_allclose(vectors(nlp, [doc])[0], naive_vectors(nlp, doc), atol=1e-5)


def test_blank_notes_alone_are_taken(nlp: Language):
    doc = nlp.make_doc("\n \n")
    np.testing.assert_allclose(vectors(nlp, [doc])[0], naive_vectors(nlp, doc), atol=1e-5)
    nlp.update([Example(nlp.make_doc("\n \n"), doc)], sgd=Adam(0.0))


def test_empty_docs_pass_through(nlp: Language):
    assert [len(doc) for doc in nlp.pipe(["", "chest pain", ""])] == [0, 2, 0]
    assert len(nlp("")) == 0
    empty = nlp.make_doc("")
    nlp.update([Example(nlp.make_doc(""), empty), example(nlp)], sgd=Adam(0.0))


def test_gradient_is_that_of_the_mean(encoder: Path):
    nlp = build(encoder)
    model, tokenizer = shim_of(nlp).encoder, shim_of(nlp).tokenizer
    docs = [nlp.make_doc("she denies chest pain ."), nlp.make_doc("aspirin daily " * 20)]
    wanted = [
        np.random.default_rng(i).normal(size=(len(doc), encoders.WIDTH)).astype("f") for i, doc in enumerate(docs)
    ]
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    _, backprop = transformer_of(nlp).model(docs, is_train=True)
    backprop(wanted)
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    model.eval()
    for doc, gradient in zip(docs, wanted, strict=True):
        (pieces,) = read_pieces(shim_of(nlp).backend, [doc])
        total = torch.zeros(())
        for start, end in cut_windows(pieces, WINDOW - 2):
            ids = tokenizer.build_inputs_with_special_tokens(pieces.ids[start:end].tolist())
            hidden = model(torch.tensor([ids])).last_hidden_state[0, 1:-1]
            for row, first, last in zip(hidden, pieces.first[start:end], pieces.last[start:end], strict=True):
                for token in range(first, last):
                    mine = ((pieces.first <= token) & (pieces.last > token)).sum()
                    total = total + (row * xp2torch(gradient[token])).sum() / mine
        total.backward()
    assert found
    for name, p in model.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(found[name].to_dense(), p.grad.to_dense(), atol=1e-4, rtol=1e-3)


def test_training_lowers_the_loss(encoder: Path):
    nlp = build(encoder, precision="auto")
    losses = train(nlp, Adam(0.005, use_averages=False), updates=30)
    assert losses[-1] < 0.2 * losses[0]
    assert [(ent.text, ent.label_) for ent in nlp("she denies chest pain .").ents] == [
        ("she", "person"), ("chest pain", "problem")]  # fmt: skip


def test_a_window_has_the_shortest_of_all_limits(bert: Path):
    shim = shim_of(build(bert))
    shim.tokenizer.model_max_length, shim.encoder.config.max_position_embeddings = 90, 80
    assert (find_limit(shim, 70), find_limit(shim, 100)) == (68, 78)
    shim.tokenizer.model_max_length = 60
    assert find_limit(shim, 70) == 58


def test_the_encoder_is_loaded_once_and_its_folder_is_forgotten(bert: Path, tmp_path: Path):
    nlp = build(bert)
    loaded = shim_of(nlp).encoder
    transformer_of(nlp).model.initialize()
    assert shim_of(nlp).encoder is loaded
    assert (transformer_of(nlp).model.attrs["name"], loaded.config._name_or_path) == ("", "")
    nlp.to_disk(tmp_path)
    saved = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "config.cfg"]
    assert len(saved) > 3
    assert not any(str(bert).encode() in path.read_bytes() for path in saved)


def test_a_pipeline_that_was_saved_is_not_loaded_from_the_encoder_again(bert: Path, tmp_path: Path):
    nlp = build(bert)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path, config={"components.transformer.model.name": "nowhere"})
    assert len(again("chest pain")) == 2
