"""The checkpoint: whole or as it was before, and of one training only."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scripts.cli import InputError
from scripts.train.checkpoint import FILE, bind, end_training, read_record, read_tensors, work_folder, write_checkpoint
from tests.power import Disk, PowerCut

SETTINGS = {"system.seed": 42, "training.dropout": 0.2, "train.spacy": "abc"}
TENSORS = [{"a": torch.full((1000,), float(number)), "b": torch.tensor(number)} for number in range(2)]


def write(work: Path, number: int) -> None:
    write_checkpoint(work, TENSORS[number], {**bind(work, SETTINGS, "one machine"), "number": number})


@pytest.fixture
def work(tmp_path):
    write(tmp_path, 0)
    return tmp_path


def test_what_was_written_is_read(work):
    record = read_record(work)
    assert record and record["number"] == 0 and record["settings"] == SETTINGS
    assert {name: values.tolist() for name, values in read_tensors(work).items()} == {"a": [0.0] * 1000, "b": 0}


@pytest.mark.parametrize("change", [{"system.seed": 1}, {"train.spacy": "b", "training.dropout": 0.1}, {"z": 1}])
def test_another_training_is_refused_and_nothing_is_lost(change, work):
    before = (work / FILE).read_bytes()
    with pytest.raises(InputError, match=f"another {', '.join(sorted(change))}: repeat its command .* start again"):
        bind(work, SETTINGS | change, "one machine")
    with pytest.raises(InputError, match=r"another system\.seed, train\.spacy, training\.dropout: repeat"):
        bind(work, {}, "one machine")
    assert (work / FILE).read_bytes() == before


def test_of_many_settings_some_are_named(work):
    with pytest.raises(InputError, match="another 1, 2, 3, 4, 5 and 4 more: repeat"):
        bind(work, {**SETTINGS, **{str(number): number for number in range(1, 10)}}, "one machine")


def test_another_machine_is_told_and_may_go_on(work, capsys):
    assert bind(work, SETTINGS, "another machine")["number"] == 0
    assert "begun on one machine: on another machine the last digits" in " ".join(capsys.readouterr().out.split())


def test_without_a_finished_epoch_the_folder_serves_another_training(tmp_path):
    (tmp_path / "best-0").mkdir()
    assert bind(tmp_path, {"a": 1}, "a machine") == {"settings": {"a": 1}, "machine": "a machine"}


def test_a_damaged_checkpoint_is_told(work):
    whole = (work / FILE).read_bytes()
    for damaged in (whole[:100], whole[:-1], b"\0" * len(whole)):
        (work / FILE).write_bytes(damaged)
        with pytest.raises(InputError, match="holds a damaged checkpoint: remove it to start again"):
            bind(work, SETTINGS, "one machine")


def test_a_power_cut_leaves_the_former_checkpoint_or_the_new_one(tmp_path):
    found = set()
    for cut_at in range(1, 5):
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        write(folder, 0)
        disk = Disk(folder, cut_at)
        with disk.watching():
            try:
                write(folder, 1)
            except PowerCut:
                assert cut_at < 4
        for seed in range(5):
            left = tmp_path / "left"
            shutil.rmtree(left, ignore_errors=True)
            disk.restore(left, seed)
            number = bind(left, SETTINGS, "one machine")["number"]
            assert read_tensors(left)["a"].tolist() == TENSORS[number]["a"].tolist()
            found.add((cut_at, number))
    assert {(1, 0), (2, 0), (3, 0), (3, 1), (4, 1)} >= found >= {(1, 0), (2, 0), (4, 1)}


def test_a_work_folder_without_a_checkpoint_goes(tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KeyError), work_folder(output) as work:
        assert work == tmp_path / "out-work" and work.is_dir()
        raise KeyError
    assert not work.exists()
    with pytest.raises(KeyError), work_folder(output) as work:
        write(work, 0)
        raise KeyError
    assert read_record(work)
    with work_folder(output) as work:
        end_training(work)
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_train_into_one_output(tmp_path):
    (tmp_path / "out-work").mkdir()
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX);"
        " print('held', flush=True); sys.stdin.read()"
    )
    command, pipe = [sys.executable, "-c", hold, str(tmp_path / "out-work/.lock")], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="being written to by another run"), work_folder(tmp_path / "out"):
            pass
        holder.kill()
    assert (tmp_path / "out-work").exists()
