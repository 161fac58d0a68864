"""The notebook, run as a reader would run it, with the package that the workflow made."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import spacy
from nbclient import NotebookClient

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.pages.colours import label_colours
from tests.drawn import Mark, Page, squeeze
from tests.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
PROBE = "import json; print(json.dumps([notes, table.values.tolist()]))"


@pytest.fixture(scope="module")
def cells(workflow, tmp_path_factory) -> list:
    """The code cells with their outputs, and behind them one that tells what the notebook's names hold."""
    folder = tmp_path_factory.mktemp("notebook")
    (wheel,) = workflow.path("packages").glob("en_medner_bert-*/dist/*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(folder / "site"), str(wheel)], check=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    env = {**os.environ, "PYTHONPATH": str(folder / "site"), "IPYTHONDIR": str(folder), "HF_HUB_OFFLINE": "1"}
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute(env=env)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def html_of(cell) -> str:
    (html,) = (output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {}))
    return html


@pytest.fixture(scope="module")
def mentions(workflow, cells) -> list[tuple]:
    """What the trained model itself finds in the notebook's notes."""
    nlp = spacy.load(workflow.path("training/sample/bert/model-best"))
    docs = nlp.pipe(json.loads(cells[-1].outputs[0].text)[0])
    found = [
        (i, e.start_char, e.end_char, e.label_, e.text, e._.assertion or "")
        for i, doc in enumerate(docs)
        for e in doc.ents
    ]
    assert found
    return found


def test_the_tables_hold_every_mention(cells, mentions):
    _, table = json.loads(cells[-1].outputs[0].text)
    assert [tuple(row) for row in table] == mentions
    shown = html_of(cells[-3])
    assert shown.count("<tr>") == len(mentions) and all(f"<td>{text}</td>" in shown for *_, text, _ in mentions)
    assert sum(map(int, re.findall(r"<td>(\d+)</td>", html_of(cells[-2])))) == len(mentions)


def test_every_mention_is_drawn_in_the_colour_of_its_label(workflow, cells, mentions):
    labels = spacy.load(workflow.path("training/sample/bert/model-best")).get_pipe("ner").labels
    colours = label_colours(labels)
    marks = Page(html_of(cells[2])).marks
    assert marks == [
        Mark(squeeze(text), label, colours[label], *drawn_as(assertion)) for *_, label, text, assertion in mentions
    ]


def drawn_as(assertion: str) -> tuple[str, bool]:
    return "" if assertion == "present" else assertion.replace("_", " "), assertion == "absent"


def test_it_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
