"""The layer that classifies mentions by the vectors of their tokens."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Dropout, Model, Softmax_v2, chain
from thinc.types import Floats2d

# Of the softmax. The layer's weights begin as zeros and learn at the rate of the encoder, which is too slow for them
# alone: with 1 in place of 1/4 the rare values are hardly learnt in the epochs that there are.
TEMPERATURE = 0.25
Mentions = tuple[list[Doc], list[np.ndarray]]  # of each Doc the start and end tokens, mentions x 2


def build_classifier(tok2vec: Model[list[Doc], list[Floats2d]], nO: int | None) -> Model[Mentions, Floats2d]:
    """RETURNS (Model): Gives each mention a probability for each value, mentions x values."""
    pooled: Model = Model("pool_mentions", pool, init=_init, layers=[tok2vec], dims={"nO": None})
    model = chain(pooled, Dropout(0.0), Softmax_v2(nO, temperature=TEMPERATURE))
    model.set_ref("tok2vec", tok2vec)
    return model


def pool(model: Model, mentions: Mentions, is_train: bool) -> tuple[Floats2d, Callable]:
    """The mean and the maximum of the vectors of a mention's tokens, without those that have no wordpieces.

    RETURNS (Floats2d): Mentions x twice the width.
    """
    docs, bounds = mentions
    vectors, backprop_vectors = model.layers[0](docs, is_train)
    sizes = [len(of_doc) for of_doc in vectors]
    table: Any = model.ops.xp.concatenate(vectors) if vectors else model.ops.alloc2f(0, _width(model))
    tokens, lengths = find_tokens(sizes, bounds, model.ops.to_numpy(table.any(axis=1)))
    rows = table[model.ops.asarray1i(tokens)]  # type: ignore[arg-type]
    lengths = model.ops.asarray1i(lengths)  # type: ignore[arg-type]
    means = model.ops.reduce_mean(rows, lengths)
    most, which = model.ops.reduce_max(rows, lengths)

    def backprop(gradient: Any) -> list[Doc]:
        width = gradient.shape[1] // 2
        of_rows = model.ops.backprop_reduce_mean(model.ops.as_contig(gradient[:, :width]), lengths)
        of_rows += model.ops.backprop_reduce_max(model.ops.as_contig(gradient[:, width:]), which, lengths)
        of_table = model.ops.alloc2f(*table.shape)
        model.ops.scatter_add(of_table, model.ops.asarray1i(tokens), of_rows)  # type: ignore[arg-type]
        backprop_vectors(model.ops.unflatten(of_table, model.ops.asarray1i(sizes), 0))  # type: ignore[arg-type]
        return docs

    return model.ops.xp.hstack((means, most)), backprop


def find_tokens(sizes: Sequence[int], bounds: Sequence[np.ndarray], seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of all mentions one after another, and how many each has.

    sizes (Sequence[int]): Tokens of each Doc.
    bounds (Sequence[np.ndarray]): Of each Doc the start and end tokens, mentions x 2.
    seen (np.ndarray): Which tokens of the batch have a vector; a mention without one keeps all its tokens.
    """
    shifts = np.cumsum([0, *sizes])[:-1]
    empty = np.zeros((0, 2), dtype=int)
    shifted = np.concatenate([empty, *(of_doc + shift for of_doc, shift in zip(bounds, shifts, strict=True))])
    starts, ends = shifted.T
    lengths = ends - starts
    mention = np.repeat(np.arange(len(lengths)), lengths)
    tokens = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[mention]
    left = np.bincount(mention, seen[tokens], len(lengths)).astype(int)
    kept = seen[tokens] | (left[mention] == 0)
    return tokens[kept], np.bincount(mention[kept], minlength=len(lengths))


def _width(model: Model) -> int:
    return model.layers[0].get_dim("nO")


def _init(model: Model, X: Mentions | None = None, Y: Any = None) -> Model:
    model.layers[0].initialize(X[0] if X else None)
    model.set_dim("nO", 2 * _width(model))
    return model
