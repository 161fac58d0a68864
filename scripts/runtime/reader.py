"""The copy of an encoder that predicts, in the precision and with the layers that are fastest for that."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers.activations import PytorchGELUTanh
from transformers.modeling_utils import PreTrainedModel

from .activations import TanhGelu
from .attention import fuse_projections
from .batches import CORE_BATCH
from .hardware import has_packed_bfloat16, has_packed_float32
from .layers import replace_layers
from .products import PackedLinear, QuantizedLinear


def make_reader(encoder: PreTrainedModel, precision: str) -> PreTrainedModel:
    """A copy to predict with, which shares those weights that are the same.

    precision (str): "float32", "bfloat16" or "int8", the last on a CPU only.
    """
    shared = {id(weights): weights for weights in encoder.parameters()}
    reader: Any = copy.deepcopy(encoder, shared).eval()  # Any: pyright does not see through the decorator of `to`
    convert_weights(reader, torch.bfloat16 if precision == "bfloat16" else torch.float32)
    if reader.device.type == "cpu":
        if precision != "bfloat16":  # whose plain attention loses 2 % by parts of one product
            fuse_projections(reader)
        replace_layers(reader, PytorchGELUTanh, lambda _: TanhGelu())
        if linear := find_layer(precision):
            replace_layers(reader, torch.nn.Linear, partial(linear, rows=CORE_BATCH[0]))
    return reader


def find_layer(precision: str) -> Callable[..., torch.nn.Module] | None:
    """What comes in the places of linear layers on this CPU, if anything does."""
    if precision == "int8":
        return QuantizedLinear
    has_packed = has_packed_bfloat16 if precision == "bfloat16" else has_packed_float32
    return PackedLinear if has_packed() else None


def convert_weights(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Put weights of another precision in the places of a model's, which stay as they are; but no buffers: ModernBERT's
    frequencies, by which it tells places apart, would lose half their digits.
    """
    for layer in model.modules():
        for name, weights in layer.named_parameters(recurse=False):
            setattr(layer, name, torch.nn.Parameter(weights.detach().to(dtype), requires_grad=False))
