"""The rooms of scripts/ and the arrows between them, drawn from the syntax trees: nothing is imported to see it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import srsly

from tests.paths import ROOT

STAGES = ("annotate", "clean", "compare", "convert", "distill", "estimate", "evaluate", "export", "package", "pretrain",
          "publish", "review", "serve", "train", "visualize")  # fmt: skip
# Each room and what it may import beside itself, from the top down.
LEAVES = ("archives", "cli", "encoders", "files", "machine", "masking")
ALLOWED = {
    **{stage: {"pages", "corpus", "runtime", *LEAVES} for stage in STAGES},
    **{stage: {"corpus", "runtime", "functions", *LEAVES} for stage in ("estimate", "train")},
    "functions": {"train", "runtime"},
    "pages": {"corpus", *LEAVES},
    "corpus": {"runtime", *LEAVES},
    "runtime": set(),
    **{leaf: set(LEAVES) for leaf in LEAVES},
}
# Leaves that only wire a command to its reader: a change of them changes no result.
WIRING = {"cli", "files", "functions", "machine"}
HEAVY = ("torch", "spacy", "thinc", "transformers", "spacy_transformers", "matplotlib", "seqeval", "huggingface_hub",
         "fastapi", "uvicorn")  # fmt: skip
PROJECT = srsly.read_yaml(ROOT / "project.yml")


class Import(NamedTuple):
    """`name` is imported by a module, when that module is or, inside a function, later."""

    name: str
    at_once: bool
    relative: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its name."""
    return {module_name(path): path for path in sorted((ROOT / "scripts").rglob("*.py"))}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(module: str) -> tuple[Import, ...]:
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(read_imports(ast.parse(path.read_text(encoding="utf8")), package, True))


def read_imports(node: ast.AST, package: str, at_once: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, at_once, False) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                above = package.split(".")[: len(package.split(".")) - child.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in child.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in modules() else base, at_once, bool(child.level))
        elif is_for_types(child):
            continue
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from read_imports(child, package, at_once and not inside)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room(module: str) -> str:
    """The room or leaf that a module of ours is, or lies in."""
    return module.split(".")[1] if "." in module else ""


def loaded(module: str, later: bool = False) -> set[str]:
    """All modules that importing one of ours loads, as far as ours name them; a package's __init__ comes first.

    later: Whether to count what is imported inside functions, too.
    """
    seen, left = set(), [module]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in modules():
            left += [found.name for found in imports(name) if later or found.at_once]
            left += [name.rpartition(".")[0]] if "." in name else []
    return seen


def reached(module: str) -> set[str]:
    return {name for name in loaded(module, later=True) if name in modules() and "." in name}


def test_every_room_is_known():
    assert {room(module) for module in modules()} - {""} == set(ALLOWED)


@pytest.mark.parametrize("module", modules())
def test_the_arrows_run_one_way(module: str):
    """Later imports count as well: a stage never needs another stage."""
    if not room(module):
        assert not [found for found in imports(module) if found.name.startswith("scripts")]
        return
    for found in imports(module):
        if found.name.startswith("scripts.") and room(found.name) != room(module):
            assert room(found.name) in ALLOWED[room(module)], f"{module} imports {found.name}"


def test_no_module_imports_itself_in_a_circle():
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for found in imports(module):
                if found.at_once and found.name in modules() and found.name != module:
                    visit(found.name, (*above, module))
            done.add(module)

    for module in modules():
        visit(module, ())


def test_what_travels_imports_nothing_of_ours_but_itself():
    for module in modules():
        if room(module) == "runtime":
            ours = [found for found in imports(module) if found.name.split(".")[0] == "scripts"]
            assert all(found.relative for found in ours), module


@pytest.mark.parametrize("stage", STAGES)
def test_a_command_line_is_there_before_spacy_and_torch_are_loaded(stage: str):
    """`import spacy` alone takes seconds: --help and a wrong option must not wait for it."""
    heavy = {name for name in loaded(f"scripts.{stage}.__main__") if name.split(".")[0] in HEAVY}
    assert not heavy


@pytest.mark.parametrize("command", PROJECT["commands"], ids=lambda command: command["name"])
def test_a_command_depends_on_the_rooms_that_it_imports(command: dict):
    """A change of a room runs the commands again that compute with it."""
    stages = {word.removeprefix("scripts.") for line in command["script"] for word in line.split()
              if word.startswith("scripts.")}  # fmt: skip
    assert stages
    own = [module for module in modules() if room(module) in stages]
    needed = {room(found.name) for module in own for found in imports(module) if found.name.startswith("scripts.")}
    # The tokenizer of what travels makes the Docs of the corpus.
    needed |= {room(name) for module in own for name in reached(module) if room(name) == "runtime"} | stages
    declared = {Path(path).parts[1].removesuffix(".py") for path in command.get("deps", []) if path[:8] == "scripts/"}
    if "deps" in command:  # clean has none
        assert needed - WIRING == declared
    assert len(declared) <= 6


def test_every_room_says_what_it_is_for():
    for module, path in modules().items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))), module
