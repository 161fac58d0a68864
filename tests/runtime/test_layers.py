"""Layers that cost less compute what Hugging Face's do, or it is said that they cannot be put in their places."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AlbertConfig, AutoModel, BertConfig, DistilBertConfig
from transformers.configuration_utils import PretrainedConfig
from transformers.models.albert import modeling_albert
from transformers.models.bert import modeling_bert

from scripts.runtime import layers
from scripts.runtime.attention import AlbertAttention, BertAttention
from scripts.runtime.layers import Dropout, LeanModel
from tests import encoders
from tests.pipelines import build, shim_of


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_its_share_and_keeps_the_sum(dtype: torch.dtype):
    layer, ones = Dropout(0.1), torch.ones(3, 333_333, dtype=dtype, requires_grad=True)
    torch.manual_seed(1)
    found = layer(ones)
    found.sum().backward()
    assert (found == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    torch.testing.assert_close(found.unique(), torch.tensor([0.0, 1 / 0.9], dtype=dtype), atol=0.0, rtol=1e-5)
    torch.testing.assert_close(ones.grad, found.detach())
    assert not torch.equal(found, layer(ones))
    torch.manual_seed(1)
    assert torch.equal(found, layer(ones))
    assert layer.eval()(ones) is ones
    for rate, left in ((0.0, 1.0), (1.0, 0.0)):
        assert (Dropout(rate)(ones) == left).all()


def test_every_dropout_is_ours_and_alberts_activation_too(encoder: Path):
    model = shim_of(build(encoder)).encoder
    dropouts = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    assert dropouts
    assert all(type(layer) is Dropout for layer in dropouts)
    theirs = AutoModel.from_pretrained(encoder).eval()
    assert model.config.hidden_act == {"gelu": "gelu", "gelu_new": "gelu_pytorch_tanh"}[theirs.config.hidden_act]
    torch.manual_seed(1)
    ids = torch.randint(5, 20, (2, 9))
    torch.testing.assert_close(model.eval()(ids).last_hidden_state, theirs(ids).last_hidden_state, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(vocab_size=20, **encoders.SHAPE),
        AlbertConfig(vocab_size=20, embedding_size=8, num_hidden_groups=2, inner_group_num=3, **encoders.SHAPE),
    ],
    ids=lambda config: config.model_type,
)
def test_all_attention_is_ours(config: PretrainedConfig):
    ours = [m for m in LeanModel.from_config(config).modules() if isinstance(m, BertAttention | AlbertAttention)]
    assert len(ours) == {"bert": 2, "albert": 6}[config.model_type]
    config.position_embedding_type = "relative_key"
    relative = LeanModel.from_config(config)
    assert not any(isinstance(module, BertAttention | AlbertAttention) for module in relative.modules())


def test_the_epsilon_of_a_saved_pipeline_is_the_encoders(encoder: Path):
    nlp = build(encoder)
    config = shim_of(build(encoder)).from_bytes(shim_of(nlp).to_bytes()).encoder.config
    assert config.layer_norm_eps == shim_of(nlp).encoder.config.layer_norm_eps == layers.EPSILON


def test_modernbert_is_not_compiled(make_encoder: Callable[[str], Path]):
    """Which takes minutes, and needs a compiler for C; transformers compiles it wherever there is a GPU."""
    folder = make_encoder("modernbert")
    config = AutoModel.from_pretrained(folder).config
    config.reference_compile = True
    for model in (LeanModel.from_config(config), LeanModel.from_pretrained(folder, config)):
        assert model.config.reference_compile is False


def test_encoders_of_other_kinds_keep_their_attention():
    config = DistilBertConfig(vocab_size=20, dim=32, n_layers=1, n_heads=2, hidden_dim=32)
    model = LeanModel.from_config(config).eval()
    assert model(torch.tensor([[5, 6]])).last_hidden_state.shape == (1, 2, 32)


class Renamed(torch.nn.Module):
    """Attention of a later version of transformers, by another name."""

    def __init__(self, config: PretrainedConfig, **_: object) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("kind", "classes", "of"),
    [
        ("bert", modeling_bert.BERT_SELF_ATTENTION_CLASSES, 2),
        ("albert", modeling_albert.ALBERT_ATTENTION_CLASSES, 1),
    ],
)
def test_attention_that_is_not_known_is_refused(make_encoder, monkeypatch, kind: str, classes: dict, of: int):
    encoder = make_encoder(kind)
    for name in classes:
        monkeypatch.setitem(classes, name, Renamed)
    config = AutoModel.from_pretrained(encoder).config
    expected = f"transformers {transformers.__version__} builds a model of type {kind} .*: 0 of its {of} layers"
    for make in (lambda: LeanModel.from_config(config), lambda: LeanModel.from_pretrained(encoder, config)):
        with pytest.raises(RuntimeError, match=expected):
            make()


def test_attention_without_a_kind_of_positions_is_refused(encoder: Path, monkeypatch: pytest.MonkeyPatch):
    """As in a version that knows no other kind than absolute ones, and says so no longer."""
    monkeypatch.setattr(BertConfig, "position_embedding_type", None, raising=False)
    kind = {"bert": modeling_bert.BertSelfAttention, "albert": modeling_albert.AlbertAttention}[encoder.name]
    init = kind.__init__

    def forget(layer: torch.nn.Module, *arguments: object, **others: object) -> None:
        init(layer, *arguments, **others)
        del layer.position_embedding_type

    monkeypatch.setattr(kind, "__init__", forget)
    with pytest.raises(RuntimeError, match=f"of type {encoder.name} .* layers of attention are replaced by ours"):
        build(encoder)


def test_an_activation_that_is_not_replaced_is_refused(make_encoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "_with_cheap_steps", lambda config: config)
    with pytest.raises(RuntimeError, match=r"of type albert .*: its activation is not replaced by ours"):
        build(make_encoder("albert"))
