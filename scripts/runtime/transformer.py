"""The encoder as a layer of spaCy's: Docs in, vectors of their tokens out, every wordpiece computed once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from thinc.types import Floats2d
from torch import Tensor
from transformers.modeling_utils import PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

from .attention import can_join
from .batches import compute, make_batches
from .cores import Cores, count_threads
from .pieces import join_pieces, read_pieces, special_pieces
from .shim import EncoderShim, encoder_shim
from .tok2vec import own, own_config
from .vectors import TokenVectors
from .weights import longest_window
from .windows import cut_windows


class TransformerModel(Model):
    """The layer, with the properties by which spacy-transformers' own is asked.

    name (str): Folder of the encoder, or its name on the hub.
    window (int): Longest window in wordpieces, with the special ones.
    """

    def __init__(self, name: str, window: int, shim: EncoderShim) -> None:
        attrs = {"name": name, "window": window, "replace_listener": own, "replace_listener_cfg": own_config}
        super().__init__("medner-transformer", forward, init=init, shims=[shim], dims={"nO": None}, attrs=attrs)

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Hugging Face's tokenizer."""
        return encoder_shim(self).tokenizer

    @property
    def transformer(self) -> PreTrainedModel:
        """Hugging Face's model."""
        return encoder_shim(self).encoder

    def begin(self, docs: Sequence[Doc]) -> TokenVectors:
        """Let the cores begin to predict vectors, which are waited for when they are asked for."""
        return predict(self, docs, encoder_shim(self).cores)


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the encoder, if none has been loaded."""
    shim = encoder_shim(model)
    if not shim.is_loaded:
        shim.load(model.attrs["name"])
        model.attrs["name"] = ""  # would be saved with the model, and may be a path of this machine
    model.set_dim("nO", shim.encoder.config.hidden_size)


def forward(model: Model, docs: Sequence[Doc], is_train: bool) -> tuple[TokenVectors, Callable]:
    if not is_train:
        return predict(model, docs, None), lambda gradients: docs
    with encoder_shim(model).computing(is_train) as encoder:
        tokens = add_up(encode(model, docs, encoder, None), count(docs), encoder)

    def backprop(gradients: list[Floats2d]) -> Sequence[Doc]:
        if tokens.requires_grad:  # unless all notes are blank
            torch.autograd.backward(tokens, xp2torch(model.ops.xp.concatenate(gradients), device=tokens.device))
        return docs

    return TokenVectors(lambda: split(model, docs, torch2xp(tokens.detach()))), backprop


def predict(model: Model, docs: Sequence[Doc], cores: Cores | None) -> TokenVectors:
    """Predict vectors.

    cores (Cores | None): What computes, if not this thread.
    """
    with encoder_shim(model).computing(False) as encoder:
        parts = encode(model, docs, encoder, cores)

    def find() -> list[Floats2d]:
        if encoder.device.type == "cpu":
            return split(model, docs, add_up_alone(parts, count(docs), encoder))
        with torch.inference_mode():
            return split(model, docs, torch2xp(add_up(parts, count(docs), encoder)))

    return TokenVectors(find)


def encode(
    model: Model, docs: Sequence[Doc], encoder: PreTrainedModel, cores: Cores | None
) -> Iterable[tuple[Tensor, Tensor]]:
    """Compute the windows of notes, or let the cores begin to.

    RETURNS (Iterable[tuple[Tensor, Tensor]]): As `compute` gives it.
    """
    shim = encoder_shim(model)
    pieces = read_pieces(shim.backend, docs)
    limit = find_limit(shim, model.attrs["window"])
    notes = join_pieces(pieces, [cut_windows(note, limit) for note in pieces], [len(doc) for doc in docs])
    threads = count_threads() if cores else 0
    # In bfloat16 it gains nothing: oneDNN compiles a product for every sum of widths
    joins = encoder.training and shim.dtype == torch.float32 and can_join(encoder)
    batches = list(make_batches(encoder, special_pieces(shim.backend), notes, threads, shim.in_tiles, joins))
    return compute(encoder, cores, batches)


def find_limit(shim: EncoderShim, window: int) -> int:
    """The pieces of a note that a window holds at most.

    window (int): Longest window, with the special pieces.
    """
    longest = min(window, shim.tokenizer.model_max_length, longest_window(shim.encoder))
    return longest - sum(map(len, special_pieces(shim.backend)))


def count(docs: Sequence[Doc]) -> int:
    """The tokens of all notes."""
    return sum(map(len, docs))


def add_up(parts: Iterable[tuple[Tensor, Tensor]], count: int, encoder: PreTrainedModel) -> Tensor:
    """The vectors of all tokens, tokens x width, zeros for those that have no pieces.

    parts (Iterable[tuple[Tensor, Tensor]]): Numbers of tokens, each once, and their vectors, or a window's share of
        these.
    count (int): Tokens.
    """
    tokens = torch.zeros(count, encoder.config.hidden_size, device=encoder.device)
    for numbers, part in parts:
        tokens.index_add_(0, numbers, part)
    return tokens


def add_up_alone(parts: Iterable[tuple[Tensor, Tensor]], count: int, encoder: PreTrainedModel) -> np.ndarray:
    """As `add_up`, on a CPU: torch's threads would take the cores from those that compute what comes next."""
    tokens = np.zeros((count, encoder.config.hidden_size), dtype=np.float32)
    for numbers, part in parts:
        tokens[numbers.numpy()] += part.numpy()
    return tokens


def split(model: Model, docs: Sequence[Doc], tokens: Any) -> list[Floats2d]:
    """The vectors of each Doc's tokens."""
    return model.ops.xp.split(tokens, np.cumsum([len(doc) for doc in docs])[:-1])
