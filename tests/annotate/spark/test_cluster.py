"""A real cluster: what workers and drivers that end by force leave, and what becomes of their notes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.spark.test_main import NOTE, lines, on_one_machine, plain
from tests.paths import ROOT
from tests.spark import PACKAGE, Cluster, cluster, read_output, wait_for


@pytest.fixture
def spark(tmp_path: Path, site: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "cluster", site) as running:
        yield running


def start(spark: Cluster, source: Path, output: Path, *options: str) -> subprocess.Popen:
    """The command in a process of its own, which alone has our modules on its path."""
    command = [sys.executable, "-m", "scripts.annotate", PACKAGE, source, output, "--to", "parquet", "--max-chars",
               "2000", "--engine", "spark", "--master", spark.url, *options]  # fmt: skip
    env = spark.env | {"PYTHONPATH": os.pathsep.join((spark.env["PYTHONPATH"], str(ROOT))), "COLUMNS": "1000"}
    with output.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, env=env, cwd=output.parent, stdout=log, stderr=log, start_new_session=True)


def finish(process: subprocess.Popen, output: Path) -> str:
    assert process.wait() == 0, output.with_suffix(".log").read_text()
    return output.with_suffix(".log").read_text()


def write_source(path: Path, count: int, *acting: str) -> list[dict[str, Any]]:
    """Notes, bad ones among them, and some that act; what one machine makes of them."""
    extra = [json.dumps({"id": text, "text": f"{text} pain ."}).encode() for text in acting]
    path.write_bytes(lines(count) + b"\n".join(extra))
    return on_one_machine(path, path.with_suffix(".here"))


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_workers_that_end(spark, tmp_path):
    """One task's process is ended twice, then one of two workers with all its processes: each note is there once, as on
    one machine, in processes that find no module of ours."""
    output = tmp_path / "out"
    expected = write_source(tmp_path / "notes.jsonl", 2000, "scripts here", "gate", "twice")
    process = start(spark, tmp_path / "notes.jsonl", output)
    wait_for(lambda: list(spark.gate.glob("reached-*")) or process.poll() is not None)
    (reached,) = spark.gate.glob("reached-*")
    executor = parent_of(parent_of(int(reached.name.partition("-")[2])))
    worker = parent_of(executor)
    for ended in (worker, executor):
        os.kill(ended, signal.SIGKILL)
    (spark.gate / "open").touch()
    said = finish(process, output)
    assert len(list(spark.gate.glob("ended-*"))) == 2
    assert "Annotated 2,003 of 2,014 notes" in said
    assert plain(read_output(output)) == expected


def test_a_driver_that_ends(spark, tmp_path):
    """What its tasks have written is kept, and the same command with --resume does the rest, once."""
    output = tmp_path / "out"
    expected = write_source(tmp_path / "notes.jsonl", 200, "gate")
    process = start(spark, tmp_path / "notes.jsonl", output)
    wait_for(lambda: (len(list(output.glob("part-*"))) > 3 and list(spark.gate.glob("reached-*"))) or process.poll())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = read_output(output)
    assert 0 < len([row for row in before if row["counts"]]) < 200
    assert not (output / "_SUCCESS").exists()
    (spark.gate / "open").touch()
    said = finish(start(spark, tmp_path / "notes.jsonl", output, "--resume"), output)
    assert "Annotated 201 of 212 notes" in said
    assert plain(read_output(output)) == expected
    assert (output / "_SUCCESS").exists()


def test_a_worker_without_the_package(tmp_path, site):
    """One sentence says what is missing where."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.jsonl").write_bytes(lines(4))
    with cluster(tmp_path / "cluster", tmp_path / "empty", workers=1) as bare:
        once = "--conf spark.ui.enabled=false --conf spark.task.maxFailures=1 pyspark-shell"
        bare = bare._replace(env=bare.env | {"PYTHONPATH": str(site), "PYSPARK_SUBMIT_ARGS": once})
        assert start(bare, tmp_path / "notes.jsonl", tmp_path / "out").wait() == 1
    said = (tmp_path / "out.log").read_text()
    assert f": {PACKAGE} is not installed" in said.rpartition("✘")[2]
    assert NOTE[:10] not in said
