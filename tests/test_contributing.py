"""What contributors and CI go by: the hook that refuses notes, pins and hashes, one version, forms, the CI script."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import srsly
from packaging.utils import canonicalize_name

from tests import documents
from tests.paths import ROOT

FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
VERSION = documents.PROJECT["vars"]["version"]
PIN = re.compile(r"^([\w-]+)==([\w.]+)", re.MULTILINE)
# A commit, with the tag that it had when it was chosen
ACTION = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf8")


def yaml(name: str | Path) -> Any:
    return srsly.read_yaml(ROOT / name)


def pins(name: str) -> dict[str, str]:
    return {canonicalize_name(library): version for library, version in PIN.findall(read(name))}


# What the documents for contributors name


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "RELEASING.md"])
def test_every_name_in_the_code_that_is_named_is_there(name: str):
    """Commands, options, paths and links are checked with those of all documents."""
    paths = [path for room in ("scripts", "tests") for path in ROOT.glob(f"{room}/**/*.py") if path != Path(__file__)]
    code = "\n".join(path.read_text(encoding="utf8") for path in paths)
    spans = re.findall(r"`([A-Za-z]\w*)`", documents.FENCE.sub("", read(name)))
    assert spans
    for span in {*spans} - set(documents.STAGES):
        assert re.search(rf"\b{span}\b", code), f"{name} names {span}"


# The hook that refuses notes


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refuse_notes", ROOT / ".ci" / "refuse_notes.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFUSED = """
record-1.txt notes/record-1.con notes/record-1.txt.con record-1.ann beth/ast/record-1.ast record.xml notes.jsonl
train.spacy a/b/c.TXT notes.txt.gz notes.csv notes.parquet corpus.conll release.tar.gz Task_1C.zip report.html
page.htm table.xlsx scripts/convert/example.txt docs/output.json encoders/mine/vocab.txt weights.bin
corpus/ward/conversion.json corpus/ward/README.md training/ward/bert/log metrics/ward/report.md packages/setup.py
encoders/mine/model.safetensors annotated/notes.md annotated-2/x exports/ward/train assets/n2c2/Task_1C.zip
assets/n2c2/notes assets/text/x.md assets/samples/record-1.txt mytests/record-1.txt my-requirements/x.txt note.pdf
letter.docx en_medner_bert.whl
"""
ALLOWED = """
README.md assets/n2c2/README.md assets/sample/concepts/train/001.txt assets/sample/concepts/train/001.con
assets/sample/medications/x.ann tests/convert/formats/quirk.con tests/data/x.jsonl scripts/convert/formats/con.py
requirements.txt requirements-dev.txt requirements-hashed.txt encoders/bert-compact/vocab.txt
encoders/bert-compact/model.safetensors encoders/albert-compact/tokenizer.json benchmarks/results/speed.jsonl
project.yml configs/bert.cfg scripts/compare/templates/report.html.jinja docs/report.png pyproject.toml
.ci/run LICENSE CITATION.cff
"""


@pytest.mark.parametrize("name", REFUSED.split())
def test_the_hook_refuses_what_may_hold_notes(hook: ModuleType, name: str):
    assert hook.refusal(name)


@pytest.mark.parametrize("name", ALLOWED.split())
def test_the_hook_lets_the_projects_own_files_pass(hook: ModuleType, name: str):
    assert not hook.refusal(name)


def test_the_hook_refuses_notebooks_with_outputs(hook: ModuleType, tmp_path: Path):
    notebook = tmp_path / "quickstart.ipynb"
    for outputs, refused in (([], False), ([{"text": "a note"}], True)):
        cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]
        notebook.write_text(json.dumps({"cells": cells}), encoding="utf8")
        assert bool(hook.refusal(str(notebook))) == refused


def test_the_hook_names_the_files_and_fails():
    for names, code in ((["README.md", "ward/a.con", "b.txt"], 1), (["README.md"], 0), ([], 0)):
        done = subprocess.run(
            [sys.executable, ".ci/refuse_notes.py", *names], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert [line.partition(":")[0] for line in done.stdout.splitlines()[:-1]] == (names[1:] if code else [])


def test_the_hook_lets_all_pass_that_is_in_the_repository(hook: ModuleType):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this copy of the project is no git repository")
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    assert not {name: hook.refusal(name) for name in names if hook.refusal(name)}


def test_git_ignores_what_the_hook_refuses_as_made(hook: ModuleType):
    ignored = read(".gitignore").splitlines()
    for pattern in hook.MADE:
        assert f"/{pattern.removesuffix('*')}" in ignored or f"/{pattern}" in ignored, pattern


# Pins and hashes


def test_every_requirement_is_pinned_and_explained():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-spark.txt", "requirements-benchmarks.txt"):
        for line in read(name).splitlines():
            assert re.fullmatch(r"-r requirements(-spark|-dev)?.txt|[\w-]+==[\w.]+ +# .+", line), line


def test_the_hooks_tools_have_the_versions_of_the_requirements():
    (repo,) = yaml(".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"]: hook for hook in repo["hooks"]}
    assert set(hooks) == {"refuse-notes", "ruff-check", "ruff-format", "pyright"}
    for hook in hooks.values():
        assert hook["language"] == "python"
        for requirement in hook.get("additional_dependencies", []):
            library, _, version = requirement.partition("==")
            assert pins("requirements-dev.txt")[library] == version, hook["id"]
    for tool in ("ruff-check", "ruff-format", "pyright"):
        assert hooks[tool]["additional_dependencies"][0].startswith(tool.split("-")[0] + "==")
    assert hooks["refuse-notes"]["entry"] == "python .ci/refuse_notes.py"
    assert "types" not in hooks["refuse-notes"] and "files" not in hooks["refuse-notes"]


def test_the_hashed_requirements_are_those_of_the_project():
    text, hashed = read("requirements-hashed.txt"), pins("requirements-hashed.txt")
    assert pins("requirements.txt").items() <= hashed.items()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert len(entries) == len(hashed)
    for entry in entries:
        assert re.match(r"[\w-]+==[\w.]+ \\\n +--hash=sha256:[0-9a-f]{64}", entry), entry[:60]
    assert "://" not in text and "index" not in text


def test_the_hashed_requirements_are_made_as_the_recipe_says():
    (made,) = re.findall(r"^#    (uv pip compile .+)$", read("requirements-hashed.txt"), re.MULTILINE)
    assert f".venv/bin/{made}\n" in read("RELEASING.md")
    assert shlex.split(made)[-2:] == ["-o", "requirements-hashed.txt"]


# One version


def test_the_version_stands_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    texts = [*documents.DOCUMENTS, ROOT / "CITATION.cff", ROOT / "pyproject.toml"]
    texts += [path for folder in ("scripts", "benchmarks", "notebooks") for path in ROOT.glob(f"{folder}/**/*.*")]
    copies = re.compile(rf"(?<![\d.])(?<!==){re.escape(VERSION)}(?![\d.])")
    for path in texts:
        if path.suffix in (".md", ".cff", ".toml", ".py", ".jinja", ".ipynb"):
            # A line with a tick is what a command printed then.
            text = re.sub(r"^✔.*$", "", path.read_text(encoding="utf8"), flags=re.MULTILINE)
            found = copies.search(text) is not None  # pytest would show the whole text
            assert not found, f"{path.relative_to(ROOT)} repeats the version of project.yml"
    assert "version" not in yaml("CITATION.cff")
    assert "project" not in tomllib.loads(read("pyproject.toml"))


def test_the_changelog_begins_with_the_version():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(VERSION)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])


def test_the_citation_has_what_its_format_asks_for():
    citation = yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert citation["message"] and citation["title"] == documents.PROJECT["title"]
    assert citation["license"] == "MIT" and read("LICENSE").startswith("MIT License")
    # Of entities, as of persons, only these are taken; GitHub shows nothing of a file with others.
    assert citation["authors"] and all(set(author) == {"name"} for author in citation["authors"])
    assert set(citation) <= {"cff-version", "message", "type", "title", "abstract", "authors", "license", "keywords"}


# Forms


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_says_first_that_no_note_is_wanted(form: Path):
    found = yaml(form)
    assert {"name", "description", "body"} <= set(found)
    first, second = found["body"][:2]
    warning = first["attributes"]["value"]
    assert first["type"] == "markdown" and warning.startswith("**No text of a patient's note")
    assert "nvent an example" in " ".join(warning.split())
    assert second["type"] == "checkboxes"
    assert all("invented" in option["label"] and option["required"] for option in second["attributes"]["options"])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_is_one_that_github_shows(form: Path):
    keys = {"markdown": {"value"}, "checkboxes": {"label", "options"}, "input": {"label", "description"},
            "textarea": {"label", "description", "render"}}  # fmt: skip
    body = yaml(form)["body"]
    for element in body:
        assert set(element) <= {"type", "id", "attributes", "validations"}
        assert set(element["attributes"]) <= keys[element["type"]]
        assert all(value is True for value in element.get("validations", {}).values())
    ids = [element["id"] for element in body if element["type"] != "markdown"]
    labels = [element["attributes"]["label"] for element in body if element["type"] != "markdown"]
    assert len(set(ids)) == len(ids) and len(set(labels)) == len(labels)


def test_there_are_forms_for_bugs_formats_and_questions_and_nothing_beside():
    assert [form.stem for form in FORMS] == ["bug", "format", "question"]
    assert yaml(".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": False}


# CI


def test_ci_runs_the_test_command_of_the_readme_then_lint_format_and_types():
    script = read(".ci/run")
    (extract,) = re.findall(r"^command=.+$", script, re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'{extract}\necho "$command"'],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (block,) = (block for block in documents.read_blocks(documents.README) if block.marker == "test")
    assert done.stdout == block.text
    steps = ['bash -euo pipefail -c "$command"', ".venv/bin/ruff check .", ".venv/bin/ruff format --check .",
             ".venv/bin/pyright --pythonpath .venv/bin/python"]  # fmt: skip
    places = [script.index(f"{step}\n") for step in steps]
    assert places == sorted(places)
    assert "set -euo pipefail" in script and "|| true" not in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_ci_finds_only_pythons_that_work(tmp_path: Path):
    """A shim without a version behind it is there, and executable, but is no Python."""
    (functions,) = re.findall(r"^(works\(\).+?\n}\n)", read(".ci/run"), re.MULTILINE | re.DOTALL)
    version = "{}.{}".format(*sys.version_info)
    shims, real = tmp_path / "shims", tmp_path / "pyenv" / "versions" / f"{version}.99" / "bin"
    for folder in (shims, real):
        folder.mkdir(parents=True)
    (shims / f"python{version}").write_text("#!/bin/sh\necho no such version >&2\nexit 127\n")
    (shims / f"python{version}").chmod(0o755)
    (real / "python").symlink_to(sys.executable)
    for wanted, found in ((version, str(real / "python")), ("3.99", "")):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{functions}\necho \"$(find_python {wanted})\""],
            env={"PATH": f"{shims}:/usr/bin:/bin", "PYENV_ROOT": str(tmp_path / "pyenv")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == found


def test_ci_on_github_runs_the_same_script_with_actions_at_commits():
    workflow = read(".github/workflows/test.yml")
    assert [step["run"] for step in yaml(".github/workflows/test.yml")["jobs"]["test"]["steps"] if "run" in step] == [
        "bash .ci/run"
    ]
    assert len(ACTION.findall(workflow)) == workflow.count("uses:")
    for version in re.findall(r"for version in (.+); do", read(".ci/run"))[0].split():
        assert version in workflow


def test_warnings_are_errors_and_every_exception_has_its_reason():
    settings = tomllib.loads(read("pyproject.toml"))
    filters = settings["tool"]["pytest"]["ini_options"]["filterwarnings"]
    assert filters[0] == "error"
    for exception in filters[1:]:
        action, message, *_ = exception.split(":")
        assert action == "ignore" and len(message) > 10, "name the message, not a whole class"
        (line,) = (line for line in read("pyproject.toml").splitlines() if exception in line)
        assert "  # " in line, exception
    assert settings["tool"]["pyright"]["typeCheckingMode"] == "standard"
