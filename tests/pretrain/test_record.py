"""The settings that bind a training's checkpoints, and the record beside the encoder."""

import numpy as np
import pytest
import torch

from scripts.masking import Masking
from scripts.pretrain.batches import Batches
from scripts.pretrain.encoder import load_encoder
from scripts.pretrain.record import LEARNING_RATE, PACKAGES, make_record, make_settings
from tests import encoders


def settings_of(encoder, corpus, epochs=2, steps=None, seed=0) -> dict:
    return make_settings(encoder, corpus, Batches(corpus.parts.train, encoder, epochs, steps, seed))


def test_the_learning_rate_is_scaled_by_the_width_of_the_encoder(bert, corpus):
    assert LEARNING_RATE == 5e-5 and encoders.WIDTH == 64
    assert settings_of(bert, corpus)["learning_rate"] == pytest.approx(5e-5 * 12**2)
    assert settings_of(bert._replace(width=768), corpus)["learning_rate"] == 5e-5


def test_all_that_decides_the_result_is_in_the_settings(bert, corpus, tiny):
    first = settings_of(bert, corpus)
    assert settings_of(load_encoder(str(tiny("bert")), 5), corpus) == first  # a new head is of the seed
    others = {
        "epochs": settings_of(bert, corpus, epochs=3),
        "steps": settings_of(bert, corpus, steps=1),
        "seed": settings_of(bert, corpus, seed=1),
        "text": settings_of(bert, corpus._replace(hash="other")),
        "block": settings_of(bert._replace(length=100), corpus),
        "longest_span": settings_of(bert._replace(masking=Masking(longest=3)), corpus),
    }
    for name, other in others.items():
        assert other[name] != first[name]
    moved = load_encoder(str(tiny("bert")), 0)
    with torch.no_grad():
        next(moved.model.base_model.parameters())[0, 0] += 1
    assert settings_of(moved, corpus)["encoder"] != first["encoder"]


def test_the_record_names_no_folder_of_the_user(bert, corpus, tiny):
    batches = Batches(corpus.parts.train, bert, 1, None, 0)
    record = make_record(bert, corpus, batches, {"seed": 0}, (3.0, 2.0), 1.23)
    assert record["encoder"] == "bert" and str(tiny("bert").parent) not in str(record)
    assert make_record(bert._replace(name="org/bert"), corpus, batches, {}, (3.0, 2.0), 1)["encoder"] == "org/bert"
    assert record["perplexity"] == {"before": 3.0, "after": 2.0} and record["seconds"] == 1.2
    assert (record["device"], record["precision"] in ("bfloat16", "float32")) == ("cpu", True)
    assert list(record["versions"]) == ["python", *PACKAGES] and record["versions"]["numpy"] == np.__version__
    assert "thread" in record["machine"]
