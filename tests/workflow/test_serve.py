"""The workflow's own models served: what many clients get at once is what `nlp` gives alone."""

import json
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.corpus.pipelines import load_pipeline
from scripts.runtime.extensions import NAMES
from tests.documents import read_blocks
from tests.paths import ROOT
from tests.projects import Project
from tests.serving import Client, running

FLOATS = ("confidence", "assertion_probability")
PAGE = ROOT / "docs" / "serve.md"


@pytest.fixture(scope="module")
def models(workflow: Project) -> dict:
    paths = {name: workflow.path(f"training/sample/{name}/model-best") for name in ("bert", "albert")}
    models = {name: load_pipeline(path) for name, path in paths.items()}
    for nlp in models.values():  # in bfloat16 sums depend on what is computed together, in `nlp.pipe` as well
        nlp.get_pipe("transformer").model.shims[0].precision = "float32"
    return models


@pytest.fixture(scope="module")
def served(models: dict):
    with running(models) as client:
        yield client


def test_what_many_clients_get_is_what_nlp_gives(workflow: Project, models: dict, served: Client):
    notes = [path.read_text(encoding="utf8") for path in sorted(workflow.path("assets/sample/concepts").rglob("*.txt"))]
    lines = [line for note in notes for line in note.splitlines() if line.strip()]
    texts = ["Mr. Zorblattin has chest pain .", *lines[:60], *notes, "\n".join(notes * 3), "", " "]
    asks = [(name, text) for text in texts for name in models]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda ask: served.ask(f"/annotate?model={ask[0]}", {"text": ask[1]}), asks))
    assert not any("Zorblattin" in nlp.vocab.strings for nlp in models.values())
    found = 0
    for (name, text), answer in zip(asks, answers, strict=True):
        assert (answer.status, answer.json["text"]) == (200, text)
        ents = models[name](text).ents
        assert [(ent["start"], ent["end"], ent["label"], ent["assertion"]) for ent in answer.json["ents"]] == [
            (ent.start_char, ent.end_char, ent.label_, ent._.assertion) for ent in ents
        ]
        for ent, given in zip(ents, answer.json["ents"], strict=True):
            assert set(NAMES) <= given.keys()
            for key in FLOATS:
                assert given[key] == (None if ent._.get(key) is None else pytest.approx(ent._.get(key), abs=1e-4))
        found += len(ents)
    assert found > 100


def test_a_model_is_described(served: Client):
    facts = served.ask("/model?model=albert").json
    assert (facts["models"], facts["name"], facts["encoder"]) == (["bert", "albert"], "albert", "albert-compact")
    assert facts["precision"] == "float32" and facts["words_per_second"] > 0
    assert set(facts["labels"]) >= {"problem", "test", "treatment"} and "absent" in facts["assertions"]
    assert facts["scores"]["ents_f"] >= 0


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
def test_the_lines_of_curl_in_the_documents_are_answered(served: Client):
    lines = [
        line
        for page in (ROOT / "README.md", PAGE)
        for block in read_blocks(page)
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.startswith("curl ") or " | curl " in line
    ]
    assert len(lines) >= 4
    for line in lines:
        command = re.sub(r"\b(?:127\.0\.0\.1|localhost):8000", f"127.0.0.1:{served.port}", line)
        command = command.replace("en_medner_bert", "bert").replace("en_medner_albert", "albert")
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=True)
        answer = done.stdout.strip()
        assert answer and '"status":' not in answer, shlex.join([command, answer])
        if "/metrics" not in command:
            assert all(json.loads(part) for part in answer.splitlines())
