"""Training with and without assertions: the component left out where the notes have none."""

import pytest
from spacy.util import load_config

from scripts.train.assertions import leave_out
from scripts.train.mentions import has_assertions
from tests.paths import ROOT
from tests.train.test_calibration import write_notes


def test_whether_train_notes_have_assertions(tmp_path):
    write_notes(tmp_path, 2)
    assert has_assertions(tmp_path)
    write_notes(tmp_path, 2, stated=False)
    assert not has_assertions(tmp_path)


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_without_the_component_the_config_is_that_of_a_recognizer_alone(name):
    path = ROOT / "configs" / f"{name}.cfg"
    config = load_config(path, overrides=leave_out(load_config(path)))
    assert config["nlp"]["pipeline"] == ["transformer", "ner"]
    weights = {score: weight for score, weight in config["training"]["score_weights"].items() if weight}
    assert weights == {"ents_f": 1.0}
    assert leave_out(config) == {}
