"""The settings of a training name what is another, wherever it lies."""

import shutil

import pytest

from scripts.train.settings import make_settings
from tests.trainings import initialized, prepare, write_config, write_notes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("settings") / "ward")


@pytest.fixture(scope="module")
def settings(folder):
    return settings_of(folder)


def settings_of(folder) -> dict:
    return make_settings(initialized(folder, folder / "output"), folder / "corpus")


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_they_are_the_same_in_another_folder(folder, settings, tmp_path):
    shutil.copytree(folder, tmp_path / "moved")
    assert settings_of(tmp_path / "moved") == settings
    assert not any(str(folder) in str(value) for value in settings.values())


def test_each_change_is_named(folder, settings, tmp_path):
    shutil.copytree(folder, tmp_path / "ward")
    other = tmp_path / "ward"
    write_config(other / "config.cfg", {"training.dropout": 0.1, "system.seed": 1})
    assert changed(settings, settings_of(other)) == {"training.dropout", "system.seed", "weights of ner"}
    write_config(other / "config.cfg", {})
    write_notes(other / "corpus/dev.spacy", 5, 1)
    assert changed(settings, settings_of(other)) == {"dev.spacy"}
    path = other / "encoder/tokenizer_config.json"
    path.write_text(path.read_text(encoding="utf8").replace('"do_lower_case": true', '"do_lower_case": false'))
    assert changed(settings, settings_of(other)) == {"dev.spacy", "weights of transformer"}


def test_they_hold_hashes_and_versions(settings):
    for name in ("train.spacy", "dev.spacy", "weights of transformer", "version of medner"):
        assert len(settings[name]) == 64
    assert settings["version of spacy"].count(".") == 2 and settings["training.max_epochs"] == 4
