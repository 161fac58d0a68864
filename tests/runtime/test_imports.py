"""What travels can be imported wherever a package is installed, and costs no more than it has to."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import runtime
from tests.paths import ROOT

FILES = sorted(Path(runtime.__file__).parent.glob("*.py"))
PACKAGES = {
    "numpy",
    "spacy",
    "spacy_transformers",
    "thinc",
    "tokenizers",
    "torch",
    "transformers",
}  # what a package requires; transformers the tokenizers
UNIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}

# Prints what our tokenizer loads beside what spaCy loads.
LOADED = """
import sys, spacy
before = set(sys.modules)
import scripts.runtime.tokenizer
print(*sorted(set(sys.modules) - before))
"""


def roots(path: Path) -> Iterator[str]:
    """The packages that a file imports, at once or later, other than its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_imports_what_every_system_has_and_a_package_requires(path: Path):
    assert {*roots(path)} <= PACKAGES | set(sys.stdlib_module_names) - UNIX_ONLY


def test_the_tokenizer_and_its_folder_load_nothing_beside_spacy():
    assert not [*roots(Path(runtime.__file__))]
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["scripts", "scripts.runtime", "scripts.runtime.tokenizer"]
