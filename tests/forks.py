"""Programs that run away from the project, each in a process of its own, with spaCy and torch imported beforehand."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.projects import Project

SECONDS = 120  # then a program hangs
# Imports for all programs what takes seconds, then forks for each; a package that they use is not imported here.
SERVER = """
import faulthandler, json, os, runpy, signal, sys, time
import spacy_transformers, spacy.cli
import transformers.models.albert.modeling_albert, transformers.models.bert.modeling_bert

def wait(child, until):
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"

for line in sys.stdin:
    folder, seconds, arguments = json.loads(line)
    child = os.fork()
    if not child:
        os.setpgrp()
        os.chdir(folder)
        for number, name, mode in ((0, os.devnull, os.O_RDONLY), (1, "output.txt", 577), (2, "errors.txt", 577)):
            os.dup2(os.open(name, mode, 0o600), number)
        faulthandler.dump_traceback_later(seconds - 20)
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = arguments, folder
            runpy.run_path(os.path.join(folder, arguments[0]), run_name="__main__")
        sys.exit()
    print(json.dumps(wait(child, time.monotonic() + seconds)), flush=True)
"""


class Done(NamedTuple):
    """What a program did.

    code (int | str): Its exit code, or that it hangs.
    """

    code: int | str
    output: str
    errors: str


class Forks:
    """A process that forks for each program.

    path (Path): Where packages are installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=path,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "ANSI_COLORS_DISABLED": "1", "PYTHONPATH": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, *arguments: str, seconds: int = SECONDS) -> Done:
        """Run `python` with the arguments, a file of the folder or `-m` and a module, in a folder."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([str(folder), seconds, arguments]) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())
        return Done(code, *((folder / name).read_text(encoding="utf8") for name in ("output.txt", "errors.txt")))

    def use(self, folder: Path, script: str, *arguments: str) -> str:
        """Run a script, which has to succeed.

        RETURNS (str): What it printed.
        """
        (folder / "use.py").write_text(script, encoding="utf8")
        done = self.run(folder, "use.py", *arguments)
        assert done.code == 0, f"{done.code}: {done.output[-1000:]}{done.errors[-3000:]}"
        return done.output

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def with_wheels(project: Project, folder: Path) -> Iterator[Forks]:
    """Install a project's wheels into a folder, and let programs use them."""
    wheels = [str(path) for path in project.path("packages").glob("*/dist/*.whl")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(folder), *wheels], check=True)
    forks = Forks(folder)
    yield forks
    forks.close()
