"""Ctrl-C and SIGTERM: one sentence, no process left, and the same command goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.annotate.test_main import annotate, contents
from tests.commands import Done
from tests.encoders import build_bert
from tests.helpers import write_files
from tests.paths import ROOT
from tests.pipelines import LINES, build

SECONDS = 120  # a run that hangs is ended
OPTIONS = ["--to", "jsonl", "--shard-size", "4"]
SHARDS = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a pipeline that has a tiny BERT, notes, and what an undisturbed run makes of them."""
    folder = tmp_path_factory.mktemp("stop")
    (folder / "encoder").mkdir()
    build_bert(LINES, folder / "encoder")
    build(folder / "encoder").to_disk(folder / "model")
    write_files(folder / "in", {f"n{i:03}.txt": f"{LINES[i % 4]}\n" * (1 + i % 20) for i in range(4 * SHARDS)})
    assert annotate(folder / "model", folder / "in", folder / "whole", *OPTIONS).code == 0
    return folder


@contextmanager
def running(place: Path, output: Path, *options: str) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "scripts.annotate", place / "model", place / "in", output, *OPTIONS, *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with_group(process, signal.SIGKILL)


def with_group(process: subprocess.Popen, number: int) -> bool:
    """Send a signal to the process and its children; whether there was one."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def with_parent(process: subprocess.Popen, number: int) -> bool:
    process.send_signal(number)
    return True


def lines_of(output: Path) -> int:
    manifest = output / "manifest.jsonl"
    return len(manifest.read_bytes().splitlines()) if manifest.exists() else 0


@pytest.mark.parametrize(
    ("number", "send", "n_process"),
    [
        (signal.SIGINT, with_group, "2"),
        (signal.SIGINT, with_parent, "2"),
        (signal.SIGTERM, with_parent, "2"),
        (signal.SIGINT, with_group, "1"),
    ],
)
def test_a_signal_ends_it_with_one_sentence_and_the_same_command_goes_on(
    number: signal.Signals, send: Callable[[subprocess.Popen, int], bool], n_process: str, place: Path, tmp_path: Path
):
    output, chance = tmp_path / "out", random.Random(f"{number} {send.__name__} {n_process}")
    shards = chance.randrange(2, SHARDS // 2)
    with running(place, output, "--n-process", n_process) as process:
        while lines_of(output) < 1 + shards and process.poll() is None:
            time.sleep(0.001)
        send(process, number)
        printed, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 128 + number, printed
        assert not with_group(process, signal.SIGKILL)  # no child is left
    done = Done(process.returncode, printed)
    assert f"Stopped by {number.name}: " in done.sentence and "the same command goes on." in done.sentence
    assert "Traceback" not in printed and "ignored" not in printed and printed.count("✘") == 1
    assert 1 + shards <= lines_of(output) <= SHARDS
    told = next(int(word) for word in done.sentence.split() if word.isdigit())
    assert 4 * (lines_of(output) - 1) - told in (0, 4)  # the last line may have been under way
    assert not list(output.rglob(".*.part"))
    assert annotate(place / "model", place / "in", output, *OPTIONS).code == 0
    assert contents(output) == contents(place / "whole")


def test_while_it_loads_a_signal_ends_it_with_one_sentence(place: Path, tmp_path: Path):
    with running(place, tmp_path / "out") as process:
        maps = Path(f"/proc/{process.pid}/maps")
        while maps.exists() and process.poll() is None and "torch" not in maps.read_text():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 130 and "Traceback" not in printed
    assert "Stopped by SIGINT: nothing is left half-written" in Done(130, printed).sentence
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
