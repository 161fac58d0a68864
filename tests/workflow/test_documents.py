"""The documents' blocks, run as a reader would run them, in a copy of the finished project."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import documents
from tests.documents import DOCUMENTS, MADE, PROJECT, Block, read_blocks
from tests.paths import ROOT
from tests.projects import Project

BLOCKS = [block for page in DOCUMENTS for block in read_blocks(page)]
UNMADE = {"training/distilled", "training/mine/bert-work"}  # `distill` takes hours; the other goes when training ends
# Runs all steps in one process, as importing spaCy and torch takes seconds.
RUNNER = """
import contextlib, importlib, io, json, sys, traceback
from tests.commands import run

def execute(code):
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            exec(compile(code, "block", "exec"), {"__name__": "block"})
    except Exception:
        return 1, output.getvalue() + traceback.format_exc()
    return 0, output.getvalue()

def run_stage(stage, *arguments):
    module = importlib.import_module(f"scripts.{stage}.__main__")
    return run(getattr(module, "app", None) or module.main, *arguments)

steps = json.load(sys.stdin)
done = [execute(step["code"]) if "code" in step else run_stage(*step["words"]) for step in steps]
json.dump(done, open("done.json", "w"))
"""


class Step(NamedTuple):
    """A block of Python, or a command line of a block.

    block (Block): Where it stands.
    words (tuple[str, ...]): Of the command line, none for Python.
    """

    block: Block
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " ".join([self.block.place, *self.words[1:6]])

    @property
    def code(self) -> str:
        return self.words[2] if self.words[:2] == ("python", "-c") else "" if self.words else self.block.text


def read_steps() -> list[Step]:
    steps = []
    for block in (block for block in BLOCKS if block.is_run):
        steps += [Step(block, tuple(words)) for words in block.lines] if block.language == "bash" else [Step(block)]
    return steps


# What is installed, and workflows, which the project has been through, are not run again.
STEPS = [
    step
    for step in read_steps()
    if step.words[:2] != ("pip", "install") and documents.project_command(list(step.words)) not in PROJECT["workflows"]
]


@pytest.fixture(scope="module")
def copy(workflow: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished project with the notes of a user beside it, both packages installed."""
    folder = tmp_path_factory.mktemp("documents")
    shutil.copytree(workflow.folder, folder / "project")
    copy = Project(folder / "project")
    lay_out_notes(copy, folder / "data")
    for name in ("metrics", "training"):  # what `models` makes of notes called `mine`, the sample's own here
        shutil.copytree(copy.path(f"{name}/sample"), copy.path(f"{name}/mine"))
    wheels = [str(path) for path in copy.path("packages").glob("*/dist/*.whl")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(folder / "site"), *wheels], check=True)
    return copy


def lay_out_notes(project: Project, data: Path) -> None:
    """The user's notes: /data/notes, /data/mine, and a table and an archive in the project's folder."""
    concepts = project.path("assets/sample/concepts")
    texts = sorted(concepts.rglob("*.txt"))
    shutil.copytree(concepts, data / "mine")
    shutil.copy(texts[0], data / "mine" / "test" / "docs" / "alone.txt")
    (data / "notes").mkdir()
    for text in texts:
        shutil.copy(text, data / "notes")
    with project.path("notes.csv").open("w", encoding="utf8", newline="") as file:
        csv.writer(file).writerows([("key", "note"), *((text.stem, text.read_text()) for text in texts)])
    with zipfile.ZipFile(project.path("notes.zip"), "w") as archive:
        for text in texts:
            archive.write(text, text.name)


@pytest.fixture(scope="module")
def done(copy: Project) -> dict[Step, tuple[int, str]]:
    """The exit code and the output of every step, run one after the other."""
    tasks, owners = [], []
    for step in STEPS:
        for task in tasks_of(step, copy):
            tasks.append(task)
            owners.append(step)
    environment = {**os.environ, "PYTHONPATH": f"{copy.folder.parent / 'site'}:{ROOT}", "HF_HUB_OFFLINE": "1"}
    subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(tasks), cwd=copy.folder, env=environment, text=True, check=True
    )
    results: dict[Step, tuple[int, str]] = {}
    for step, (code, output) in zip(owners, json.loads(copy.path("done.json").read_text()), strict=True):
        before = results.get(step, (0, ""))
        results[step] = (before[0] or code, before[1] + output)
    return results


def tasks_of(step: Step, project: Project) -> list[dict[str, Any]]:
    """What the runner is given: code, or command lines of stages, the user's folders replaced, one epoch trained."""
    data = project.folder.parent / "data"
    if step.code:
        return [{"code": step.code}]
    words = list(step.words)
    lines = documents.expand(words) if documents.project_command(words) else [words]
    shorter = {"train": ["--epochs", "1"]}
    return [
        {
            "words": [
                stage,
                *(found for word in line[3:] for found in fill(word, data, project)),
                *shorter.get(stage, []),
            ]
        }
        for line in lines
        for stage in [documents.stage_of(line)]
    ]


def fill(word: str, data: Path, project: Project) -> list[str]:
    """A word of a command line as a shell gives it: a pattern stands for the files that are there."""
    if "*" in word:
        return sorted(str(path.relative_to(project.folder)) for path in project.folder.glob(word))
    return [re.sub(r"^/data/", f"{data}/", word)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_it_runs(done: dict[Step, tuple[int, str]], step: Step):
    code, output = done[step]
    assert code == 0, output[-2000:]


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.marker == "output"], ids=lambda block: block.place
)
def test_it_prints_what_is_shown(workflow: Project, done: dict[Step, tuple[int, str]], block: Block):
    """Line by line, but for the numbers, and for sentences on these notes, which come from the real run."""
    blocks = read_blocks(block.page)
    above = blocks[blocks.index(block) - 1]
    printed = workflow.path("run.log").read_text(encoding="utf8")
    if above.marker != "run":
        printed = "\n".join(output for step, (_, output) in done.items() if step.block == above)
    lines = shapes(re.sub(r"^\u2139.+?(?=^[=✔]|\Z)", "", block.text, flags=re.MULTILINE | re.DOTALL))
    assert lines and not [line for line in lines if line not in shapes(printed)]


def shapes(text: str) -> list[str]:
    """Lines with their numbers masked, and runs of blanks and rules as one."""
    text = re.sub(r"([=-])\1+", r"\1", re.sub(r"\x1b\[[\d;]*m", "", text))
    text = re.sub(r"[+-]?\d[\d.,]*", "#", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_what_it_says_is_made_is_made(copy: Project, done: dict[Step, tuple[int, str]], page: Path):
    """`evaluate` is given its output without suffix."""
    for path in documents.paths_of(page):
        if path.startswith(MADE) and path not in UNMADE:
            pattern = re.sub("<.+?>", "sample", path)
            assert any(copy.folder.glob(pattern)) or any(copy.folder.glob(f"{pattern}.*")), path
