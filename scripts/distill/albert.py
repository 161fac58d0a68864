"""An ALBERT in the shape of a BERT, which begins with its weights."""

from pathlib import Path

import torch
from torch.nn import Module
from torch.nn import functional as F
from transformers import AlbertConfig, AlbertForPreTraining, BertForPreTraining
from transformers.configuration_utils import PretrainedConfig

from scripts.cli import InputError
from scripts.distill.encoder import FASTEST, check_kind
from scripts.distill.vocabulary import SPECIAL

SAME = ("vocab_size", "hidden_size", "num_hidden_layers")  # of student and teacher


def load_albert(folder: Path, teacher: BertForPreTraining) -> AlbertForPreTraining:
    """Load an ALBERT that goes on to learn from a teacher.

    RAISES (InputError): It cannot be loaded, is no ALBERT, or of another shape than the teacher.
    """
    check_kind(folder, "albert")
    model = AlbertForPreTraining.from_pretrained(folder, use_safetensors=True, torch_dtype=torch.float32, **FASTEST)
    other = [name for name in SAME if getattr(model.config, name) != getattr(teacher.config, name)]
    if other:
        raise InputError(f"The encoder '{folder}' cannot learn from this teacher: it has another {', '.join(other)}.")
    return model


def make_albert(teacher: BertForPreTraining, width: int, layer: int, seed: int) -> AlbertForPreTraining:
    """An ALBERT of the teacher's shape: its embeddings by their largest `width` singular values, one of its layers.

    layer (int): Number of the layer, from 0.
    seed (int): Of the head, which is new.
    RAISES (InputError): The teacher is not so wide, or has no such layer.
    """
    bert = teacher.config
    if width > bert.hidden_size:
        raise InputError(f"The teacher is {bert.hidden_size} wide: give that as --width, or less.")
    if layer >= bert.num_hidden_layers:
        raise InputError(
            f"The teacher has {bert.num_hidden_layers} layers, the first is 0: there is no --layer {layer}."
        )
    torch.manual_seed(seed)
    model = AlbertForPreTraining(make_config(bert, width))
    copy_embeddings(teacher, model, width)
    copy_layer(teacher.bert.encoder.get_submodule(f"layer.{layer}"), shared_layer(model))
    model.albert.get_submodule("pooler").load_state_dict(teacher.bert.get_submodule("pooler.dense").state_dict())
    return model


def make_config(bert: PretrainedConfig, width: int) -> AlbertConfig:
    """width (int): Of the embeddings."""
    numbers = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]"}
    return AlbertConfig(
        vocab_size=bert.vocab_size,
        embedding_size=width,
        hidden_size=bert.hidden_size,
        num_hidden_layers=bert.num_hidden_layers,
        num_attention_heads=bert.num_attention_heads,
        intermediate_size=bert.intermediate_size,
        hidden_act=bert.hidden_act,
        layer_norm_eps=bert.layer_norm_eps,
        max_position_embeddings=bert.max_position_embeddings,
        classifier_dropout_prob=0.1,
        **{f"{name}_token_id": SPECIAL.index(piece) for name, piece in numbers.items()},
        **FASTEST,
    )


@torch.no_grad()
def copy_embeddings(teacher: BertForPreTraining, model: AlbertForPreTraining, width: int) -> None:
    """Project all three embeddings on the words' main directions; fit the way back by least squares."""
    old, new = teacher.bert.embeddings, model.albert.embeddings
    directions = torch.linalg.svd(old.word_embeddings.weight, full_matrices=False).Vh[:width]
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        getattr(new, name).weight.copy_(getattr(old, name).weight @ directions.T)
    ids = torch.arange(model.config.vocab_size)[: model.config.vocab_size // 64 * 64].view(64, -1)
    ids = ids[:, : model.config.max_position_embeddings]
    narrow, wide = new(ids).flatten(0, 1), old(ids).flatten(0, 1)
    way = torch.linalg.lstsq(F.pad(narrow, (0, 1), value=1.0), wide).solution
    back = model.albert.encoder.embedding_hidden_mapping_in
    back.weight.copy_(way[:-1].T)
    back.bias.copy_(way[-1])


def shared_layer(model: AlbertForPreTraining) -> Module:
    """The one layer that an ALBERT passes through again and again."""
    return model.albert.encoder.get_submodule("albert_layer_groups.0.albert_layers.0")


def copy_layer(old: Module, new: Module) -> None:
    """Copy a BERT layer into an ALBERT layer, which computes the same under other names."""
    pairs = {
        "attention.self.query": "attention.query",
        "attention.self.key": "attention.key",
        "attention.self.value": "attention.value",
        "attention.output.dense": "attention.dense",
        "attention.output.LayerNorm": "attention.LayerNorm",
        "intermediate.dense": "ffn",
        "output.dense": "ffn_output",
        "output.LayerNorm": "full_layer_layer_norm",
    }
    for source, target in pairs.items():
        new.get_submodule(target).load_state_dict(old.get_submodule(source).state_dict())
