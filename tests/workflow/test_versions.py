"""Both wheels with the oldest libraries that they allow: what they find is what they find with those of the project.

With the newest ones they are tried in test_install, which takes what the package index gives.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import srsly
import torch
from packaging.specifiers import SpecifierSet

from scripts.package.meta import RANGES
from tests.projects import Project
from tests.workflow.test_install import USE, install, run, use

# A torch of gigabytes; without it the oldest of the others are tried with the project's.
WITH_TORCH = bool(os.environ.get("MEDNER_OLDEST_TORCH"))
NAMES = [name for name in RANGES if WITH_TORCH or name != "torch"]

# In float32, as rounding to bfloat16 tells the versions of torch apart.
READ = """
import json, sys
import numpy as np
import spacy

NOTE = "She denies chest pain . EKG was normal .\\n"
TEXTS = [f"Note {number} : {NOTE}" * (1 + number) for number in range(12)]

if __name__ == "__main__":
    found = {}
    for name in ("en_medner_bert", "en_medner_albert"):
        nlp = spacy.load(name)
        transformer = nlp.get_pipe("transformer")
        transformer.model.shims[0].precision = "float32"
        mentions = [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in nlp.pipe(TEXTS)]
        data = transformer.predict([nlp.make_doc(text) for text in TEXTS]).doc_data
        found[name] = [mentions, [np.asarray(doc.tensors[0][0]).tolist() for doc in data]]
    with open(sys.argv[1] + "/found.json", "w", encoding="utf8") as file:
        json.dump(found, file)
"""


@pytest.fixture(scope="module")
def wheels(workflow: Project) -> list[str]:
    return sorted(str(path) for path in workflow.path("packages").glob("*/dist/*.whl"))


@pytest.fixture(scope="module")
def oldest(wheels: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The python of a new environment with the wheels, and of each library that they ask for the oldest version."""
    folder = tmp_path_factory.mktemp("oldest")
    python = folder / "bin" / "python"
    try:
        run(sys.executable, "-m", "venv", str(folder))
        if not WITH_TORCH:
            (site,) = folder.glob("lib/*/site-packages")
            (site / "project.pth").write_text(str(Path(torch.__file__).parents[1]), encoding="utf8")
        pins = [f"{name}=={oldest_version(name)}" for name in NAMES]
        # spaCy 3.7.5 leaves click to typer, which (0.29) brings it no longer.
        install(python, *wheels, *pins, "click")
        yield python
    finally:
        shutil.rmtree(folder)


def oldest_version(name: str) -> str:
    (version,) = (bound.version for bound in SpecifierSet(RANGES[name]) if bound.operator == ">=")
    return version


def find(python: Path | str, folder: Path, path: Path | str = "") -> dict:
    """The mentions and vectors that an environment's packages find."""
    folder.mkdir()
    use(python, READ, folder, path)
    return srsly.read_json(folder / "found.json")


def test_the_environment_has_the_oldest_versions(oldest):
    script = f"import importlib.metadata as m; print(*map(m.version, {NAMES}))"
    assert run(str(oldest), "-c", script).stdout.split() == [oldest_version(name) for name in NAMES]


def test_the_oldest_libraries_find_the_same_mentions(oldest, wheels, tmp_path):
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), *wheels)
    newer, older = find(sys.executable, tmp_path / "newer", site), find(oldest, tmp_path / "older")
    for name, (mentions, vectors) in newer.items():
        assert older[name][0] == mentions
        for old, new in zip(older[name][1], vectors, strict=True):
            np.testing.assert_allclose(old, new, atol=1e-4)


def test_both_packages_are_used_together_with_the_oldest_libraries(oldest, tmp_path):
    done = use(oldest, USE, tmp_path)
    assert "used en_medner_bert en_medner_albert" in done.stdout
    assert "W095" not in done.stderr  # that the model is of another version of spaCy
