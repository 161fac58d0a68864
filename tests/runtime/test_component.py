"""A stream is read ahead: nothing is lost, mixed up or left running, however many there are."""

import copy
import gc
import pickle
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc

from scripts.runtime import component
from scripts.runtime.component import TokenTransformer, count_tokens
from tests.paths import ROOT
from tests.pipelines import LINES, build, reader_of, shim_of, transformer_of

TEXTS = [f"{' '.join(LINES[i % 4 : i % 4 + i % 9])} pain {i}" * (1 + i % 3) for i in range(60)] + ["", "\n"]


@pytest.fixture(scope="module")
def nlp(bert: Path) -> Language:
    return build(bert, keep_output=True)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def set_batch(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the tokens that are encoded together."""
    return lambda tokens: monkeypatch.setitem(transformer_of(nlp).cfg, "max_batch_items", tokens)


def vectors(doc: Doc) -> np.ndarray:
    return doc._.trf_data.tensors[0][0] if len(doc) else np.empty(0)


@pytest.mark.parametrize("tokens", [1, 100, 100_000])
def test_a_stream_gives_what_single_notes_give(nlp: Language, threads: int, tokens: int, set_batch):
    set_batch(tokens)
    docs = list(nlp.pipe(TEXTS, batch_size=7))
    assert [doc.text for doc in docs] == TEXTS
    for doc in docs:
        np.testing.assert_allclose(vectors(doc), vectors(nlp(doc.text)), atol=1e-5)
        assert [ent.label_ for ent in doc.ents] == [ent.label_ for ent in nlp(doc.text).ents]


@pytest.mark.parametrize("threads", [2], indirect=True)
def test_cores_compute_a_stream_beside_a_caller_who_keeps_torchs_threads(nlp: Language, threads: int, set_batch):
    seen = set()
    set_batch(2000)
    hook = reader_of(nlp).register_forward_pre_hook(
        lambda *_: seen.add((threading.current_thread() is threading.main_thread(), torch.get_num_threads()))
    )
    for doc in nlp.pipe(TEXTS * 9):
        assert torch.get_num_threads() == 2, doc
    assert seen == {(False, 1)}
    running = threading.active_count()
    nlp("pain")
    assert seen == {(False, 1), (True, 2)}
    list(nlp.pipe(TEXTS * 9))
    hook.remove()
    assert threading.active_count() == running


@pytest.mark.parametrize("size", [1, 2, 7])
def test_notes_come_back_before_more_than_a_batch_is_taken(nlp: Language, size: int):
    """As those of a live stream have to, whose next note may not be there for hours."""
    notes: queue.Queue = queue.Queue()
    docs = nlp.pipe(iter(notes.get, None), batch_size=size)
    for _ in range(3):
        for number in range(size):
            notes.put(f"pain {number}")
        assert [next(docs).text for _ in range(size)] == [f"pain {number}" for number in range(size)]
        assert notes.empty()
    notes.put("pain")
    notes.put(None)
    assert [doc.text for doc in docs] == ["pain"]


def test_notes_come_back_when_a_batch_is_taken_however_long_they_are(nlp: Language, set_batch):
    """As NER, too, reads many tokens or `batch_size` notes at once, whichever is less."""
    set_batch(90)
    long = "she denies chest pain . " * 300
    notes: queue.Queue = queue.Queue()
    docs: Any = nlp.pipe(iter(notes.get, None), batch_size=4)
    for text in (long, "pain", "pain", "pain", "pain", long, long, "pain"):
        notes.put(text)
    assert [len(next(docs)) for _ in range(8)] == [1500, 1, 1, 1, 1, 1500, 1500, 1]
    docs.close()


def test_no_more_is_read_ahead_than_said(nlp: Language, set_batch):
    set_batch(10)
    numbers = count()
    texts = (f"pain {next(numbers)}" for _ in range(10**6))  # of two tokens each
    docs: Any = nlp.pipe(texts, batch_size=1000)
    assert [doc.text for doc in islice(docs, 8)] == [f"pain {i}" for i in range(8)]
    docs.close()
    # NER reads up to `TOKENS` tokens at once
    assert next(numbers) <= 1000


@pytest.mark.parametrize(("size", "ahead"), [(1000, (component.AHEAD + 1) * 5), (4, 4), (1, 1)])
def test_the_encoder_reads_ahead_by_tokens_but_no_more_than_a_batch(nlp: Language, set_batch, size: int, ahead: int):
    set_batch(10)
    numbers = count()
    stream = transformer_of(nlp).pipe((nlp.make_doc(f"pain {next(numbers)}") for _ in range(10**6)), batch_size=size)
    next(stream)
    assert next(numbers) == ahead


def test_a_note_without_tokens_counts_as_one(nlp: Language):
    assert [count_tokens(nlp.make_doc(text)) for text in ("", "pain", "chest pain")] == [1, 1, 2]


def test_freed_memory_is_given_back_with_every_full_batch(nlp: Language, set_batch, monkeypatch: pytest.MonkeyPatch):
    given: list[bool] = []
    monkeypatch.setattr(component, "give_back_memory", lambda: given.append(True))
    set_batch(4)
    assert len(list(nlp.pipe(["chest pain"] * 5))) == 5
    assert len(given) == 2


def check(nlp: Language, doc: Doc) -> None:
    np.testing.assert_allclose(vectors(doc), vectors(nlp(doc.text)), atol=1e-5)


def test_streams_side_by_side(nlp: Language, set_batch):
    set_batch(50)
    for one, other in zip(nlp.pipe(TEXTS), nlp.pipe(reversed(TEXTS)), strict=True):
        check(nlp, one)
        check(nlp, other)


def test_streams_in_streams(nlp: Language, set_batch):
    set_batch(30)
    for doc in nlp.pipe(TEXTS[:9]):
        check(nlp, doc)
        for inner in nlp.pipe([doc.text, *TEXTS[:3]]):
            check(nlp, inner)


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
@pytest.mark.parametrize("end", ["close", "collect", "leave"])
def test_a_stream_that_is_not_read_to_its_end_harms_no_other(nlp: Language, threads: int, set_batch, end: str):
    set_batch(50)
    outer: Any = nlp.pipe(TEXTS)
    next(outer)
    inner = nlp.pipe(TEXTS)
    found = [next(inner)]
    if end == "close":
        outer.close()
    elif end == "collect":
        del outer
        gc.collect()
    for doc in [*found, *inner]:
        check(nlp, doc)
    assert torch.get_num_threads() == threads


def in_threads(works: Sequence[Callable[[], None]]) -> None:
    """Run all at once; RAISES what the first one raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_of_a_server_share_a_pipeline(nlp: Language, set_batch):
    set_batch(60)
    wanted = [vectors(nlp(text)) for text in TEXTS]
    threads = torch.get_num_threads()
    seen: list[int] = []

    def compare(docs: Sequence[Doc], texts: slice = slice(None)) -> None:
        for doc, expected in zip(docs, wanted[texts], strict=True):
            np.testing.assert_allclose(vectors(doc), expected, atol=1e-5)
        seen.append(torch.get_num_threads())

    def read_notes() -> None:
        compare([nlp(text) for text in TEXTS])

    def read_stream() -> None:
        compare(list(nlp.pipe(TEXTS, batch_size=16)))

    def read_small_streams() -> None:
        for start in range(0, len(TEXTS), 4):
            compare(list(nlp.pipe(TEXTS[start : start + 4])), slice(start, start + 4))

    def leave_streams() -> None:
        for start in range(0, len(TEXTS), 20):
            check(nlp, next(nlp.pipe(TEXTS[start:])))

    in_threads([read_notes, read_notes, read_stream, read_stream, read_small_streams, leave_streams])
    assert set(seen) == {threads}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("threads", [2], indirect=True)
def test_a_pipeline_is_copied_and_saved_while_a_stream_is_open(bert: Path, threads: int, precision: str):
    nlp = build(bert, keep_output=True, precision=precision)
    transformer_of(nlp).cfg["max_batch_items"] = 50
    wanted = [vectors(doc) for doc in nlp.pipe(TEXTS)]
    stream = nlp.pipe(TEXTS)
    found = [next(stream)]
    blank = spacy.blank("en").from_config(nlp.config)
    others = [copy.deepcopy(nlp), pickle.loads(pickle.dumps(nlp)), blank.from_bytes(nlp.to_bytes())]
    for pipeline in (*others, nlp):
        assert isinstance(transformer_of(pipeline), TokenTransformer)
        docs = [*found, *stream] if pipeline is nlp else list(pipeline.pipe(TEXTS))
        for doc, expected in zip(docs, wanted, strict=True):
            np.testing.assert_allclose(vectors(doc), expected, atol=1e-5)


def test_what_fails_in_a_core_is_raised(nlp: Language):
    def fail(*_: Any) -> None:
        raise RuntimeError("no memory")

    hook = reader_of(nlp).register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="no memory"):
        list(nlp.pipe(TEXTS))
    hook.remove()
    assert len(list(nlp.pipe(TEXTS))) == len(TEXTS)


def test_what_a_config_says_holds_when_a_pipeline_is_loaded(bert: Path, tmp_path: Path):
    build(bert, keep_output=True, ner="medner_ner").to_disk(tmp_path)
    changed = {"transformer": {"max_batch_items": 512, "model": {"window": 64}},
               "ner": {"model": {"tok2vec": {"keep_output": False}}}}  # fmt: skip
    for config, expected in (({"components": changed}, (512, 64, False)), ({}, (100_000, 16, True))):
        again = spacy.load(tmp_path, config=config)
        ner: Any = again.get_pipe("ner")
        (listener,) = (node for node in ner.model.walk() if node.name == "transformer-listener")
        transformer = transformer_of(again)
        values = transformer.cfg["max_batch_items"], transformer.model.attrs["window"], listener.attrs["keep_output"]
        assert values == expected
        assert (again("chest pain")._.trf_data is not None) == expected[-1]


def test_it_answers_what_others_ask_of_spacy_transformers_own(nlp: Language):
    transformer, (doc,) = transformer_of(nlp), nlp.pipe(["she denies chest pain .\n"])
    assert [len(found) for found in transformer.pipe([nlp.make_doc("chest pain")])] == [2]
    assert transformer.model.tokenizer is shim_of(nlp).tokenizer
    assert transformer.model.transformer is shim_of(nlp).encoder
    of_doc = doc._.trf_data.tensors[-1][0]
    np.testing.assert_allclose(of_doc, vectors(doc)[:5].mean(0), rtol=1e-5)  # not the blank
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    np.testing.assert_array_equal(vectors(again), vectors(doc))


def test_a_users_setting_of_the_tokenizer_cuts_no_note(nlp: Language):
    wanted = vectors(nlp("pain " * 60))
    transformer_of(nlp).model.tokenizer("pain " * 60, truncation=True, max_length=8, padding="max_length")
    np.testing.assert_array_equal(vectors(nlp("pain " * 60)), wanted)


def test_both_configs_use_it():
    configs = [spacy.util.load_config(path) for path in (ROOT / "configs").glob("*.cfg")]
    assert len(configs) == 2
    for config in configs:
        assert config["components"]["transformer"]["factory"] == component.FACTORY
        assert config["nlp"]["batch_size"] == 4000  # so that short texts, too, are enough for the cores
