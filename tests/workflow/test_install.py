"""Both wheels in an empty environment of each Python: installed together, loaded offline, and used as an app would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.projects import Project

USE = """
import socket, sys

def refuse(*arguments, **options):
    raise OSError("no network here")

socket.socket.connect = socket.create_connection = refuse

import spacy
from spacy import displacy

NOTE = "She denies chest pain . EKG was normal ."
TEXTS = [f"Note {number} : {NOTE}\\n" * 3 for number in range(12)] + ["", "\\n"]

def read(docs):
    return [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]

if __name__ == "__main__":
    models = {name: spacy.load(name) for name in ("en_medner_bert", "en_medner_albert")}
    for name, nlp in models.items():
        doc = nlp(NOTE)
        assert doc.text == NOTE and isinstance(doc.ents, tuple)
        alone = read(nlp(text) for text in TEXTS)
        assert read(nlp.pipe(TEXTS)) == alone
        assert read(nlp.pipe(TEXTS, n_process=2, batch_size=4)) == alone
        nlp.to_disk(f"{sys.argv[1]}/{name}")
        saved = spacy.load(f"{sys.argv[1]}/{name}")
        assert read(saved.pipe(TEXTS)) == alone
        for each in (nlp, saved):
            sure = [ent._.confidence for doc in each.pipe(TEXTS, n_process=2, batch_size=4) for ent in doc.ents]
            assert sure and all(confidence is not None and 0 < confidence < 1 for confidence in sure), (name, sure)
        assert "<div" in displacy.render(doc, style="ent", jupyter=False)
        assert not any(module.split(".")[0] == "scripts" for module in sys.modules)
    print("used", *models)
"""

# Both packages loaded, and the first one again behind the second: each runs what its own code registered.
TWO = """
import spacy
from spacy.util import registry

TEXT = "She denies chest pain . EKG was normal ."
NAMES = ("en_medner_bert", "en_medner_other", "en_medner_bert")

def registered(config):
    for key, value in config.items():
        if isinstance(value, dict):
            yield from registered(value)
        elif key.startswith("@") and value.startswith("medner."):
            yield registry.get(key[1:], value)

for name, nlp in [(name, spacy.load(name)) for name in NAMES]:
    transformer, ner = nlp.get_pipe("transformer"), nlp.get_pipe("ner")
    functions = [*registered(nlp.config["nlp"]), *registered(nlp.config["components"])]
    ours = [*functions, type(ner), type(transformer), type(transformer.model.shims[0])]
    assert len(functions) >= 3, functions
    assert all(part.__module__.startswith(f"{name}.runtime.") for part in ours), (name, ours)
    changed = name == "en_medner_other"
    assert ("changed" in nlp(TEXT).user_data) == changed
    assert all(("changed" in doc.user_data) == changed for doc in nlp.pipe([TEXT] * 3))
print("each its own")
"""
CHANGE = """

def _set_annotations(self, docs, found, known=BatchRecognizer.set_annotations):
    known(self, docs, found)
    for doc in docs:
        doc.user_data["changed"] = True


BatchRecognizer.set_annotations = _set_annotations
"""

# The libraries are loaded before, as it is their business how they do without.
WITHOUT_FORK = """
import os, sys
import spacy, spacy_transformers, torch, transformers

del os.register_at_fork
sys.modules["fcntl"] = None
import en_medner_bert

doc = en_medner_bert.load()("She denies chest pain .")
assert doc.text == "She denies chest pain ." and doc.has_annotation("ENT_IOB")
print("used without fork")
"""

OTHERS = os.environ.get("MEDNER_PYTHONS", "").split()
NO_OTHERS = pytest.param(
    "other", marks=pytest.mark.skip(reason="MEDNER_PYTHONS names no other Pythons to try the wheels with")
)


@pytest.fixture(scope="module", params=[sys.executable, *(OTHERS or [NO_OTHERS])])
def environment(request: pytest.FixtureRequest, workflow: Project, tmp_path_factory) -> Iterator[Path]:
    """The python of a new environment into which both wheels were installed; it takes gigabytes, so it goes at once."""
    folder = tmp_path_factory.mktemp("environment")
    try:
        run(request.param, "-m", "venv", str(folder))
        python = folder / "bin" / "python"
        wheels = [str(path) for path in workflow.path("packages").glob("*/dist/*.whl")]
        assert len(wheels) == 2
        # Elsewhere the newest torch that is allowed is tried; here the one that all other tests have
        torch = [f"torch=={version('torch').split('+')[0]}"] if request.param == sys.executable else []
        install(python, *torch, *wheels)
        yield python
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def other(workflow: Project, tmp_path_factory) -> Path:
    """A folder with en_medner_bert as packaged, and en_medner_other, packaged from changed code."""
    folder = tmp_path_factory.mktemp("other")
    changed, site = Project(folder / "project"), folder / "site"
    leave = shutil.ignore_patterns("packages", "encoders", "model-last")
    shutil.copytree(workflow.folder, changed.folder, ignore=leave)
    with changed.path("scripts/runtime/ner.py").open("a", encoding="utf8") as file:
        file.write(CHANGE)
    arguments = ["training/sample/bert/model-best", "metrics/sample/bert.json", "corpus/sample", "packages"]
    done = changed.run("-m", "scripts.package", *arguments, "--name", "medner_other", "--version", "9.9.9")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for project, name in ((workflow, "bert"), (changed, "other")):
        (wheel,) = project.path("packages").glob(f"en_medner_{name}-*/dist/*.whl")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel))
    return site


def install(python: Path, *requirements: str) -> None:
    """Into its environment, with all that they need; only what is imported is compiled, in two thirds of the time."""
    options = ["--quiet", "--no-compile", "--disable-pip-version-check"]
    run(str(python), "-m", "pip", "install", *options, *requirements)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def use(python: Path | str, script: str, folder: Path, path: Path | str = "") -> subprocess.CompletedProcess[str]:
    """Run a script away from the project, offline, with no code of ours but what is installed or in `path`."""
    file = folder / "use.py"
    file.write_text(script, encoding="utf8")
    done = subprocess.run(
        [str(python), file.name, str(folder)],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_both_packages_are_used_together_offline(environment, tmp_path):
    done = use(environment, USE, tmp_path)
    assert "used en_medner_bert en_medner_albert" in done.stdout
    assert "Disabling parallelism" not in done.stderr


def test_the_packages_bring_all_that_they_need(environment):
    run(str(environment), "-m", "pip", "check")


def test_a_package_is_used_where_processes_cannot_be_forked(environment, tmp_path):
    assert "used without fork" in use(environment, WITHOUT_FORK, tmp_path).stdout


def test_packages_of_different_code_in_one_process_use_each_their_own(other, tmp_path):
    assert "each its own" in use(sys.executable, TWO, tmp_path, other).stdout
