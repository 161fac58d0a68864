"""A pipeline with every kind of encoder as a package: unpacked and loaded in a new process it finds the same."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from scripts.package.build import build_wheel, make_package
from tests.encoders import BUILD
from tests.pipelines import LINES, build, train

TEXTS = ["She denies chest pain .", "", "Given 81 mg aspirin daily for chest pain . EKG was normal .\nNo fever ."]
# The packages are folders on the path, one for each kind.
USE = """
import importlib, json, sys

names, texts = json.loads(sys.argv[1]), json.loads(sys.argv[2])
found = {}
for name in names:
    nlp = importlib.import_module(name).load()
    found[name] = [[[ent.start, ent.end, ent.label_] for ent in doc.ents] for doc in nlp.pipe(texts)]
assert not any(module.split(".")[0] == "scripts" for module in sys.modules)
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Updates of a tiny encoder take longer by several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_packages_find_what_was_found_before(tmp_path: Path):
    expected = {f"en_medner_{kind}": make_wheel(kind, tmp_path) for kind in BUILD}
    assert all(any(mentions) for mentions in expected.values())
    arguments = (json.dumps(list(expected)), json.dumps(TEXTS))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", USE, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def make_wheel(kind: str, folder: Path) -> list[list[list]]:
    """Train a pipeline, package it, and unpack its wheel.

    RETURNS (list[list[list]]): The mentions that it finds in each text.
    """
    encoder, model, made = (folder / name / kind for name in ("encoders", "models", "packages"))
    for path in (encoder, model, made):
        path.mkdir(parents=True)
    BUILD[kind](LINES, encoder)
    nlp = build(encoder, ner="medner_ner")
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.003
    train(nlp, optimizer, updates=24)
    nlp.to_disk(model)
    source = make_package(model, made, model / "meta.json", f"medner_{kind}", "1.0.0", kind)
    with zipfile.ZipFile(build_wheel(source)) as wheel:
        wheel.extractall(folder / "site")
    return [[[ent.start, ent.end, ent.label_] for ent in doc.ents] for doc in nlp.pipe(TEXTS)]
