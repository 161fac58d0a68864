"""The encoder as a layer of spaCy's: Docs in, vectors of their tokens out, every wordpiece computed once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d
from torch import Tensor

from .batches import compute, make_batches
from .pieces import join_pieces, read_pieces, special_pieces
from .shim import EncoderShim, encoder_shim
from .vectors import TokenVectors
from .windows import cut_windows


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the encoder, if none has been loaded."""
    shim = encoder_shim(model)
    if not shim.is_loaded:
        shim.load(model.attrs["name"])
        model.attrs["name"] = ""  # would be saved with the model, and may be a path of this machine
    model.set_dim("nO", shim.encoder.config.hidden_size)


def forward(model: Model, docs: Sequence[Doc], is_train: bool) -> tuple[TokenVectors, Callable]:
    shim = encoder_shim(model)
    cores = None if is_train else shim.cores
    lengths = [len(doc) for doc in docs]
    pieces = read_pieces(shim.tokenizer, docs)
    limit = find_limit(shim, model.attrs["window"])
    notes = join_pieces(pieces, [cut_windows(note, limit) for note in pieces], lengths)
    with shim.computing(is_train) as encoder:
        batches = list(make_batches(encoder, shim.tokenizer, notes, cores, shim.in_tiles))
        parts = compute(encoder, cores, batches)

    def find() -> Tensor:
        with torch.inference_mode(not is_train):
            return add_up(parts, sum(lengths), encoder.config.hidden_size, encoder.device)

    def split(tokens: Tensor) -> list[Floats2d]:
        return model.ops.xp.split(torch2xp(tokens), np.cumsum(lengths)[:-1])

    if not is_train:
        return TokenVectors(lambda: split(find())), lambda gradients: docs
    tokens = find()

    def backprop(gradients: list[Floats2d]) -> Sequence[Doc]:
        if tokens.requires_grad:  # unless all notes are blank
            torch.autograd.backward(tokens, xp2torch(model.ops.xp.concatenate(gradients), device=tokens.device))
        return docs

    return TokenVectors(lambda: split(tokens.detach())), backprop


def find_limit(shim: EncoderShim, window: int) -> int:
    """The pieces of a note that a window holds at most.

    window (int): Longest window, with the special pieces.
    """
    longest = min(window, shim.tokenizer.model_max_length, shim.encoder.config.max_position_embeddings)
    return longest - sum(map(len, special_pieces(shim.tokenizer)))


def add_up(parts: Iterable[tuple[Tensor, Tensor]], count: int, width: int, device: torch.device) -> Tensor:
    """The vectors of all tokens, tokens x width, zeros for those that have no pieces.

    parts (Iterable[tuple[Tensor, Tensor]]): Numbers of tokens and their vectors, or a window's share of these.
    """
    tokens = torch.zeros(count, width, device=device)
    for numbers, part in parts:
        tokens.index_add_(0, numbers, part)
    return tokens
