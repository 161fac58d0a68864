"""Power cuts on a real file system: after each one the same command does the rest, in any format."""

from pathlib import Path

import pytest

from scripts.annotate.__main__ import FORMATS, main
from tests.annotate.test_main import annotate, model, write_notes  # noqa: F401  (model is a fixture)
from tests.annotate.test_power import NOTES, SIZE, results
from tests.commands import run
from tests.ext4 import cut
from tests.helpers import write_files

SHARE = 0.35  # of the moments at which the power might be cut


def write_source(folder: Path) -> Path:
    """Notes, of which one fails in nearly every shard."""
    return write_files(write_notes(folder, NOTES), {f"ward{i}/broken.txt": b"\xff" for i in range(3)})


def go_on(model: Path, source: Path, to: str, whole: Path, syncs: bool = True) -> list[str]:  # noqa: F811
    """What the same command has printed after each cut; its results are those of an undisturbed run."""
    assert annotate(model, source, whole, "--to", to, *SIZE).code == 0

    def begin(folder: Path) -> None:
        assert annotate(model, source, folder / "out", "--to", to, *SIZE).code == 0

    printed = []
    for folder in cut(begin, SHARE, FORMATS.index(to), syncs):
        done = annotate(model, source, folder / "out", "--to", to, *SIZE)
        printed.append(done.output)
        if done.code == 0:
            assert results(folder / "out") == results(whole)
            assert run(main, "--verify", folder / "out").code == 0
        else:
            assert not syncs, done.output
    return printed


@pytest.mark.parametrize("to", FORMATS)
def test_after_a_power_cut_on_ext4_nothing_is_lost(to, model, tmp_path):  # noqa: F811
    source = write_source(tmp_path / "in")
    printed = go_on(model, source, to, tmp_path / "whole")
    assert len(printed) >= 5
    assert not any("Not as they were written" in output for output in printed)
    assert not all("Nothing is left to do" in output for output in printed)


def test_without_syncs_shards_are_lost_on_ext4(model, tmp_path):  # noqa: F811
    """So that the tests above can fail."""
    source = write_source(tmp_path / "in")
    printed = go_on(model, source, "jsonl", tmp_path / "whole", syncs=False)
    assert any("Not as they were written" in output or "is damaged" in output for output in printed)
