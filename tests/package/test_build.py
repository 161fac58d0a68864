"""The wheel's own code: copied whole, imported, and registered under names that mean it alone."""

import shutil
import zipfile

import pytest
from spacy.util import load_config

from scripts import runtime
from scripts.cli import InputError
from scripts.package import build
from scripts.package.build import INIT, POINTS, SETUP, add_runtime, check_loads, clear_paths, code_digest, pin_names
from tests.paths import ROOT

CONFIG = ROOT / "configs/bert.cfg"
IN_CONFIGS = {"medner.TransformerModel.v1", "medner.TransformerListener.v1", "medner.Tokenizer.v1", "medner_ner",
              "medner_transformer", "medner_assertion", "medner.MentionClassifier.v1",
              "medner.AssertionScorer.v1"}  # fmt: skip
NAMES = {*IN_CONFIGS, "medner.Tok2VecTransformer.v1"}


@pytest.fixture
def source(tmp_path):
    """A package as spaCy lays it out, with the two files that it generates."""
    (tmp_path / "en_medner_bert").mkdir()
    (tmp_path / "setup.py").write_text(f"setup(\n    {SETUP[0]}\n    {POINTS}\n)\n")
    (tmp_path / "en_medner_bert/__init__.py").write_text(f"from spacy.util import {INIT[0]}\n")
    return tmp_path


def test_all_code_that_travels_is_in_the_package_and_imported(source):
    code = add_runtime(source, source / "en_medner_bert")
    ours = {path.name: path.read_text() for path in (ROOT / "scripts/runtime").glob("*.py")}
    theirs = {path.name: path.read_text() for path in (source / "en_medner_bert/runtime").iterdir()}
    assert theirs.pop("__init__.py") == ours.pop("__init__.py").replace('CODE = ""', f'CODE = "{code}"')
    assert theirs == ours and len(ours) >= 11
    assert "model_name + '.runtime'" in (source / "setup.py").read_text()
    assert "from .runtime import architectures" in (source / "en_medner_bert/__init__.py").read_text()


@pytest.mark.parametrize("file", ["setup.py", "en_medner_bert/__init__.py"])
def test_a_spacy_that_generates_other_files_is_not_taken(source, file):
    (source / file).write_text("from setuptools import setup\n")
    with pytest.raises(RuntimeError, match="another version than was tried"):
        add_runtime(source, source / "en_medner_bert")


def test_the_digest_is_that_of_the_code(tmp_path, monkeypatch):
    folder = shutil.copytree(build.RUNTIME, tmp_path / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    before = code_digest()
    monkeypatch.setattr(build, "RUNTIME", folder)
    assert code_digest() == before
    (folder / "notes.txt").write_text("no code")
    assert code_digest() == before
    (folder / "ner.py").write_text((folder / "ner.py").read_text() + "\n")
    assert code_digest() != before


def test_every_registered_name_of_a_pipeline_is_pinned():
    assert runtime.NAMES == NAMES
    before = load_config(CONFIG).to_str()
    after = pin_names(load_config(CONFIG), "01234567").to_str()
    for name in IN_CONFIGS:
        pinned = runtime.versioned(name, "01234567")
        assert f'"{name}"' in before and f'"{name}"' not in after
        assert after.count(f'"{pinned}"') == before.count(f'"{name}"')
        before = before.replace(f'"{name}"', f'"{pinned}"')
    assert after == before  # nothing else has changed


def test_pinned_names_of_the_same_code_stay_and_those_of_another_are_refused():
    config = pin_names(load_config(CONFIG), "01234567")
    assert pin_names(config, "01234567") == config
    with pytest.raises(InputError, match=r"needs medner\.\w+\.v1\.01234567, the code of another package"):
        pin_names(config, "89abcdef")


def test_a_name_that_nothing_registers_is_refused():
    config = load_config(CONFIG)
    config["components"]["ner"]["model"]["tok2vec"]["@architectures"] = "medner.Gone.v1"
    with pytest.raises(InputError, match=r"needs medner\.Gone\.v1, which no code that travels registers"):
        pin_names(config, "01234567")


def test_a_setting_that_only_looks_like_a_name_stays():
    config = load_config(CONFIG)
    config["components"]["transformer"]["model"]["name"] = "medner_encoder"
    assert pin_names(config, "01234567")["components"]["transformer"]["model"]["name"] == "medner_encoder"


def test_what_is_no_code_does_not_travel(source, tmp_path, monkeypatch):
    folder = shutil.copytree(build.RUNTIME, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notes.txt").write_text("Zorblattin")
    monkeypatch.setattr(build, "RUNTIME", folder)
    add_runtime(source, source / "en_medner_bert")
    assert not (source / "en_medner_bert/runtime/notes.txt").exists()


@pytest.mark.parametrize(("code", "loads"), [("def load(): return str", True), ("raise ImportError('gone')", False)])
def test_a_package_that_does_not_load_is_refused(code, loads, tmp_path):
    wheel = tmp_path / "en_medner_bert-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("en_medner_bert/__init__.py", code)
    if loads:
        check_loads(wheel)
    else:
        with pytest.raises(InputError, match=r"(?s)does not load: .*gone"):
            check_loads(wheel)


def test_no_path_of_the_machine_is_left():
    config = load_config(CONFIG, {"paths.train": "/home/anna/train.spacy"}, interpolate=False)
    config["components"]["transformer"]["model"]["name"] = "/home/anna/bert"
    cleared = clear_paths(config, "bert-compact")
    assert "/home/anna" not in cleared.to_str()
    assert cleared["components"]["transformer"]["model"]["name"] == "bert-compact"
