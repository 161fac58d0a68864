"""What may stand in a wheel: no honest word of notes is refused for it, and no text of notes is excused by it."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import srsly
from spacy.util import load_config

from scripts.package.audit import Audit, audit
from scripts.package.build import build_wheel, make_package
from scripts.package.known import general_text, with_numbers
from scripts.package.meta import SCORES, meta_fields
from tests import encoders, pipelines
from tests.assertions import add_classifier
from tests.paths import ROOT
from tests.words import frequent_words

NAME, VERSION = "medner_gastro", "1.2"
METRICS = {"encoder": "bert-tiny", "corpus": "ward", "notes": 24, "support": 1694, **dict.fromkeys(SCORES, 0.5),
           "ents_per_type": {"problem": {"p": 0.5}}}  # fmt: skip
FIELDS = meta_fields(METRICS, [{"name": "ward", "license": "the terms of ward", "open": "no"}])
# Of every wheel, of torch's files and of thinc's; faults once, each of them
OF_TOOLS = ["dist", "info", "archive", "rebuild", "metadata", "generator", "setuptools", "nodes", "refs", "storage",
            "byteorder", "little", "fortran", "runtime", "suffix", "details", "dimensions", "gastro"]  # fmt: skip
NOTE = "Mr. Quendrick takes zorblattin ."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline, not trained, whose encoder knows few words."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "encoder").mkdir()
    encoders.build_bert(pipelines.LINES, folder / "encoder")
    nlp = pipelines.build(folder / "encoder", ner="medner_ner")
    add_classifier(nlp)
    nlp.to_disk(folder / "model")
    shutil.copy(ROOT / "configs/bert.cfg", folder / "model/config.cfg")
    return folder / "model"


@pytest.fixture(scope="module")
def known(model: Path) -> list[str]:
    return list(general_text(model, FIELDS, NAME, VERSION))


def make_wheel(model: Path, folder: Path) -> Path:
    """Package a pipeline as the command does."""
    add_to_json(model / "meta.json", FIELDS, folder / "meta.json")
    return build_wheel(make_package(model, folder, folder / "meta.json", NAME, VERSION, METRICS["encoder"]))


def add_to_json(path: Path, fields: dict[str, Any], output: Path) -> None:
    value: Any = srsly.read_json(path)
    srsly.write_json(output, {**value, **fields})


def search(model: Path, folder: Path, notes: str) -> Audit:
    return audit(make_wheel(model, folder), [notes], general_text(model, FIELDS, NAME, VERSION))


def test_no_frequent_word_of_notes_is_refused(model, tmp_path):
    words = frequent_words(2500)
    assert len(words) == 2500 and {"patient", "given", "page", "level", "format"} <= set(words)
    found = search(model, tmp_path, "\n".join([*words, *OF_TOOLS, NOTE]))
    assert found.hits == {} and found.terms > 1500


def test_text_of_notes_is_found_in_every_file(model, known, tmp_path):
    wheel = make_wheel(model, tmp_path)
    with zipfile.ZipFile(wheel) as clean, zipfile.ZipFile(tmp_path / "planted.whl", "w") as planted:
        names = clean.namelist()
        for name in names:
            planted.writestr(name, clean.read(name) + b"\nzorblattin\n")
    hits = audit(tmp_path / "planted.whl", [NOTE], known).hits
    assert list(hits) == names and all(found.words == {"zorblattin"} for found in hits.values())


def leak_config(model: Path) -> None:
    config = load_config(model / "config.cfg")
    config["components"]["transformer"]["model"]["tokenizer_config"]["note"] = "zorblattin"
    config.to_disk(model / "config.cfg")


def leak_meta(model: Path) -> None:
    add_to_json(model / "meta.json", {"url": "zorblattin"}, model / "meta.json")


def leak_cfg(model: Path) -> None:
    add_to_json(model / "ner/cfg", {"note": "zorblattin"}, model / "ner/cfg")


def leak_assertion(model: Path) -> None:
    add_to_json(model / "assertion/cfg", {"note": "zorblattin"}, model / "assertion/cfg")


def leak_weights(model: Path) -> None:
    weights: Any = srsly.msgpack_loads((model / "transformer/model").read_bytes())
    (place,) = (i for i, shims in enumerate(weights["shims"]) if shims)
    shim: Any = srsly.msgpack_loads(weights["shims"][place][0])
    weights["shims"][place][0] = srsly.msgpack_dumps({**shim, "_init_tokenizer_config": {"note": "zorblattin"}})
    (model / "transformer/model").write_bytes(srsly.msgpack_dumps(weights))


def leak_file(model: Path) -> None:
    (model / "zorblattin.txt").write_text("")


@pytest.mark.parametrize("leak", [leak_config, leak_meta, leak_cfg, leak_assertion, leak_weights, leak_file])
def test_what_a_trained_pipeline_itself_holds_excuses_nothing(leak, model, tmp_path):
    leaky = shutil.copytree(model, tmp_path / "model")
    leak(leaky)
    words = {word for found in search(leaky, tmp_path, NOTE).hits.values() for word in found.words}
    assert "zorblattin" in words


def test_of_the_settings_of_a_training_the_numbers_are_known_and_no_text():
    config = load_config(ROOT / "configs/bert.cfg")
    trained = load_config(ROOT / "configs/bert.cfg", {"training.max_steps": 415, "nlp.lang": "zorblattin"})
    trained["note"] = "zorblattin"
    assert with_numbers(config, trained)["training"]["max_steps"] == 415
    assert "zorblattin" not in with_numbers(config, trained).to_str()
