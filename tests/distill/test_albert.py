"""An ALBERT made of a BERT: its layer computes the same, its embeddings are the best of their width."""

import copy
import shutil

import pytest
import torch
from transformers import AlbertForPreTraining, BertForPreTraining

from scripts.cli import InputError
from scripts.distill.albert import copy_embeddings, copy_layer, load_albert, make_albert, make_config, shared_layer
from scripts.distill.losses import hidden_loss
from tests.encoders import MAX_PIECES, WIDTH

IDS = torch.arange(5, 69).view(4, 16)


@pytest.fixture
def sharing(teacher) -> BertForPreTraining:
    """A BERT whose layers are all the same, and not as they were made: biases and norms are of other values as well."""
    model = copy.deepcopy(teacher.model)
    generator = torch.Generator().manual_seed(0)
    first = model.bert.encoder.get_submodule("layer.0")
    with torch.no_grad():
        for weights in first.parameters():
            weights.add_(0.05 * torch.randn(weights.shape, generator=generator))
    for layer in list(model.bert.encoder.layer)[1:]:
        layer.load_state_dict(first.state_dict())
    return model


@torch.no_grad()
def test_an_albert_passes_through_a_copied_layer_as_a_bert_through_equal_ones(sharing):
    student = make_albert(sharing, WIDTH, 1, 0).eval()
    way = student.albert.encoder.embedding_hidden_mapping_in
    torch.nn.init.eye_(way.weight)
    torch.nn.init.zeros_(way.bias)
    embedded = sharing.bert.embeddings(IDS)
    wanted = sharing.bert.encoder(embedded, output_hidden_states=True).hidden_states
    states = student.albert.encoder(embedded, head_mask=[None] * 2, output_hidden_states=True).hidden_states
    assert len(states) == len(wanted) == 3
    for state, other in zip(states, wanted, strict=True):
        assert torch.allclose(state, other, atol=1e-5)
    assert hidden_loss(states, wanted).item() == pytest.approx(0, abs=1e-9)
    assert hidden_loss(states[1:], states[:-1]).item() > 0.01


@torch.no_grad()
def test_the_layer_is_the_one_that_was_asked_for(teacher):
    states = teacher.model.bert.embeddings(IDS)
    outputs = [layer(states)[0] for layer in teacher.model.bert.encoder.layer]
    for number in (0, 1):
        shared = shared_layer(make_albert(teacher.model, 32, number, 0)).eval()
        assert torch.allclose(shared(states)[0], outputs[number], atol=1e-5)
        assert not torch.allclose(outputs[0], outputs[1], atol=1e-2)


def test_every_weight_of_a_layer_is_copied(sharing):
    student = make_albert(sharing, 32, 0, 0)
    layer, shared = sharing.bert.encoder.get_submodule("layer.0"), shared_layer(student)
    assert sum(weights.numel() for weights in layer.parameters()) == sum(w.numel() for w in shared.parameters())
    for weights in shared.parameters():
        torch.nn.init.zeros_(weights)
    copy_layer(layer, shared)
    assert all(weights.any() for weights in shared.parameters())


@torch.no_grad()
def test_the_pooler_is_that_of_the_teacher(teacher):
    old, new = teacher.model.bert, make_albert(teacher.model, 32, 1, 0).albert
    states = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0))
    assert torch.equal(old.get_submodule("pooler.dense")(states), new.get_submodule("pooler")(states))


@torch.no_grad()
def test_words_are_projected_on_their_main_directions(teacher):
    """By Eckart and Young: what is lost are the smaller singular values, which no other projection can lower."""
    words = teacher.model.bert.embeddings.word_embeddings.weight
    narrow = make_albert(teacher.model, 32, 1, 0).albert.embeddings.word_embeddings.weight
    values = torch.linalg.svdvals(words)
    assert torch.allclose(torch.linalg.svdvals(narrow), values[:32], rtol=1e-3)
    restored = narrow @ torch.linalg.lstsq(narrow, words).solution
    assert ((words - restored) ** 2).sum().item() == pytest.approx((values[32:] ** 2).sum().item(), rel=1e-3)


@torch.no_grad()
def test_positions_and_segments_are_projected_on_the_same_directions(teacher):
    old = teacher.model.bert.embeddings
    new = make_albert(teacher.model, WIDTH, 1, 0).albert.embeddings  # all directions: distances are kept
    names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    before, after = (torch.cat([part.get_submodule(name).weight for name in names]) for part in (old, new))
    assert torch.allclose(before @ before.T, after @ after.T, atol=1e-4)
    assert not torch.allclose(before, after, atol=1e-2)


@torch.no_grad()
def test_the_way_back_is_the_best_there_is_and_better_the_wider_it_is(teacher):
    model = copy.deepcopy(teacher.model)
    torch.manual_seed(0)
    torch.nn.init.normal_(model.bert.embeddings.LayerNorm.bias)  # which a product alone cannot bring back
    wanted, errors = model.bert.embeddings(IDS), []
    for width in (8, 32, WIDTH):
        student = make_albert(model, width, 1, 0).eval()
        way = student.albert.encoder.embedding_hidden_mapping_in
        errors.append(hidden_loss([way(student.albert.embeddings(IDS))], [wanted]).item())
    assert 0.5 > errors[0] > errors[1] > errors[2] and errors[2] < 0.05


def test_a_vocabulary_that_fills_no_rows_is_taken(teacher):
    model = copy.deepcopy(teacher.model)
    model.resize_token_embeddings(1000 - 7)
    student = make_albert(model, 32, 1, 0)
    copy_embeddings(model, student, 32)
    assert student.config.vocab_size == 993 and all(torch.isfinite(w).all() for w in student.parameters())


def test_an_albert_is_of_the_shape_of_its_teacher(teacher):
    config = make_config(teacher.model.config, 32)
    for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        assert getattr(config, name) == getattr(teacher.model.config, name)
    assert (config.embedding_size, config.num_hidden_groups, config.max_position_embeddings) == (32, 1, MAX_PIECES)
    tokens = teacher.tokenizer.convert_ids_to_tokens([config.pad_token_id, config.bos_token_id, config.eos_token_id])
    assert tokens == ["[PAD]", "[CLS]", "[SEP]"]


def test_the_head_is_decided_by_the_seed(teacher):
    heads = [make_albert(teacher.model, 32, 1, seed).predictions.dense.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_a_width_or_layer_that_is_not_there_is_reported(teacher):
    with pytest.raises(InputError, match="The teacher is 64 wide: give that as --width, or less"):
        make_albert(teacher.model, 65, 1, 0)
    with pytest.raises(InputError, match="there is no --layer 2"):
        make_albert(teacher.model, 32, 2, 0)


def test_an_albert_to_go_on_from_has_to_fit_its_teacher(teacher, built, tmp_path):
    fitting = make_albert(teacher.model, 32, 1, 0)
    for name, size in (("fitting", 1000), ("other", 1010)):
        fitting.resize_token_embeddings(size)
        shutil.copytree(built / "albert-wordpiece", tmp_path / name)
        fitting.save_pretrained(tmp_path / name)
    loaded = load_albert(tmp_path / "fitting", teacher.model)
    assert isinstance(loaded, AlbertForPreTraining) and loaded.config.hidden_dropout_prob == 0
    with pytest.raises(InputError, match="it has another vocab_size"):
        load_albert(tmp_path / "other", teacher.model)
    with pytest.raises(InputError, match="is no ALBERT, but bert"):
        load_albert(built / "bert", teacher.model)
