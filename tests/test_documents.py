"""What the README says can be run is there, and its project section is what spaCy generates."""

import os
import re
import subprocess
import sys

import srsly

from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf8")
PROJECT = srsly.read_yaml(ROOT / "project.yml")
NAMES = {*PROJECT["workflows"], *(command["name"] for command in PROJECT["commands"])}


def command(marker: str) -> str:
    """The command line below a marker of the README."""
    found = re.search(rf"<!-- {marker} -->\n```bash\n(.+)\n```", README)
    assert found, f"README.md has no {marker} command of one line"
    return found[1]


def test_the_project_section_is_generated(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text(README, encoding="utf8")
    arguments = ["-m", "spacy", "project", "document", str(ROOT), "--output", str(copy)]
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
    assert copy.read_text(encoding="utf8") == README, "run: spacy project document --output README.md"


def test_the_two_command_lines_set_up_and_run():
    assert command("run").endswith("-r requirements.txt && .venv/bin/python -m spacy project run all")
    assert command("test").endswith("-r requirements-dev.txt && .venv/bin/python -m pytest")
    for line in (command("run"), command("test")):
        assert line.startswith("python3.11 -m venv .venv && .venv/bin/pip install -r requirements")


def test_ci_runs_exactly_the_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    extract = script.replace('bash -euo pipefail -c "$command"', "true")
    done = subprocess.run(
        ["bash", "-c", extract.replace('"$(dirname "$0")/.."', str(ROOT))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == command("test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "bash .ci/run" in (ROOT / ".github/workflows/test.yml").read_text(encoding="utf8")


def test_every_project_command_and_variable_named_is_defined():
    assert set(re.findall(r"spacy project run ([\w-]+)", README)) <= NAMES
    assert set(re.findall(r"--vars\.(\w+)", README)) <= set(PROJECT["vars"])


def test_every_path_named_is_there():
    archives = {asset["dest"] for asset in PROJECT["assets"]}
    for path in re.findall(r"`((?:assets|scripts|tests|configs)/[\w./<>-]*)`", README):
        assert "<" in path or path in archives or (ROOT / path).exists(), path


def test_every_requirement_is_pinned_and_explained():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text(encoding="utf8").splitlines():
            assert re.fullmatch(r"-r requirements.txt|[\w-]+==[\w.]+ +# .+", line), line


def test_every_dependency_of_a_command_is_a_file_of_the_project():
    for entry in PROJECT["commands"]:
        for path in entry.get("deps", []):
            if path.startswith(("scripts", "configs", "assets")):
                assert (ROOT / path).exists(), path


def test_the_private_archives_are_declared_without_a_url():
    for asset in PROJECT["assets"]:
        assert asset["dest"].startswith("assets/n2c2/") and "url" not in asset and asset["description"]


def test_the_code_is_formatted_and_linted():
    for arguments in (["check", "."], ["format", "--check", "."]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_a_command_depends_on_every_module_that_it_imports():
    """A change of any module a command imports has to run the command again."""
    for entry in PROJECT["commands"]:
        for module in re.findall(r"-m scripts\.(\w+)", " ".join(entry["script"])):
            code = f"import sys, scripts.{module}; print(*(m for m in sys.modules if m.startswith('scripts.')))"
            done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
            files = {_file(name) for name in done.stdout.split()}
            assert files <= set(entry["deps"]), (entry["name"], sorted(files - set(entry["deps"])))


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
