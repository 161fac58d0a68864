"""Every kind of encoder computes what Hugging Face's own does, learns, and is saved and loaded."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from transformers import AutoModel, AutoTokenizer
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from scripts.runtime.pieces import Pieces, read_pieces
from scripts.runtime.transformer import find_limit
from scripts.runtime.windows import cut_windows
from tests.encoders import BUILD, MAX_PIECES
from tests.pipelines import build, quantizes, shim_of, train, vectors

TEXT = "She denies chest pain .  Naïve 😀\n\nGiven 81 mg aspirin"
LONG = "she denies chest pain . " * 220
LONGEST = 10_000  # a window as long as the encoder takes


@pytest.fixture(scope="module", params=BUILD)
def kind(request: pytest.FixtureRequest, make_encoder: Callable[[str], Path]) -> Path:
    """The folder of a tiny encoder of each kind."""
    return make_encoder(request.param)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Updates of a tiny encoder take longer by several threads, the more so when others compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def add_up(doc: Doc, pieces: Pieces, hidden: np.ndarray) -> np.ndarray:
    """The mean of each token's pieces, by the characters that both cover."""
    found = np.zeros((len(doc), hidden.shape[1]))
    for token in doc:
        covers = (pieces.starts < token.idx + len(token)) & (np.maximum(pieces.ends, pieces.starts + 1) > token.idx)
        found[token.i] = hidden[covers].mean(0) if covers.any() else 0
    return found


def by_transformers(folder: Path, windows: list[list[int]]) -> np.ndarray:
    """What transformers computes of the pieces of windows, in float32."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    first, *_, last = tokenizer("a")["input_ids"]
    with torch.inference_mode():
        hidden = [model(torch.tensor([[first, *window, last]])).last_hidden_state[0, 1:-1] for window in windows]
    return torch.cat(hidden).numpy()


@pytest.mark.parametrize(("precision", "close"), [("float32", 1e-5), pytest.param("int8", 0.2, marks=quantizes)])
def test_vectors_are_those_of_transformers(kind: Path, precision: str, close: float):
    nlp = build(kind, window=LONGEST, precision=precision)
    doc = nlp.make_doc(TEXT)
    encoded = AutoTokenizer.from_pretrained(kind)(TEXT, return_offsets_mapping=True)
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(kind).eval()(torch.tensor([encoded["input_ids"]])).last_hidden_state[0, 1:-1]
    places = np.array(encoded["offset_mapping"][1:-1])
    pieces = Pieces(TEXT, np.array([]), *places.T, np.array([]), np.array([]))
    np.testing.assert_allclose(vectors(nlp, [doc])[0], add_up(doc, pieces, hidden.numpy()), atol=close)


def test_vectors_do_not_depend_on_the_class_of_the_tokenizer(kind: Path, tmp_path: Path):
    """Many encoders come with the general one, which knows no special pieces; their post-processor does."""
    folder = shutil.copytree(kind, tmp_path / "general")
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    file.write_text(json.dumps(settings), encoding="utf8")
    nlp, general = build(kind), build(folder)
    assert type(shim_of(general).tokenizer) is PreTrainedTokenizerFast
    known, found = (vectors(pipeline, [pipeline.make_doc(TEXT)])[0] for pipeline in (nlp, general))
    np.testing.assert_allclose(found, known, atol=1e-6)


def test_the_longest_windows_are_computed(kind: Path, set_tiles: Callable[[bool], None], widths: list[list[int]]):
    """Those of a long note, and a note that fills one window to the last position."""
    set_tiles(True)
    nlp = build(kind, window=LONGEST)
    limit = find_limit(shim_of(nlp), LONGEST)
    assert limit == MAX_PIECES - 2
    for doc in (nlp.make_doc(LONG), fill_window(nlp, limit)):
        (pieces,) = read_pieces(shim_of(nlp).backend, [doc])
        windows = [pieces.ids[start:end].tolist() for start, end in cut_windows(pieces, limit)]
        expected = add_up(doc, pieces, by_transformers(kind, windows))
        np.testing.assert_allclose(vectors(nlp, [doc])[0], expected, atol=1e-5)
    assert widths[-1] == [MAX_PIECES]


def fill_window(nlp: Language, limit: int) -> Doc:
    """A note of exactly as many pieces."""
    for start in range(24):
        text = LONG[start:]
        (pieces,) = read_pieces(shim_of(nlp).backend, [nlp.make_doc(text)])
        doc = nlp.make_doc(text[: pieces.ends[limit - 1]])
        if len(read_pieces(shim_of(nlp).backend, [doc])[0].ids) == limit:
            return doc
    raise AssertionError("No cut of the note has so many pieces.")


def test_batches_in_tiles_stay_within_the_positions(kind: Path, set_tiles: Callable[[bool], None]):
    set_tiles(True)
    exact = vectors(nlp := build(kind, window=LONGEST), docs := [nlp.make_doc(text) for text in (LONG, TEXT)])
    nlp = build(kind, window=LONGEST, precision="bfloat16")
    for row, other in zip(np.concatenate(exact), np.concatenate(vectors(nlp, docs)), strict=True):
        assert row @ other >= 0.999 * np.linalg.norm(row) * np.linalg.norm(other)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_is_the_same_after_saving(kind: Path, precision: str, tmp_path: Path):
    nlp = build(kind, precision=precision)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.003
    losses = train(nlp, optimizer, updates=24)
    assert losses[-1] < losses[0] / 4
    nlp.to_disk(tmp_path)
    texts = [TEXT, "", LONG[:1200]]  # of different lengths, so that there is padding
    known, loaded = (list(pipeline.pipe(texts)) for pipeline in (nlp, spacy.load(tmp_path)))
    assert {ent.label_ for doc in known for ent in doc.ents} == {"person", "problem"}
    assert list(map(mentions, known)) == list(map(mentions, loaded))


def test_vectors_of_a_saved_pipeline_are_the_same(kind: Path, tmp_path: Path):
    nlp = build(kind)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    docs = [nlp.make_doc(text) for text in (TEXT, LONG[:300], "pain")]
    for known, found in zip(vectors(nlp, docs), vectors(loaded, docs), strict=True):
        np.testing.assert_array_equal(known, found)


def mentions(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]
