"""What the next update of a training depends on: weights, what the optimizer keeps of each, and random generators; all
by names that are the same in every process, where layers have other numbers.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from spacy.language import Language
from thinc.api import CupyOps, Model, Optimizer, PyTorchShim, get_current_ops, torch2xp, xp2torch
from torch import Tensor

from scripts.runtime.optimizer import FusedAdam
from scripts.runtime.shim import EncoderShim

MOMENTS = ("mom1", "mom2", "averages")  # of thinc's optimizers, by weight


class Weight(NamedTuple):
    """A weight of a layer, or of a module of torch's in it.

    key (tuple[int, str]): By which the optimizer knows it in this process.
    values (Any): They themselves, an array of thinc's or a tensor.
    layer (Model): Whose weight it is.
    """

    key: tuple[int, str]
    values: Any
    layer: Model

    @property
    def has_gradient(self) -> bool:
        """Whether it has one, though it be zeros: what has none is not updated."""
        if isinstance(self.values, Tensor):
            return self.values.grad is not None
        return self.layer.has_grad(self.key[1])

    def clear_gradient(self) -> None:
        if isinstance(self.values, Tensor):
            self.values.grad = torch.zeros_like(self.values)
        else:
            self.layer.set_grad(self.key[1], self.layer.ops.alloc(self.values.shape))

    def put(self, values: Tensor) -> None:
        if isinstance(self.values, Tensor):
            self.values.detach().copy_(values)
        else:
            self.values[...] = torch2xp(values, ops=self.layer.ops)


def find_layers(nlp: Language) -> Iterator[tuple[str, Model]]:
    """The layers of all components, each once, with the component's name and a number."""
    seen = set()
    for name, component in nlp.pipeline:
        model = getattr(component, "model", None)
        for number, layer in enumerate(model.walk() if isinstance(model, Model) else []):
            if layer.id not in seen:
                yield f"{name}/{number}", layer
            seen.add(layer.id)


def find_weights(nlp: Language) -> dict[str, Weight]:
    """All weights by name."""
    found = {}
    for name, layer in find_layers(nlp):
        for param in layer.param_names:
            if layer.has_param(param):
                found[f"{name}/{param}"] = Weight((layer.id, param), layer.get_param(param), layer)
        for shim in layer.shims:
            if isinstance(shim, PyTorchShim):
                for param, values in find_tensors(shim):
                    found[f"{name}/{param}"] = Weight((shim.id, param), values, layer)
    return found


def find_tensors(shim: PyTorchShim) -> Iterable[tuple[str, Tensor]]:
    """Weights and buffers of a module of torch's, and by how much gradients in half precision are scaled."""
    module, scaler = shim._model, shim._grad_scaler
    scales = [("grad_scaler.scale", scaler._scale), ("grad_scaler.growth", scaler._growth_tracker)]
    return [*module.named_parameters(), *module.named_buffers(), *scales]


def find_fused(nlp: Language) -> Iterator[tuple[str, FusedAdam]]:
    """The optimizers of encoders that are updated by torch's."""
    for name, layer in find_layers(nlp):
        for shim in layer.shims:
            if isinstance(shim, EncoderShim) and shim.adam:
                yield name, shim.adam


def hash_components(nlp: Language) -> dict[str, str]:
    """By component a hash of its weights and, where it holds an encoder, of the tokenizer."""
    digests = {name: hashlib.sha256() for name, _ in nlp.pipeline}
    for name, weight in find_weights(nlp).items():
        digest = digests[name.partition("/")[0]]
        digest.update(name.encode("utf8"))
        values: Any = to_tensor(weight.values).numpy()
        digest.update(values)
    for name, layer in find_layers(nlp):
        for shim in layer.shims:
            if isinstance(shim, EncoderShim):
                digests[name.partition("/")[0]].update(shim.backend.to_str().encode("utf8"))
    return {name: digest.hexdigest() for name, digest in digests.items()}


def to_tensor(values: Any) -> Tensor:
    """An array or a tensor as a tensor on the CPU, without a copy where it is there."""
    tensor = values if isinstance(values, Tensor) else xp2torch(values)
    return tensor.detach().cpu().contiguous()


def get_state(nlp: Language, optimizer: Optimizer, frozen: Iterable[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state as tensors, and what of it is none.

    frozen (Iterable[str]): Components that are not trained.
    """
    weights = {name: weight for name, weight in find_weights(nlp).items() if name.partition("/")[0] not in frozen}
    tensors = {f"weights/{name}": to_tensor(weight.values) for name, weight in weights.items()}
    for kind in MOMENTS:
        kept = getattr(optimizer, kind) or {}
        tensors |= {
            f"{kind}/{name}": to_tensor(kept[weight.key]) for name, weight in weights.items() if weight.key in kept
        }
    for name, adam in find_fused(nlp):
        tensors |= {f"adam/{name}/{key}": to_tensor(values) for key, values in adam.get_state().items()}
    tensors["random/torch"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    updates = {name: optimizer.nr_update[weight.key] for name, weight in weights.items()
               if weight.key in optimizer.nr_update}  # fmt: skip
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 (thinc draws from it)
    numpy["state"]["key"] = numpy["state"]["key"].tolist()
    gradients = [name for name, weight in weights.items() if weight.has_gradient]
    return tensors, {"updates": updates, "gradients": gradients, "numpy": numpy}


def set_state(nlp: Language, optimizer: Optimizer, tensors: Mapping[str, Tensor], others: dict[str, Any]) -> None:
    """Bring a pipeline that was made anew, and its optimizer, to a state.

    tensors, others: As `get_state` gave them.
    """
    weights = find_weights(nlp)
    for name, values in tensors.items():
        kind, _, name = name.partition("/")
        if kind == "weights":
            weights[name].put(values)
        elif kind in MOMENTS:
            getattr(optimizer, kind)[weights[name].key] = torch2xp(values.clone(), ops=weights[name].layer.ops)
    for name, number in others["updates"].items():
        optimizer.nr_update[weights[name].key] = number
    for name in others["gradients"]:
        weights[name].clear_gradient()
    for name, adam in find_fused(nlp):
        beginning = f"adam/{name}/"
        adam.set_state({key.removeprefix(beginning): values for key, values in tensors.items()
                        if key.startswith(beginning)})  # fmt: skip
    np.random.set_state(others["numpy"])  # noqa: NPY002
    torch.set_rng_state(tensors["random/torch"])
    if torch.cuda.is_initialized() and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])


def reseed_cupy() -> None:
    """On a GPU let CuPy, whose generator cannot be saved, begin again from a number of Python's."""
    ops = get_current_ops()
    if isinstance(ops, CupyOps):
        ops.xp.random.seed(random.getrandbits(32))
