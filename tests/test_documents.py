"""What the documents say is so: commands, options, paths and links exist, every block is tried or says why not."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from scripts.compare.significance import Difference, sentence
from scripts.corpus.resampling import Interval
from tests import documents
from tests.documents import (
    COMMANDS,
    COMMANDS_PAGE,
    DOCUMENTS,
    FENCE,
    FENCE_LINE,
    MADE,
    NOTICES,
    PAGES,
    PROJECT,
    README,
    STAGES,
    Block,
    read_blocks,
)
from tests.paths import ROOT

ALL = [*DOCUMENTS, *NOTICES]
BLOCKS = [block for page in DOCUMENTS for block in read_blocks(page)]
# Options of other people's commands, by the words that name these; no test looks them up.
FOREIGN = {
    "spacy project run": {"--force"},  # run a command though nothing has changed
    "spacy train": {"--code"},  # a file of Python to import
    "pip install": {
        "--no-index",
        "--find-links",
        "--require-hashes",
        "--dry-run",
        "--no-build-isolation",
        "--no-deps",
    },  # by which files
    "pip compile": {"--generate-hashes", "--python-version", "--python-platform"},  # uv: pins with hashes
    "pytest": {"--ignore"},
    "spark-submit": {"--master", "--archives", "--py-files", "--to", "--engine"},
}
VERDICT = re.compile(r"([+-][\d.]+) points of .+ interval ([+-][\d.]+) to ([+-][\d.]+), p = ([\d.]+), (\d+) notes")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*(?:\.\w+)?")
# The user's: archives under a data use agreement, text and teacher of `pretrain` and `distill`.
GIVEN = {asset["dest"] for asset in PROJECT["assets"]} | {PROJECT["vars"][name] for name in ("text", "teacher")}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def read(page: Path) -> str:
    return page.read_text(encoding="utf8")


# The two commands of the README, and what spaCy generates


def marked(marker: str) -> str:
    """The command line in the README's block with a marker."""
    (block,) = (block for block in read_blocks(README) if block.marker == marker)
    assert block.text.count("\n") == 1, f"the {marker} block of README.md has not one line"
    return block.text.strip()


def test_the_two_command_lines_set_up_and_run():
    assert marked("run").endswith("-r requirements.txt && .venv/bin/python -m spacy project run all")
    assert marked("test").endswith("-r requirements-dev.txt && .venv/bin/python -m pytest")
    for line in (marked("run"), marked("test")):
        assert line.startswith("python3.11 -m venv .venv && .venv/bin/pip install -r requirements")


def test_the_list_of_commands_is_generated(tmp_path: Path):
    copy = tmp_path / "commands.md"
    copy.write_text(read(COMMANDS_PAGE), encoding="utf8")
    arguments = ["-m", "spacy", "project", "document", str(ROOT), "--output", str(copy)]
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
    assert read(copy) == read(COMMANDS_PAGE), "run: spacy project document . --output docs/commands.md"


def test_the_verdict_shown_is_worded_as_the_command_words_it():
    shown = " ".join(read(README).split())
    (found,) = VERDICT.findall(shown)
    difference, low, high = (float(points) / 100 for points in found[:3])
    result = Difference(difference, Interval(low, high), float(found[3]))
    assert sentence("bert", "albert", result, int(found[4])) in shown


# Commands, variables and options


@pytest.mark.parametrize("page", ALL, ids=name)
def test_every_project_command_and_variable_named_is_defined(page: Path):
    assert set(re.findall(r"spacy project run ([\w-]+)", read(page))) <= {*COMMANDS, *PROJECT["workflows"]}
    assert set(re.findall(r"--vars\.(\w+)", read(page))) <= set(PROJECT["vars"])


def test_every_command_and_every_stage_is_documented():
    code = [span for page in DOCUMENTS if page != COMMANDS_PAGE for span in documents.code_of(page)]
    for command in (*COMMANDS, *PROJECT["workflows"]):
        assert any(re.search(rf"(?<![\w.-]){command}(?![\w.-])", span) for span in code), command
    architecture = read(ROOT / "docs" / "architecture.md")
    rooms = [path.name for path in ROOT.glob("scripts/*") if path.is_dir() and path.name != "__pycache__"]
    for room in rooms:
        assert f"**`scripts/{room}`**" in architecture, f"architecture.md has no paragraph on scripts/{room}"
    for leaf in ROOT.glob("scripts/[a-z]*.py"):
        assert f"`scripts/{leaf.name}`" in architecture, f"architecture.md does not speak of scripts/{leaf.name}"


@pytest.mark.parametrize("page", ALL, ids=name)
def test_every_option_named_belongs_to_a_command_of_the_page(page: Path):
    known = options_of_page(page)
    for option in OPTION.findall(re.sub(r"<!-- .+? -->", "", read(page))):
        assert option.startswith("--vars.") or option in known, f"no command of {name(page)} has {option}"


def options_of_page(page: Path) -> set[str]:
    """The options of all commands that a page names, by name, as a room, or as a command of project.yml."""
    words = set(re.findall(r"`([\w-]+)`|scripts[./](\w+)|spacy project run ([\w-]+)", read(page)))
    named = {word for found in words for word in found}
    stages = {documents.stage_of(words) for command in named & set(COMMANDS) for words in expand_command(command)}
    options: set[str] = set()
    for stage in (stages | named) & set(STAGES):
        options |= documents.options_of(documents.command_of(stage))
    for benchmark in {
        *re.findall(r"(?<!-)benchmarks\.(\w+)", read(page)),
        *(["__main__"] if "benchmarks" in name(page) else []),
    }:
        options |= options_of_benchmark(benchmark)
    return options.union(*(known for words, known in FOREIGN.items() if words in read(page)))


def expand_command(command: str) -> list[list[str]]:
    return documents.expand(["python", "-m", "spacy", "project", "run", command])


def options_of_benchmark(module: str) -> set[str]:
    """Read from the syntax tree, as importing a benchmark takes seconds."""
    tree = ast.parse(read(ROOT / "benchmarks" / f"{module}.py"))
    return set(_benchmark_options(tree))


def _benchmark_options(tree: ast.AST) -> Iterator[str]:
    for argument in (node for node in ast.walk(tree) if isinstance(node, ast.arg)):
        for call in (node for node in ast.walk(argument) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "Option":
                given = [str(value.value) for value in call.args if isinstance(value, ast.Constant)]
                yield from given or [f"--{argument.arg.replace('_', '-')}"]


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "bash"], ids=lambda block: block.place
)
def test_every_command_line_is_one_that_its_command_takes(block: Block):
    """Not only are its options known: its arguments are as many, and numbers are numbers."""
    for words in block.lines:
        if documents.stage_of(words):
            documents.parse(words)
        elif documents.project_command(words):
            assert words[6:7] in ([], ["."]) and all(word.startswith("--vars.") for word in words[7::2])
            for expanded in documents.expand(words):
                documents.parse(expanded)
        else:
            known = {option for words_of, found in FOREIGN.items() if words_of in " ".join(words) for option in found}
            assert set(OPTION.findall(" ".join(words))) <= known


# Paths, links, blocks


@pytest.mark.parametrize("page", ALL, ids=name)
def test_every_path_named_is_there(page: Path):
    for path in documents.paths_of(page):
        placeholder = re.search(r"[<>*]|\bX\b", path)
        assert placeholder or path.startswith(MADE) or path in GIVEN or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", ALL, ids=name)
def test_every_link_leads_somewhere(page: Path):
    own, _, generated = read(page).partition("AUTO-GENERATED DOCS START")
    for text, folder in ((own, page.parent), (generated, ROOT)):
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not link.startswith("https://"):
                target, _, anchor = link.partition("#")
                path = (folder / target).resolve() if target else page
                assert path.exists(), f"{name(page)} links to {link}"
                assert not anchor or anchor in anchors(path), f"{name(page)} links to {link}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_found_from_the_readme_and_leads_back(page: Path):
    assert f"]({name(page)})" in read(README)
    assert "](../README.md)" in read(page)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_every_block_is_run_or_says_why_not(block: Block):
    """tests/workflow/test_documents.py runs those that are."""
    if block.marker in ("run", "test"):
        assert block.page == README
    elif block.marker == "output":
        blocks = read_blocks(block.page)
        assert blocks[blocks.index(block) - 1].language in ("bash", "python")
    elif not block.is_run:
        reason = block.marker.removeprefix("not run: ")
        assert reason != block.marker and " " in reason, f"{block.place}: say <!-- not run: reason --> above it"


def test_every_fence_is_read_as_a_block():
    for page in DOCUMENTS:
        assert len(FENCE_LINE.findall(read(page))) == 2 * len(read_blocks(page)), name(page)


def test_the_readme_is_short():
    assert len(read(README).splitlines()) <= 155


# Requirements and assets


def test_the_private_archives_are_declared_without_a_url():
    for asset in PROJECT["assets"]:
        assert asset["dest"].startswith("assets/n2c2/") and "url" not in asset and asset["description"]
