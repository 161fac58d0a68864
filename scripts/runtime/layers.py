"""Encoders of Hugging Face's with layers that cost less."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import AutoModel
from transformers.activations import NewGELUActivation
from transformers.configuration_utils import PretrainedConfig
from transformers.modeling_utils import PreTrainedModel

from .attention import replace_attention
from .weights import check_weights

EPSILON = 1e-12  # of BERT's and many others' layer norms


class LeanModel:
    """AutoModel, less the pooler, which no token needs, and with layers that cost less."""

    @staticmethod
    def from_pretrained(name: Any, config: PretrainedConfig, **kwargs: Any) -> PreTrainedModel:
        """RAISES (ValueError): The weights are not those that its config asks for."""
        settings = {"config": _with_cheap_steps(config), "use_safetensors": True, **kwargs}
        # Other shapes are passed here, so that they are counted like missing weights.
        model, info = AutoModel.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, **settings
        )
        check_weights(str(name), info)
        return make_lean(model)

    @staticmethod
    def from_config(config: PretrainedConfig, **kwargs: Any) -> PreTrainedModel:
        return make_lean(AutoModel.from_config(_with_cheap_steps(_with_epsilon(config)), **kwargs))


def make_lean(model: PreTrainedModel) -> PreTrainedModel:
    """Take the pooler away, and put layers that cost less in the places of Hugging Face's.

    RAISES (RuntimeError): Those of a BERT or ALBERT are not there as expected, as in a version of transformers that
        has other ones: without this it would be slow, and nobody would know why.
    """
    if hasattr(model, "pooler"):
        model.pooler = None  # type: ignore[assignment]
    replace_layers(model, torch.nn.Dropout, lambda layer: Dropout(layer.p))
    replaced, expected = replace_attention(model), _count_attention(model.config)
    if expected not in (None, replaced):
        raise _unknown(model, f"{replaced} of its {expected} layers of attention are")
    if expected and any(isinstance(layer, NewGELUActivation) for layer in model.modules()):
        raise _unknown(model, "its activation is not")
    return model


def _count_attention(config: PretrainedConfig) -> int | None:
    """The layers of attention that have to be replaced, or None where no number is known."""
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        return None
    if config.model_type == "bert":
        return config.num_hidden_layers
    return config.num_hidden_groups * config.inner_group_num if config.model_type == "albert" else None


def _unknown(model: PreTrainedModel, what: str) -> RuntimeError:
    return RuntimeError(
        f"transformers {transformers.__version__} builds a model of type {model.config.model_type} in a way that is not"
        f" known here: {what} replaced by ours. Install a version of transformers that the model was tried with."
    )


def _with_cheap_steps(config: PretrainedConfig) -> PretrainedConfig:
    """ALBERT's activation in one step of torch's; Hugging Face's of the same formula takes eight.

    And ModernBERT without torch's compiler, which would compile on a GPU, and again for each copy and shape.
    """
    if getattr(config, "hidden_act", None) == "gelu_new":
        config.hidden_act = "gelu_pytorch_tanh"
    if hasattr(config, "reference_compile"):
        config.reference_compile = False
    return config


def _with_epsilon(config: PretrainedConfig) -> PretrainedConfig:
    """The config with the epsilon that keeps zeros from becoming NaN, as in MPNet's padding.

    spacy-transformers (1.4) passes on the config of a saved pipeline by srsly, which writes 1e-12 as 0.0.
    """
    if getattr(config, "layer_norm_eps", None) == 0:
        config.layer_norm_eps = EPSILON
    return config


def replace_layers(module: torch.nn.Module, kind: type, create: Callable[[Any], torch.nn.Module]) -> None:
    """Put other layers in the places of all those of a kind."""
    for name, layer in module.named_children():
        if type(layer) is kind:
            setattr(module, name, create(layer))
        else:
            replace_layers(layer, kind, create)


class Dropout(torch.nn.Dropout):
    """Dropout that on a CPU takes 16 random bits a number from a fast generator, seeded by torch's.

    torch's own draws one number after the other there, a fifth of the time of training on an AMD processor.
    """

    def forward(self, input: Tensor) -> Tensor:
        dropped = round(self.p * 2**16)  # of 2 ** 16 values
        if not self.training or not 0 < dropped < 2**16 or input.device.type != "cpu":
            return super().forward(input)
        seed = int(torch.randint(2**63 - 1, ()))
        words = np.random.SFC64(seed).random_raw(-(-input.numel() // 4))
        bits = torch.from_numpy(words.view(np.int16)[: input.numel()]).view(input.shape)
        kept = torch.ge(bits, dropped - 2**15, out=torch.empty_like(input, requires_grad=False))
        return input * kept.mul_(2**16 / (2**16 - dropped))
