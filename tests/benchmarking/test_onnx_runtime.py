"""ONNX Runtime computes what torch does, and says what Hugging Face's pipeline says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import onnx_runtime
from benchmarks.huggingface import bare_encoder, encode_bare, make_classifier, make_pipeline, pad_rows
from benchmarks.onnx_runtime import Mention, drop_overlaps, export, make_encoder, open_session, quantize
from tests import encoders
from tests.pipelines import LINES

needs_onnx = pytest.mark.skipif(not onnx_runtime.is_installed(), reason="requirements-benchmarks.txt is not installed")
TAGS = ["O", "B-problem", "I-problem", "B-test", "I-test"]
TEXTS = ["\n".join(LINES[:4]), LINES[0], "\n".join(LINES * 3), LINES[1]]  # the third takes more than a window


@pytest.fixture(scope="module", params=["bert", "albert"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp(request.param)
    encoders.BUILD[request.param](LINES, folder)
    torch.manual_seed(1)
    model, tokenizer = make_classifier(folder, TAGS)
    torch.nn.init.normal_(model.classifier.weight)  # tags of all kinds
    return model.eval(), tokenizer


def test_the_bare_encoder_is_given_all_pieces_in_windows(parts: tuple[Any, Any]):
    tokenizer, given = parts[1], []
    encode_bare(lambda ids, mask: given.append((ids, mask)), tokenizer, TEXTS, 128)
    assert max(ids.shape[1] for ids, _ in given) == 128
    pieces = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in TEXTS)
    windows = sum(len(ids) for ids, _ in given)
    assert sum(mask.sum() for _, mask in given) == pieces + 2 * windows
    assert all((ids[mask == 0] == tokenizer.pad_token_id).all() for ids, mask in given)


@needs_onnx
def test_the_export_gives_the_hidden_states_of_torch(parts: tuple[Any, Any], tmp_path: Path):
    model, tokenizer = parts
    batch = pad_rows([tokenizer(text, truncation=True)["input_ids"] for text in TEXTS[:2]], tokenizer.pad_token_id)
    path = export(model.base_model, tmp_path / "encoder.onnx")
    wanted, found = bare_encoder(model.base_model)(*batch).numpy(), make_encoder(open_session(path))(*batch)
    there = batch[1] == 1
    assert np.abs(found - wanted)[there].max() < 1e-4
    coarse = make_encoder(open_session(quantize(path)))(*batch)
    error = np.linalg.norm((coarse - wanted)[there]) / np.linalg.norm(wanted[there])
    assert 1e-4 < error < 0.2


@needs_onnx
def test_its_pipeline_finds_what_hugging_faces_finds(parts: tuple[Any, Any], tmp_path: Path):
    model, tokenizer = parts
    read = onnx_runtime.make_pipeline(open_session(export(model, tmp_path / "whole.onnx")), tokenizer, TAGS)
    wanted = make_pipeline(model, tokenizer, torch.device("cpu"))(TEXTS)
    assert sum(map(len, wanted)) > len(TEXTS)
    for size in (1, 3):
        for mentions, others in zip(read(TEXTS, size), wanted, strict=True):
            assert [mention[:3] for mention in mentions] == [
                (other["entity_group"], other["start"], other["end"]) for other in others
            ]
            assert np.allclose([mention.score for mention in mentions], [other["score"] for other in others], atol=1e-4)


def test_of_overlapping_mentions_the_longer_or_more_probable_stays():
    first, longer, likelier = Mention("a", 0, 5, 0.9), Mention("b", 3, 9, 0.5), Mention("c", 4, 10, 0.6)
    assert drop_overlaps([longer, first]) == [longer]
    assert drop_overlaps([likelier, longer, first]) == [likelier]
    assert drop_overlaps([Mention("a", 5, 6, 0.1), first]) == [first, Mention("a", 5, 6, 0.1)]
