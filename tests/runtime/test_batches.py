"""Batches: every piece is computed once, by whom there is, and what it is computed with changes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from scripts.runtime import batches, transformer
from scripts.runtime.batches import NARROW, TILE, batch_sizes, fill_tiles, group_by_length, group_by_sum
from scripts.runtime.pieces import read_pieces
from scripts.runtime.shim import EncoderShim
from scripts.runtime.windows import cut_windows
from tests.pipelines import HOSTILE, LINES, WINDOW, build, shim_of, transformer_of, vectors

TEXTS = ["pain", "", *LINES[:4], "\n\n", "chest pain . " * 30, HOSTILE["emoji"]]


def test_every_piece_is_computed_once(nlp: Language):
    docs = [nlp.make_doc(text) for text in [*HOSTILE.values(), "", "pain"]]
    seen: list[int] = []
    tokenizer = shim_of(nlp).tokenizer
    special = set(tokenizer.all_special_ids).difference([tokenizer.unk_token_id])
    hook = shim_of(nlp).encoder.register_forward_pre_hook(
        lambda module, arguments: seen.extend(i for i in arguments[0].flatten().tolist() if i not in special)
    )
    found = vectors(nlp, docs)
    hook.remove()
    expected = [i for note in read_pieces(shim_of(nlp).backend, docs) for i in note.ids if i not in special]
    assert sorted(seen) == sorted(expected)
    assert [len(rows) for rows in found] == [len(doc) for doc in docs]


def test_output_does_not_depend_on_the_batch(nlp: Language, monkeypatch: pytest.MonkeyPatch):
    docs = [nlp.make_doc(text) for text in TEXTS]
    together = vectors(nlp, docs)
    monkeypatch.setattr(batches, "CPU_BATCH", (20, 5))
    for doc, rows in zip(docs, together, strict=True):
        if len(doc):
            np.testing.assert_allclose(vectors(nlp, [doc])[0], rows, atol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("tiles", [False, True])
def test_batches_fill_tiles(
    encoder: Path,
    precision: str,
    training: bool,
    tiles: bool,
    widths: list[list[int]],
    set_tiles: Callable[[bool], None],
):
    set_tiles(tiles)
    nlp = build(encoder, window=500, precision=precision)
    shim = shim_of(nlp)
    widest = shim.encoder.config.max_position_embeddings = NARROW + TILE + 1
    for text in ("pain denied", "pain " * 500):
        doc = nlp.make_doc(text)
        transformer_of(nlp).model([doc], is_train=training)
        (note,) = read_pieces(shim.backend, [doc])
        longest = int(np.diff(cut_windows(note, widest - 2)).max()) + 2
        step = TILE if longest > NARROW else TILE // 2
        filled = min(widest, -(-longest // step) * step)
        assert widths.pop()[-1] == (filled if tiles and precision == "bfloat16" else longest)
    assert longest > widest - TILE


def test_narrow_widths_fill_half_tiles():
    assert fill_tiles(np.array([1, 8, 9, 63, 64, 65, 80, 81])).tolist() == [8, 8, 16, 64, 64, 80, 80, 96]


def test_tiles_change_no_vector(nlp: Language, monkeypatch: pytest.MonkeyPatch):
    docs = [nlp.make_doc(text) for text in TEXTS]
    plain = vectors(nlp, docs)
    monkeypatch.setattr(EncoderShim, "in_tiles", True)
    for rows, expected in zip(vectors(nlp, docs), plain, strict=True):
        np.testing.assert_allclose(rows, expected, atol=1e-5)


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("words", [1, 3])
def test_cores_share_what_there_is(
    nlp: Language, tiles: bool, words: int, widths: list[list[int]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EncoderShim, "in_tiles", tiles)
    monkeypatch.setattr(batches, "CORE_FEWEST", 1)
    model = transformer_of(nlp).model
    docs = [nlp.make_doc("pain " * words)] * 8
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        assert model.begin(docs).vectors
    finally:
        torch.set_num_threads(before)
    assert len(widths.pop()) == 4
    model.predict(docs)
    assert len(widths.pop()) == 1


def test_batches_are_as_large_as_what_computes_them_likes():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert batch_sizes(cpu, 0, False, 10**6) == batch_sizes(cpu, 0, True, 10**6) == batches.CPU_BATCH
    assert batch_sizes(cpu, 4, False, 10**6) == batches.CORE_BATCH
    assert batch_sizes(cpu, 4, True, 10**6) == batches.TILES_BATCH
    assert batch_sizes(cpu, 4, False, 1601) == (401, batches.CORE_BATCH[1])
    assert batch_sizes(cpu, 4, True, 1) == (batches.CORE_FEWEST, batches.TILES_BATCH[1])
    assert batch_sizes(gpu, 0, False, 1) == batches.GPU_BATCH


@pytest.mark.parametrize("most", [batches.CPU_BATCH[0], 70])
def test_training_computes_no_padding_and_finds_the_same_gradients(
    encoder: Path, most: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "CPU_BATCH", (most, batches.CPU_BATCH[1]))
    nlp = build(encoder)
    docs = [nlp.make_doc(text) for text in TEXTS]
    model, shim, rows = transformer_of(nlp).model, shim_of(nlp), []
    shim.encoder.register_forward_pre_hook(lambda module, arguments: rows.append(arguments[0]))
    for layer in shim.encoder.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    found = []
    for joins in (True, False):
        if not joins:
            monkeypatch.setattr(transformer, "can_join", lambda encoder: False)
        vectors, backprop = model(docs, is_train=True)
        backprop([rows_of_doc**2 for rows_of_doc in vectors.vectors])
        weights = {
            name: each.grad.to_dense() for name, each in shim.encoder.named_parameters() if each.grad is not None
        }
        found.append((np.concatenate(vectors.vectors), weights, list(map(torch.clone, rows))))
        shim.encoder.zero_grad(set_to_none=True)
        rows.clear()
    (vectors, weights, ids), (padded_vectors, padded_weights, _) = found
    notes = read_pieces(shim.backend, docs)
    windows = [cut for note in notes for cut in cut_windows(note, WINDOW - 2).tolist()]
    assert {row.shape[0] for row in ids} == {1} and len(ids) == -(-sum(row.numel() for row in ids) // most)
    assert sum(row.numel() for row in ids) == sum(end - start + 2 for start, end in windows)
    np.testing.assert_allclose(vectors, padded_vectors, atol=1e-5)
    assert weights.keys() == padded_weights.keys()
    for name, gradient in weights.items():
        torch.testing.assert_close(gradient, padded_weights[name], atol=1e-4, rtol=1e-3)


def test_windows_are_not_joined_where_attention_is_computed_again(bert: Path):
    """Gradient checkpointing does that when `joined` is left already. In bfloat16 nothing would be gained."""
    nlp, shapes = build(bert), []
    shim = shim_of(nlp)
    shim.encoder.register_forward_pre_hook(lambda module, arguments: shapes.append(arguments[0].shape[0]))
    for precision, again in (("float32", False), ("bfloat16", False), ("float32", True)):
        shim.precision = precision
        if again:
            shim.encoder.gradient_checkpointing_enable()
        transformer_of(nlp).model([nlp.make_doc("pain " * 3)] * 2, is_train=True)
    assert shapes == [1, 2, 2]


@given(st.lists(st.integers(1, 130), max_size=100), st.integers(1, 3000))
def test_joined_windows_are_all_there(lengths: list[int], most: int):
    groups = [np.array(lengths)[group] for group in group_by_sum(np.array(lengths, dtype=int), most)]
    assert [length for group in groups for length in group] == sorted(lengths)
    assert all(group.sum() < most + 130 for group in groups)
    assert len(groups) <= -(-sum(lengths) // most)


@given(st.lists(st.integers(1, 130), min_size=1, max_size=300), st.integers(1, 3000), st.integers(1, 1000))
def test_windows_computed_together_are_of_similar_length(lengths: list[int], most: int, spare: int):
    groups = [np.array(lengths)[group] for group in group_by_length(np.array(lengths), most, spare)]
    assert np.concatenate(groups).tolist() == sorted(lengths)
    for group, behind in zip(groups, [*groups[1:], None], strict=True):
        padded = len(group) * group.max()
        assert len(group) == 1 or (padded <= most and padded - group.sum() <= spare)
        if behind is not None:  # one more would have been too many
            padded = (len(group) + 1) * behind[0]
            assert padded > most or padded - group.sum() - behind[0] > spare
