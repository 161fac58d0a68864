"""Text and a tiny teacher for the tests of this room."""

from pathlib import Path
from typing import NamedTuple

import pytest
from transformers import BertForPreTraining, BertTokenizerFast

from scripts.distill.encoder import load_bert
from tests.unlabelled import build_encoders, sample_texts, write_notes


class Teacher(NamedTuple):
    """A tiny BERT; a test that changes it takes a copy."""

    folder: Path
    model: BertForPreTraining
    tokenizer: BertTokenizerFast


@pytest.fixture(scope="session")
def text(tmp_path_factory) -> Path:
    return write_notes(tmp_path_factory.mktemp("text"), sample_texts())


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The folder with tiny encoders by their names."""
    return build_encoders(tmp_path_factory.mktemp("encoders"), sample_texts())


@pytest.fixture(scope="session")
def teacher(built) -> Teacher:
    return Teacher(built / "bert", *load_bert(built / "bert", 0, attn_implementation="eager"))
