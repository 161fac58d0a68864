"""Both wheels in an empty environment: installed together, loaded offline, and used as an app would."""

import os
import subprocess
import venv
from pathlib import Path

import pytest

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
        assert read(spacy.load(f"{sys.argv[1]}/{name}").pipe(TEXTS)) == alone
        assert "<div" in displacy.render(doc, style="ent", jupyter=False)
        assert not any(module.split(".")[0] == "scripts" for module in sys.modules)
    print("used", *models)
"""


@pytest.fixture(scope="module")
def environment(workflow, tmp_path_factory) -> Path:
    """The python of a new environment into which both wheels were installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wheels = [str(path) for path in workflow.path("packages").glob("*/dist/*.whl")]
    assert len(wheels) == 2
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wheels]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return python


def test_both_packages_are_used_together_offline(environment, tmp_path):
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run(
        [str(environment), "use.py", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "used en_medner_bert en_medner_albert" in done.stdout
    assert "Disabling parallelism" not in done.stderr


def test_the_packages_bring_all_that_they_need(environment):
    done = subprocess.run([str(environment), "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
