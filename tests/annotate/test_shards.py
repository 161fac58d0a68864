"""Shards and their manifest: whatever moment a run is killed at, each note and each failure is there once."""

import os
from pathlib import Path

import pytest
import srsly

from scripts.annotate.shards import Manifest, Totals, check_output, open_manifest
from scripts.cli import InputError
from scripts.corpus.texts import Failure

SETTINGS = {"input": "/notes", "input_sha256": "1", "to": "lines"}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class LineWriter:
    suffix = ".jsonl"

    def __init__(self, number: int, dies: bool = False) -> None:
        self.number, self.dies = number, dies

    def save(self, path: Path) -> None:
        path.write_text(f"{self.number}\n", encoding="utf8")
        if self.dies:
            raise Killed


class FolderWriter(LineWriter):
    suffix = ""

    def save(self, path: Path) -> None:
        super().save(path / f"{self.number}.txt")


def run(folder: Path, shards: int, dies_at: str = "", writer: type[LineWriter] = LineWriter) -> None:
    """Do what is left of a number of shards, dying in the second one."""
    with open_manifest(folder, SETTINGS) as manifest:
        while manifest.shards < shards:
            number = manifest.shards + 1
            dies = dies_at if number == 2 else ""
            if dies == "manifest":
                setattr(manifest, "_append", die)  # noqa: B010  (a method is no variable to pyright)
            failures = [Failure(str(number), "f", 1, "broken")]
            manifest.commit(
                writer(number, dies == "shard"), failures, Totals(2, 1, 1, 3, 2, 1, 1, 9), ["a", str(number)]
            )
        manifest.finish()


def die(*_) -> None:
    raise Killed


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("writer", [LineWriter, FolderWriter])
@pytest.mark.parametrize("dies_at", ["shard", "manifest"])
def test_a_run_killed_within_a_shard_ends_as_an_undisturbed_one(dies_at, writer, tmp_path):
    run(tmp_path / "whole", 3, "", writer)
    with pytest.raises(Killed):
        run(tmp_path / "out", 3, dies_at, writer)
    with open_manifest(tmp_path / "out", SETTINGS) as manifest:
        assert (manifest.shards, manifest.totals, manifest.finished) == (1, Totals(2, 1, 1, 3, 2, 1, 1, 9), False)
        assert manifest.reasons() == {"broken": 1}
    run(tmp_path / "out", 3, "", writer)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    with open_manifest(tmp_path / "out", SETTINGS) as manifest:
        assert (manifest.shards, manifest.totals, manifest.finished) == (3, Totals(6, 3, 3, 9, 6, 3, 3, 27), True)


def test_a_manifest_cut_at_any_byte_ends_as_an_undisturbed_one(tmp_path):
    run(tmp_path / "whole", 2)
    expected, settings_end = contents(tmp_path / "whole"), len(srsly.json_dumps(SETTINGS)) + 1
    manifest = expected["manifest.jsonl"]
    for length in range(settings_end, len(manifest)):
        (tmp_path / "whole" / "manifest.jsonl").write_bytes(manifest[:length])
        run(tmp_path / "whole", 2)
        assert contents(tmp_path / "whole") == expected


def test_other_settings_are_refused_and_named(tmp_path):
    run(tmp_path / "out", 1)
    for other in ({"to": "brat"}, {"input_sha256": "2"}, {"new": 1}):
        with (
            pytest.raises(InputError, match=f"other settings \\({next(iter(other))}\\)"),
            open_manifest(tmp_path / "out", {**SETTINGS, **other}),
        ):
            pass
    with open_manifest(tmp_path / "out", {**SETTINGS, "input": "/moved/notes"}) as manifest:
        assert manifest.finished


@pytest.mark.parametrize("data", [b"", b"nonsense\n", b"[1]\n", b"\xff\n", b'{"input": 1'])
def test_a_damaged_manifest_is_reported(data, tmp_path):
    run(tmp_path, 1)
    (tmp_path / "manifest.jsonl").write_bytes(data)
    with pytest.raises(InputError, match=r"manifest\.jsonl is damaged"), open_manifest(tmp_path, SETTINGS):
        pass


def test_a_shard_that_was_removed_is_reported(tmp_path):
    run(tmp_path, 2)
    (tmp_path / "shards" / "00002.jsonl").unlink()
    with pytest.raises(InputError, match=r"00002\.jsonl is gone"), open_manifest(tmp_path, SETTINGS):
        pass


def test_failures_that_were_removed_are_reported(tmp_path):
    run(tmp_path, 2)
    (tmp_path / "errors.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match=r"errors\.jsonl is shorter"), open_manifest(tmp_path, SETTINGS):
        pass


def test_a_line_of_the_manifest_without_its_counts_is_reported(tmp_path):
    run(tmp_path, 1)
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write('{"shard": "00001.jsonl", "notes": 1}\n')
    with pytest.raises(InputError, match=r"manifest\.jsonl is damaged"), open_manifest(tmp_path, SETTINGS):
        pass


def test_two_runs_do_not_write_to_one_output(tmp_path):
    pid = os.fork()  # locks are between processes
    if not pid:
        with open_manifest(tmp_path, SETTINGS):
            (tmp_path / "ready").touch()
            while not (tmp_path / "done").exists():
                pass
        os._exit(0)
    while not (tmp_path / "ready").exists():
        pass
    try:
        with pytest.raises(InputError, match="being written to by another run"), open_manifest(tmp_path, SETTINGS):
            pass
    finally:
        (tmp_path / "done").touch()
        os.waitpid(pid, 0)
    with open_manifest(tmp_path, SETTINGS):
        pass


def test_an_output_that_is_something_else_is_refused(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (tmp_path / "file").touch()
    for output, reported in ((tmp_path, "holds something else"), (tmp_path / "file", "is a file"), (source, "lies in"),
                         (source / "sub" / "out", "lies in")):  # fmt: skip
        with pytest.raises(InputError, match=reported):
            check_output(output, source)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".lock").touch()
    (tmp_path / "new" / ".manifest.jsonl.part").touch()
    check_output(tmp_path / "new", source)
    with open_manifest(tmp_path / "new", SETTINGS):
        check_output(tmp_path / "new", source)


def test_nothing_is_added_to_a_manifest_that_is_only_opened(tmp_path):
    run(tmp_path, 2)
    before = contents(tmp_path)
    with open_manifest(tmp_path, SETTINGS) as manifest:
        assert isinstance(manifest, Manifest)
    assert contents(tmp_path) == before
