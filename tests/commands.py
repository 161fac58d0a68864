"""Running the project's commands from tests."""

import contextlib
import io
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from scripts import cli


class Done(NamedTuple):
    """What a command did: its exit code and all that it printed."""

    code: int
    output: str

    @property
    def sentence(self) -> str:
        """The error, with its line breaks and colours undone."""
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.output)
        return " ".join(plain[plain.index("✘") :].split())


def run(main: Callable, *arguments: str | Path) -> Done:
    """Run a command's main in this process, just as `python -m` would."""
    output, code = io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["command", *map(str, arguments)]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        try:
            cli.run(main)
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
        except Exception:
            traceback.print_exc()
            code = 2
    return Done(code, output.getvalue())


def assert_fails(done: Done, *said: str, without: Path | None = None) -> None:
    """It failed with one sentence that holds the words, no traceback, and nothing half-written."""
    assert done.code == 1, done.output
    assert "Traceback" not in done.output
    for words in said:
        assert words in done.sentence
    if without:
        assert not without.exists()
        assert not list(without.parent.glob(".*.part"))
