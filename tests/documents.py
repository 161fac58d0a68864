"""The documents, as tests read them: their blocks, and the commands in these."""

import re
import shlex
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import srsly
import typer

from tests.paths import ROOT

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
COMMANDS_PAGE = ROOT / "docs" / "commands.md"  # as spaCy generates it
# For readers of the project; the changelog speaks of what was.
DOCUMENTS = [
    README,
    *PAGES,
    *(path for path in sorted(ROOT.glob("*.md")) if path.name not in ("README.md", "CHANGELOG.md")),
]
# Beside what they are about
NOTICES = [path for folder in ("assets/*", "benchmarks", "encoders/*") for path in sorted(ROOT.glob(f"{folder}/*.md"))]
PROJECT: Any = srsly.read_yaml(ROOT / "project.yml")
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
STAGES = sorted(path.parent.name for path in ROOT.glob("scripts/*/__main__.py"))
FOLDERS = r"assets|benchmarks|configs|corpus|docs|encoders|exports|metrics|notebooks|packages|scripts|tests|training"
PATH = re.compile(rf"(?<![\w/.])(?:{FOLDERS})/[\w./<>*-]*[\w*]")
MADE = ("corpus/", "exports/", "metrics/", "packages/", "training/")  # by commands
FENCE = re.compile(r"(?:^ *<!-- ([^\n]+) -->\n)?^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FENCE_LINE = re.compile(r"^ *```", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block.

    page (Path): The document.
    line (int): Where it begins.
    marker (str): The comment on the line above, "" for none.
    language (str): Of the fence.
    text (str): What is in it.
    """

    page: Path
    line: int
    marker: str
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether a test runs it."""
        return self.language in ("bash", "python") and not self.marker

    @property
    def lines(self) -> list[list[str]]:
        """The command lines of a bash block, each as its words; the environment's folder is left out."""
        lines = [line.replace(".venv/bin/", "") for line in self.text.splitlines() if line.strip()]
        return [shlex.split(line, comments=True) for line in lines]


def read_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1] or "", match[2], dedent(match[3]))
        for match in FENCE.finditer(text)
    ]


def code_of(page: Path) -> list[str]:
    """What stands in backticks and in blocks."""
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf8")))
    return spans + [block.text for block in read_blocks(page)]


def paths_of(page: Path) -> list[str]:
    """The paths below the project's folders that its code names."""
    return [path for span in code_of(page) for path in PATH.findall(span)]


def stage_of(words: list[str]) -> str:
    """The stage that a command line runs, "" if it runs none."""
    return words[2].removeprefix("scripts.") if words[:2] == ["python", "-m"] and "scripts." in words[2] else ""


def project_command(words: list[str]) -> str:
    """The command or workflow of project.yml that a command line runs, "" if it runs none."""
    return words[5] if words[:5] == ["python", "-m", "spacy", "project", "run"] else ""


def expand(words: list[str]) -> list[list[str]]:
    """The command lines that spaCy makes of `spacy project run ...`, steps of a workflow one after the other."""
    name, overrides = project_command(words), dict(pairwise(words))
    variables = {key: overrides.get(f"--vars.{key}", str(value)) for key, value in PROJECT["vars"].items()}
    scripts = [script for step in PROJECT["workflows"].get(name, [name]) for script in COMMANDS[step]["script"]]
    filled = [re.sub(r"\$\{vars\.(\w+)\}", lambda match: variables[match[1]], script) for script in scripts]
    return [shlex.split(script) for script in filled]


@cache
def command_of(stage: str) -> Any:
    """A stage's command line, as typer makes it from the signature."""
    module = import_module(f"scripts.{stage}.__main__")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command()(module.main)
    return typer.main.get_command(app)


def options_of(command: Any) -> set[str]:
    """All options of a command and of the commands below it."""
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    return {"--help"}.union(own, *map(options_of, commands_below(command).values()))


def commands_below(command: Any) -> dict[str, Any]:
    """The commands of a command line that has several, by name; typer brings a click of its own."""
    return getattr(command, "commands", {})


def parse(words: list[str]) -> None:
    """Parse a command line of a stage, as the stage would, without running it.

    RAISES (UsageError): An option does not exist, an argument is missing or too many, or a value is no number.
    """
    command, arguments = command_of(stage_of(words)), words[3:]
    while below := commands_below(command):
        command, arguments = below[arguments[0]], arguments[1:]
    command.make_context("", list(arguments))
