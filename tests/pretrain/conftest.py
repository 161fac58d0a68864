"""Notes and tiny encoders for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.pretrain.corpus import Corpus, read_corpus
from scripts.pretrain.encoder import Encoder, load_encoder
from tests.unlabelled import build_encoders, sample_texts, write_notes


@pytest.fixture(scope="session")
def notes(tmp_path_factory) -> Path:
    return write_notes(tmp_path_factory.mktemp("notes"), sample_texts())


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a tiny encoder by its name."""
    return build_encoders(tmp_path_factory.mktemp("encoders"), sample_texts()).joinpath


@pytest.fixture(scope="session")
def bert(tiny) -> Encoder:
    return load_encoder(str(tiny("bert")), 0)


@pytest.fixture(scope="session")
def corpus(bert, notes) -> Corpus:
    return read_corpus(notes, bert)
