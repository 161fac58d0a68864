"""Shards and their manifest: whatever moment a run is killed at, each note and each failure is there once."""

import os
from pathlib import Path

import pytest

from scripts.annotate import shards
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
        if manifest.finished:
            return
        for place in [*manifest.damaged, *range(manifest.shards, shards)]:
            number = place + 1
            dies = dies_at if number == 2 else ""
            if dies == "manifest":
                setattr(manifest, "_append", die)  # noqa: B010  (a method is no variable to pyright)
            failures = [Failure(str(number), "f", 1, "broken")]
            again = place if place < manifest.shards else None
            manifest.commit(
                writer(number, dies == "shard"), failures, Totals(2, 1, 1, 3, 2, 1, 1, 9), ["a", str(number)], again
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
    expected = contents(tmp_path / "whole")
    manifest = expected["manifest.jsonl"]
    settings_end = manifest.index(b"\n") + 1
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


@pytest.mark.parametrize("data", [b"nonsense\n", b"[1]\n", b"\xff\n", b'{"input": 1'])
def test_a_manifest_that_is_none_is_reported(data, tmp_path):
    run(tmp_path, 1)
    (tmp_path / "manifest.jsonl").write_bytes(data)
    with pytest.raises(InputError, match=r"manifest\.jsonl is damaged"), open_manifest(tmp_path, SETTINGS):
        pass


@pytest.mark.parametrize("data", [b"", b"\0" * 500])
def test_a_manifest_of_nothing_begins_anew(data, tmp_path):
    run(tmp_path / "whole", 2)
    run(tmp_path / "out", 2)
    (tmp_path / "out" / "manifest.jsonl").write_bytes(data)
    run(tmp_path / "out", 2)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "zeros": lambda path: path.write_bytes(bytes(len(path.read_bytes()))),
}


@pytest.mark.parametrize("writer", [LineWriter, FolderWriter])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_shard_is_done_again_alone(number, damage, writer, tmp_path):
    run(tmp_path / "whole", 3, "", writer)
    run(tmp_path / "out", 3, "", writer)
    name = f"{number:05}.jsonl" if writer is LineWriter else f"{number:05}/{number}.txt"
    DAMAGES[damage](tmp_path / "out" / "shards" / name)
    with open_manifest(tmp_path / "out", SETTINGS) as manifest:
        assert (manifest.damaged, manifest.dropped, manifest.finished) == ([number - 1], 0, False)
    run(tmp_path / "out", 3, "", writer)
    whole, out = contents(tmp_path / "whole"), contents(tmp_path / "out")
    assert out.pop("manifest.jsonl").startswith(whole.pop("manifest.jsonl")) and out == whole
    with open_manifest(tmp_path / "out", SETTINGS) as manifest:
        assert (manifest.shards, manifest.totals, manifest.finished) == (3, Totals(6, 3, 3, 9, 6, 3, 3, 27), True)
        assert manifest.reasons() == {"broken": 3}


def test_a_shard_that_is_read_only_when_all_are_is_found_by_that(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "LAST", 1)
    monkeypatch.setattr(shards, "SPREAD", 1)
    run(tmp_path, 4)
    DAMAGES["zeros"](tmp_path / "shards" / "00002.jsonl")
    with open_manifest(tmp_path, SETTINGS) as manifest:
        assert manifest.damaged == [] and manifest.finished
    with open_manifest(tmp_path, SETTINGS, verify=True) as manifest:
        assert manifest.damaged == [1] and not manifest.finished


def test_failures_that_were_changed_are_found_again(tmp_path):
    for damage in DAMAGES.values():
        run(tmp_path / "whole", 2)
        run(tmp_path / "out", 2)
        damage(tmp_path / "out" / "errors.jsonl")
        run(tmp_path / "out", 2)
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_one_changed_byte_of_the_manifest_is_seen_wherever_it_is(tmp_path):
    run(tmp_path / "whole", 2)
    run(tmp_path / "out", 2)
    whole, path = contents(tmp_path / "whole"), tmp_path / "out" / "manifest.jsonl"
    refused = 0
    for place in range(len(whole["manifest.jsonl"])):
        for bit in (0, 3, 6):
            data = bytearray(whole["manifest.jsonl"])
            data[place] ^= 1 << bit
            path.write_bytes(bytes(data))
            try:
                run(tmp_path / "out", 2)
            except InputError:  # the first line, which says what the run is
                refused += 1
                assert place < whole["manifest.jsonl"].index(b"\n") + 1
                continue
            assert contents(tmp_path / "out") == whole, place
    assert refused


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
