"""The attention of BERT and ALBERT, plain or by torch's fused operator, whichever is faster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.modeling_utils import PreTrainedModel
from transformers.models.albert import modeling_albert
from transformers.models.bert import modeling_bert

from .hardware import has_tiles

Widths = tuple[tuple[int, int], ...]  # how many windows there are of each width, in their order
_widths: ContextVar[Widths] = ContextVar("widths", default=())
PLAIN_WINDOW = 128  # pieces of the longest window whose attention is computed plainly


class BertAttention(modeling_bert.BertSelfAttention):
    """BERT's attention, by `attend`."""

    def forward(self, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> tuple[Tensor]:
        return (attend(self, self.dropout, hidden, attention_mask),)


class AlbertAttention(modeling_albert.AlbertAttention):
    """ALBERT's attention, by `attend`."""

    def forward(self, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> tuple[Tensor]:
        context = self.dense(attend(self, self.attention_dropout, hidden, attention_mask))
        return (self.LayerNorm(hidden + self.output_dropout(context)),)


REPLACED: dict[type, type] = {
    modeling_bert.BertSelfAttention: BertAttention,
    modeling_albert.AlbertAttention: AlbertAttention,
}


def replace_attention(model: torch.nn.Module) -> int:
    """Let the layers of BERT's and ALBERT's attention with absolute positions compute by `attend`.

    RETURNS (int): How many there are.
    """
    replaced = 0
    for layer in model.modules():
        for theirs, ours in REPLACED.items():
            if isinstance(layer, theirs) and getattr(layer, "position_embedding_type", None) == "absolute":
                layer.__class__ = ours
                replaced += 1
    return replaced


def can_join(model: PreTrainedModel) -> bool:
    """Whether windows may be joined in one row, on a CPU: attention is ours, and not computed again after `joined`."""
    ours = any(isinstance(layer, BertAttention | AlbertAttention) for layer in model.modules())
    return ours and model.device.type == "cpu" and not model.is_gradient_checkpointing


@contextmanager
def joined(widths: Widths) -> Iterator[None]:
    """Meanwhile, in this thread, our attention takes a row for windows one after the other; with none for one."""
    before = _widths.set(widths)
    try:
        yield
    finally:
        _widths.reset(before)


def fuse_projections(model: torch.nn.Module) -> None:
    """Let layers of ours compute queries, keys and values in one product, to predict with; not those that somebody has
    put adapters into.
    """
    for layer in model.modules():
        if isinstance(layer, BertAttention | AlbertAttention):
            parts = [layer.query, layer.key, layer.value]
            if all(type(part) is torch.nn.Linear for part in parts):
                layer.projection = join(parts)
                del layer.query, layer.key, layer.value


def join(layers: Sequence[torch.nn.Linear]) -> torch.nn.Linear:
    """One linear layer whose outputs are those of some, one after the other."""
    with torch.device("meta"):
        joined = torch.nn.Linear(layers[0].in_features, sum(layer.out_features for layer in layers))
    joined.weight = torch.nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
    joined.bias = torch.nn.Parameter(torch.cat([layer.bias.detach() for layer in layers]))
    return joined


def project(layer: Any, hidden: Tensor) -> Sequence[Tensor]:
    """Queries, keys and values."""
    if hasattr(layer, "projection"):
        return layer.projection(hidden).chunk(3, dim=-1)
    return layer.query(hidden), layer.key(hidden), layer.value(hidden)


def attend(layer: Any, dropout: torch.nn.Dropout, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """What each piece takes from the others of its window.

    hidden (Tensor): Windows x pieces x width; in `joined` 1 x all pieces x width.
    mask (Tensor | None): Added to the scores, windows x 1 x 1 or pieces x pieces; none where nothing is padding.
    RETURNS (Tensor): As `hidden`.
    """
    parts = project(layer, hidden)
    widths = _widths.get()
    if not widths:
        query, key, value = parts
        return mix(layer, dropout, query, key, value, mask)
    split = (part.split([count * width for count, width in widths], dim=1) for part in parts)
    contexts = []
    for windows, of_windows in zip(widths, zip(*split, strict=True), strict=True):
        query, key, value = (part.unflatten(1, windows).squeeze(0) for part in of_windows)
        contexts.append(mix(layer, dropout, query, key, value, None).flatten(0, 1))
    return torch.cat(contexts)[None]


def mix(
    layer: Any, dropout: torch.nn.Dropout, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> Tensor:
    """Values by how well their keys match the queries, all windows x pieces x width."""
    heads = (layer.num_attention_heads, layer.attention_head_size)
    query, key, value = (part.unflatten(-1, heads).transpose(1, 2) for part in (query, key, value))
    if prefers_plain_attention(query, layer.training):
        # Scores stay in the products' precision: in autocast's they would be in float32, at twice the traffic.
        with torch.autocast(query.device.type, enabled=False):
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
            if mask is not None:
                scores += mask
            context = dropout(scores.softmax(-1)) @ value
    else:
        rate = dropout.p if layer.training else 0.0
        context = F.scaled_dot_product_attention(query, key, value, mask, rate)
    return context.transpose(1, 2).flatten(2)


def prefers_plain_attention(query: Tensor, training: bool) -> bool:
    """Whether plain attention is faster than torch's fused one, as measured with torch 2.13: on a CPU with dropout, or
    in short windows in bfloat16 without AMX.
    """
    if query.device.type != "cpu":
        return False
    return training or (query.dtype == torch.bfloat16 and query.shape[-2] <= PLAIN_WINDOW and not has_tiles())
