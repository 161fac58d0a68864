"""Bad input ends in one sentence and exit code 1, whatever raised it."""

import re
from pathlib import Path
from typing import Annotated

import pytest
import typer
from wasabi import msg

from scripts.cli import InputError, printable, use_gpu
from tests.commands import assert_fails, run


def main(path: Annotated[Path, typer.Argument(help="A file")], fail: bool = False) -> None:
    """Read a file."""
    path.read_text(encoding="utf8")
    if fail:
        raise InputError("The file is wrong: write it again.")


def test_a_command_that_ends_well_exits_with_0(tmp_path):
    (tmp_path / "a").touch()
    assert run(main, tmp_path / "a").code == 0


def test_wrong_input_is_one_sentence(tmp_path):
    (tmp_path / "a").touch()
    done = run(main, tmp_path / "a", "--fail")
    assert_fails(done, "The file is wrong: write it again.")


def test_what_the_system_refuses_is_one_sentence_with_the_file(tmp_path):
    assert_fails(run(main, tmp_path / "gone"), "gone: No such file or directory")
    assert_fails(run(main, tmp_path), "Is a directory")


HOSTILE = "a\x1b]0;x\x07\n\x9b2J\u202e.txt"
SAFE = "a\\x1b]0;x\\x07\\n\\x9b2J\\u202e.txt"


def test_control_characters_are_escaped_in_every_message(tmp_path):
    def say(kind: str) -> None:
        if kind == "input":
            raise InputError(f"{HOSTILE} is wrong.")
        if kind == "system":
            raise FileNotFoundError(2, "No such file", HOSTILE)
        getattr(msg, kind)(f"{HOSTILE} is wrong.", HOSTILE)

    for kind in ("input", "system", "good", "warn", "info", "fail", "text"):
        done = run(say, kind)
        assert SAFE in done.output and HOSTILE not in done.output
        assert not set(re.sub(r"\x1b\[[0-9;]*m", "", done.output)) & set("\x1b\x07\x9b\u202e")
    assert printable(HOSTILE) == SAFE and printable("pain Ü 😀 \u200d") == "pain Ü 😀 \u200d"
    assert msg.text.__self__ is msg  # as it was


def test_a_fault_of_the_program_is_not_hidden(tmp_path):
    def broken() -> None:
        raise KeyError("label")

    assert run(broken).code == 2


def test_a_gpu_that_is_not_there_is_refused():
    use_gpu(-1)
    with pytest.raises(InputError, match="GPU 99 cannot be used"):
        use_gpu(99)
