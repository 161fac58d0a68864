"""The schedule of a training follows from the corpus and from the encoder's width."""

import pytest
from spacy.tokens import DocBin
from spacy.util import load_config

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.cli import InputError
from scripts.corpus.docs import create_nlp
from scripts.train.schedule import schedule
from tests.paths import ROOT

RATE = "training.optimizer.learn_rate.initial_rate"
NLP = create_nlp()


def config_of(path, notes: list[str]):
    DocBin(docs=[NLP.make_doc(text) for text in notes], store_user_data=True).to_disk(path / "train.spacy")
    overrides = {"paths.train": str(path / "train.spacy"), "paths.dev": str(path / "train.spacy")}
    return load_config(ROOT / "configs/bert.cfg", overrides, interpolate=True)


@pytest.mark.parametrize(("width", "rate"), [(768, 5e-5), (384, 2e-4), (192, 8e-4), (1536, 1.25e-5)])
def test_narrower_encoders_learn_faster_by_the_square_of_their_width(width, rate, tmp_path):
    assert schedule(config_of(tmp_path, ["pain " * 50]), 1, width)[RATE] == pytest.approx(rate)


def test_it_evaluates_after_every_epoch_and_decays_to_zero_at_the_last(tmp_path):
    found = schedule(config_of(tmp_path, ["chest pain . " * 120] * 8), 4, 768)
    batches = found["training.eval_frequency"]
    assert batches > 1 and found["training.max_steps"] == 4 * batches
    assert found["training.optimizer.learn_rate.total_steps"] == 4 * batches
    assert found["training.optimizer.learn_rate.warmup_steps"] == max(1, int(0.1 * 4 * batches))
    assert found["training.max_epochs"] == 5


def test_notes_without_text_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"train\.spacy holds no text to train on"):
        schedule(config_of(tmp_path, [""]), 1, 768)
