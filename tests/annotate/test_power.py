"""A power cut at any moment loses no note and doubles none, in any format."""

import json
import shutil
from pathlib import Path

import pytest

from scripts.annotate.__main__ import FORMATS, main
from tests.annotate.test_main import annotate, contents, model, write_notes  # noqa: F401  (model is a fixture)
from tests.commands import run
from tests.power import Disk, PowerCut

NOTES = 5
SIZE = ["--shard-size", "2"]


def results(folder: Path) -> dict[str, bytes]:
    """What a run has written, without the manifest, in which a shard that was done again has two lines."""
    return {name: data for name, data in contents(folder).items() if name not in ("manifest.jsonl", ".lock")}


@pytest.mark.parametrize("to", FORMATS)
def test_a_power_cut_at_any_step_loses_nothing(to, model, tmp_path):  # noqa: F811
    source = write_notes(tmp_path / "in", NOTES)
    (source / "broken.txt").write_bytes(b"\xff")
    whole = tmp_path / "whole"
    assert annotate(model, source, whole, "--to", to, *SIZE).code == 0
    expected = results(whole)
    cut_at, lost = 0, 0
    while True:
        cut_at += 1
        disk = cut_a_run(tmp_path / "disk", cut_at, model, source, to)
        if disk is None:
            break
        for seed in (0, cut_at):
            left = tmp_path / "left"
            shutil.rmtree(left, ignore_errors=True)
            disk.restore(left, seed)
            done = annotate(model, source, left / "out", "--to", to, *SIZE)
            assert done.code == 0, (cut_at, seed, done.output)
            assert results(left / "out") == expected, (cut_at, seed)
            lost += "Not as they were written" in done.output
            assert run(main, "--verify", left / "out").code == 0
    assert cut_at > 20
    assert lost == 0  # what the manifest lists was on the disk before it


def cut_a_run(folder: Path, cut_at: int, model: Path, source: Path, to: str) -> Disk | None:  # noqa: F811
    """The disk after a cut at a step; None if the run ended before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    disk = Disk(folder, cut_at)
    with disk.watching():
        try:
            annotate(model, source, folder / "out", "--to", to, *SIZE)
        except PowerCut:
            return disk
    return None


def test_what_is_not_synced_is_lost_on_this_disk(tmp_path):
    """So that the test above can fail."""
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder)
    (folder / "a.json").write_text(json.dumps({}), encoding="utf8")
    disk.restore(tmp_path / "left", 0)
    assert list((tmp_path / "left").iterdir()) == []
