"""Batches: windows of similar length that the encoder computes together, and what becomes of their pieces."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.modeling_utils import PreTrainedModel

from .attention import Widths, joined
from .cores import Cores
from .pieces import JoinedPieces
from .weights import longest_window

# Pieces computed at once, and how many of these may be padding before one more batch costs less: by a core, by a core
# in tiles, by this thread, by a GPU (guessed). More leaves its caches; with less padding there are more shapes.
CORE_BATCH, TILES_BATCH, CPU_BATCH, GPU_BATCH = (1024, 64), (1280, 256), (2048, 128), (16384, 2048)
CORE_FEWEST = 128  # pieces for a core, where there is little to share
TILE = 16  # rows that AMX multiplies at once; batches with such widths fill them, and have few different shapes
NARROW = 64  # widths up to here fill half a tile: padding would cost more


class Batch(NamedTuple):
    """Windows that are computed together, and what becomes of their pieces.

    ids, mask: Windows x pieces, with special ones and padding; of joined windows 1 x all pieces.
    rows: Of all these pieces, numbered through, those of the first token, of the second and so on.
    bags: Where each token begins in `rows`.
    tokens: Their numbers among those of all notes.
    counts: How many pieces each has in all.
    widths: Of joined windows, with special pieces; none where windows have rows of their own.
    """

    ids: Tensor
    mask: Tensor
    rows: Tensor
    bags: Tensor
    tokens: Tensor
    counts: Tensor
    widths: Widths


def make_batches(
    encoder: PreTrainedModel,
    special: tuple[list[int], list[int]],
    notes: JoinedPieces,
    threads: int,
    in_tiles: bool,
    joins: bool,
) -> Iterator[Batch]:
    """Yield all windows, those of similar length together.

    special (tuple[list[int], list[int]]): The pieces before and after each, as `special_pieces` gives them.
    threads (int): How many compute, each a batch of its own; 0 for this thread alone.
    in_tiles (bool): Whether widths are to fill tiles.
    joins (bool): Whether windows are joined, so that there is no padding.
    """
    before, after = special
    widths = notes.windows @ (-1, 1) + len(before) + len(after)
    if in_tiles:
        widths = np.minimum(fill_tiles(widths), longest_window(encoder))
    if joins:
        for group in group_by_sum(widths, CPU_BATCH[0]):
            yield _join_windows(notes, group, widths[group], before, after)
        return
    most, spare = batch_sizes(encoder.device, threads, in_tiles, int(widths.sum()))
    for group in group_by_length(widths, most, spare):
        ids = np.full((len(group), int(widths[group[-1]])), encoder.config.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, (start, end) in enumerate(notes.windows[group]):
            filled = [*before, *notes.ids[start:end], *after]
            ids[i, : len(filled)] = filled
            mask[i, : len(filled)] = 1
        arrays = (ids, mask, *_find_rows(notes, group, np.arange(len(group)) * ids.shape[1] + len(before)))
        yield Batch._make([*(torch.from_numpy(array).to(encoder.device) for array in arrays), ()])


def _join_windows(
    notes: JoinedPieces, group: np.ndarray, widths: np.ndarray, before: list[int], after: list[int]
) -> Batch:
    """A batch of one row, in which only attention tells windows apart.

    group, widths (np.ndarray): The windows, from short to long, and their pieces with special ones.
    """
    filled = [np.concatenate([before, notes.ids[start:end], after]) for start, end in notes.windows[group]]
    ids = np.concatenate(filled).astype(np.int64)[None]
    arrays = (ids, np.ones_like(ids), *_find_rows(notes, group, np.cumsum(widths) - widths + len(before)))
    values, counts = np.unique(widths, return_counts=True)
    same = tuple(zip(counts.tolist(), values.tolist(), strict=True))
    return Batch._make([*map(torch.from_numpy, arrays), same])


def _find_rows(notes: JoinedPieces, group: np.ndarray, firsts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Find what becomes of the pieces of a batch.

    group (np.ndarray): Its windows.
    firsts (np.ndarray): Where the pieces of each begin in the batch, behind its special ones.
    RETURNS (tuple[np.ndarray, ...]): `rows`, `bags`, `tokens` and `counts` of Batch.
    """
    rows, covered = [], []
    for first, (start, end) in zip(firsts, notes.windows[group], strict=True):
        tokens_a_piece = np.diff(notes.starts[start : end + 1])
        rows.append(np.repeat(np.arange(end - start), tokens_a_piece) + first)
        covered.append(notes.covered[notes.starts[start] : notes.starts[end]])
    tokens = np.concatenate(covered)
    order = np.argsort(tokens, kind="stable")
    numbers, bags = np.unique(tokens[order], return_index=True)
    return np.concatenate(rows)[order], bags, numbers, notes.counts[numbers]


def fill_tiles(widths: np.ndarray) -> np.ndarray:
    """Widths that fill whole tiles, or half ones where they are narrow."""
    step = np.where(widths > NARROW, TILE, TILE // 2)
    return -(-widths // step) * step


def batch_sizes(device: torch.device, threads: int, in_tiles: bool, pieces: int) -> tuple[int, int]:
    """How many pieces to compute at once, if there are so many in all, and how many of these may be padding."""
    if device.type != "cpu":
        return GPU_BATCH
    if not threads:
        return CPU_BATCH
    most, spare = TILES_BATCH if in_tiles else CORE_BATCH
    return min(most, max(CORE_FEWEST, -(-pieces // threads))), spare


def group_by_length(lengths: np.ndarray, most: int, spare: int) -> Iterator[np.ndarray]:
    """Yield groups of places, from short to long.

    A group is at most `most` when padded to its longest, of which at most `spare` is padding, or it is of one.
    """
    order = np.argsort(lengths, kind="stable")
    sums = np.cumsum([0, *lengths[order]])
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order):
            padded = (end + 1 - start) * lengths[order[end]]
            if padded <= most and padded - (sums[end + 1] - sums[start]) <= spare:
                continue
        yield order[start:end]
        start = end


def group_by_sum(lengths: np.ndarray, most: int) -> list[np.ndarray]:
    """Groups of places, from short to long, each of about `most` in all."""
    order = np.argsort(lengths, kind="stable")
    numbers = (np.cumsum(lengths[order]) - 1) // most
    return np.split(order, np.flatnonzero(np.diff(numbers)) + 1) if len(order) else []


def compute(encoder: PreTrainedModel, cores: Cores | None, batches: Sequence[Batch]) -> Iterable[tuple[Tensor, Tensor]]:
    """The tokens of each batch and their vectors, tokens x width in float32; what cores compute comes when it is done.

    A vector is the mean of the token's pieces; of a token that windows cut, each batch gives its pieces' share of it.
    """
    if cores is None:
        return [compute_batch(encoder, batch) for batch in batches]
    tasks = cores.submit([partial(compute_batch, encoder, batch) for batch in batches])
    return (task.result() for task in tasks)


def compute_batch(encoder: PreTrainedModel, batch: Batch) -> tuple[Tensor, Tensor]:
    inputs = {"attention_mask": batch.mask}
    if batch.widths:
        positions = [torch.arange(width).repeat(count) for count, width in batch.widths]
        inputs.update(position_ids=torch.cat(positions)[None], token_type_ids=torch.zeros_like(batch.ids))
    with torch.inference_mode(not encoder.training), joined(batch.widths):
        hidden = encoder(batch.ids, **inputs).last_hidden_state.flatten(0, 1).float()
        return batch.tokens, F.embedding_bag(batch.rows, hidden, batch.bags, mode="sum") / batch.counts[:, None]
