"""A copy of the project with a few sample notes, in which its commands are run for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.archives import read_files
from scripts.convert.formats import con
from scripts.corpus.split import assign
from tests.paths import ROOT

PARTS = ("assets/sample/LICENSE", "assets/sample/README.md", "configs", "project.yml", "scripts")
ENCODERS = {"bert": "encoders/bert-compact", "albert": "encoders/albert-compact"}
# As many epochs as the tiny models need to find mentions on any processor; the first steps alone leave that to chance.
EPOCHS = 20
SETTINGS = ["--vars.epochs", f"{EPOCHS}"]


class Project:
    """A copy of the project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python` with the arguments in the project's folder, free to write bytecode as a user's is."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**environment, "HF_HUB_OFFLINE": "1", "ANSI_COLORS_DISABLED": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def path(self, name: str) -> Path:
        return self.folder / name


def copy_project(folder: Path) -> Project:
    """Copy the project with a few sample notes and tiny encoders."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    notes = assign(list(con.read(list(read_files(ROOT / "assets/sample/concepts")))))
    for split, count in (("train", 4), ("dev", 3), ("test", 2)):
        for note in [note for note in notes if note.split == split][:count]:
            for file in filter(None, (note.file, note.text_file, note.assertion_file)):
                target = folder / "assets/sample/concepts" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / "assets/sample/concepts" / file, target)
    _build_encoders(folder, [line for note in notes for line in note.text.splitlines() if line.strip()])
    return Project(folder)


def _build_encoders(folder: Path, lines: list[str]) -> None:
    from tests import encoders  # loads transformers

    for name, build in (("bert", encoders.build_bert), ("albert", encoders.build_albert)):
        (folder / ENCODERS[name]).mkdir(parents=True)
        build(lines, folder / ENCODERS[name])
