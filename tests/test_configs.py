"""Both configs are complete, equal but for the encoder, and drop no long note."""

from pathlib import Path

import pytest
from spacy.util import load_config

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.corpus.docs import create_nlp
from tests.paths import ROOT

CONFIGS = [ROOT / "configs" / f"{name}.cfg" for name in ("bert", "albert")]


def test_the_configs_differ_only_in_the_encoder_and_how_fast_it_learns():
    bert, albert = (load_config(path) for path in CONFIGS)
    models = [config["components"]["transformer"]["model"] for config in (bert, albert)]
    assert [model.pop("name") for model in models] == ["bert-base-uncased", "albert-base-v2"]
    schedules = [config["training"]["optimizer"]["learn_rate"] for config in (bert, albert)]
    assert [schedule.pop("initial_rate") for schedule in schedules] == [5e-5, 1e-4]
    assert bert == albert


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nothing_drops_a_long_note_and_the_seed_is_fixed(path: Path):
    config = load_config(path)
    assert config["training"]["batcher"]["discard_oversize"] is False
    assert config["corpora"]["train"]["@readers"] == config["corpora"]["dev"]["@readers"] == "medner.Notes.v1"
    assert isinstance(config["system"]["seed"], int)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_tokenizer_is_the_one_that_the_corpus_is_converted_with(path: Path):
    assert load_config(path)["nlp"]["tokenizer"] == create_nlp().config["nlp"]["tokenizer"]
