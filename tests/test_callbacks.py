"""A stream is read ahead: nothing is lost, mixed up or left running."""

import threading
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

from scripts import callbacks
from scripts.corpus.docs import create_nlp
from tests import encoders
from tests.test_architectures import LINES, build

TEXTS = [f"{' '.join(LINES[i % 4 : i % 4 + i % 9])} pain {i}" * (1 + i % 3) for i in range(60)] + ["", "\n"]


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Language:
    folder = tmp_path_factory.mktemp("bert")
    encoders.build_bert(LINES, folder)
    return callbacks.create_read_ahead()(build(folder, keep_output=True))


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def vectors(doc: Doc) -> np.ndarray:
    return doc._.trf_data.tensors[0][0] if len(doc) else np.empty(0)


def set_batch(nlp: Language, monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    monkeypatch.setitem(nlp.get_pipe("transformer").cfg, "max_batch_items", tokens)


@pytest.mark.parametrize("tokens", [1, 100, 100_000])
def test_a_stream_gives_what_single_notes_give(nlp: Language, threads: int, tokens: int, monkeypatch):
    set_batch(nlp, monkeypatch, tokens)
    docs = list(nlp.pipe(TEXTS, batch_size=7))
    assert [doc.text for doc in docs] == TEXTS
    for doc in docs:
        np.testing.assert_allclose(vectors(doc), vectors(nlp(doc.text)), atol=1e-5)
        assert [ent.label_ for ent in doc.ents] == [ent.label_ for ent in nlp(doc.text).ents]


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_cores_compute_a_stream_and_are_gone_afterwards(nlp: Language, threads: int, monkeypatch):
    seen = set()
    set_batch(nlp, monkeypatch, 2000)
    encoder = nlp.get_pipe("transformer").model.shims[0]._model
    hook = encoder.register_forward_pre_hook(
        lambda *_: seen.add((threading.current_thread() is threading.main_thread(), torch.get_num_threads()))
    )
    running = threading.active_count()
    list(nlp.pipe(TEXTS * 9))
    hook.remove()
    assert seen == {(False, 1)}
    assert threading.active_count() == running
    assert torch.get_num_threads() == 2
    nlp("pain")


def test_no_more_is_read_ahead_than_said(nlp: Language, monkeypatch):
    set_batch(nlp, monkeypatch, 10)
    numbers = count()
    stream = nlp.pipe((f"pain {next(numbers)}" for _ in range(10**6)), batch_size=1)  # of two tokens each
    assert [doc.text for doc in islice(stream, 8)] == [f"pain {i}" for i in range(8)]
    stream.close()
    assert next(numbers) <= 8 + (callbacks.AHEAD + 1) * 5
    assert nlp.get_pipe("transformer").model.shims[0].cores is None


@pytest.mark.parametrize("known", [True, False])
def test_freed_memory_is_given_back_with_every_batch_where_libc_can(nlp: Language, known: bool, monkeypatch):
    given: list[int] = []
    libc = SimpleNamespace(malloc_trim=given.append) if known else SimpleNamespace()
    monkeypatch.setattr(callbacks, "LIBC", libc)
    set_batch(nlp, monkeypatch, 2)
    assert len(list(nlp.pipe(["chest pain"] * 5))) == 5
    assert given == ([0] * 5 if known else [])


def test_streams_side_by_side(nlp: Language, monkeypatch):
    set_batch(nlp, monkeypatch, 50)
    for one, other in zip(nlp.pipe(TEXTS), nlp.pipe(reversed(TEXTS)), strict=True):
        np.testing.assert_allclose(vectors(one), vectors(nlp(one.text)), atol=1e-5)
        np.testing.assert_allclose(vectors(other), vectors(nlp(other.text)), atol=1e-5)


def test_what_fails_in_a_core_is_raised(nlp: Language, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    hook = nlp.get_pipe("transformer").model.shims[0]._model.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no memory"):
        list(nlp.pipe(TEXTS))
    hook.remove()
    assert len(list(nlp.pipe(TEXTS))) == len(TEXTS)


def test_threads_of_a_server_share_a_pipeline(nlp: Language):
    wanted, found, errors = [vectors(nlp(text)) for text in TEXTS], {}, []

    def serve(name: int) -> None:
        try:
            found[name] = [vectors(nlp(text)) for text in TEXTS]
        except Exception as error:
            errors.append(error)

    servers = [threading.Thread(target=serve, args=(name,)) for name in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert not errors
    for rows in found.values():
        for one, other in zip(rows, wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_both_configs_read_ahead():
    for path in Path("configs").glob("*.cfg"):
        config = spacy.util.load_config(path)
        assert config["nlp"]["after_pipeline_creation"] == {"@callbacks": "medner.ReadAhead.v1"}


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 20))
def test_batches_end_at_their_size(lengths: list[int], size: int):
    vocab = create_nlp().vocab
    docs = [Doc(vocab, words=["x"] * length) for length in lengths]
    batches = list(callbacks.batch_by_tokens(docs, size))
    assert [id(doc) for batch in batches for doc in batch] == [id(doc) for doc in docs]
    for number, batch in enumerate(batches):
        tokens = [max(1, len(doc)) for doc in batch]
        assert sum(tokens[:-1]) < size
        assert sum(tokens) >= size or number == len(batches) - 1
