"""The work folder: only whole checkpoints count, and only those of the same training."""

import json
import time
from types import SimpleNamespace

import pytest

from scripts.cli import InputError
from scripts.pretrain import checkpoints
from scripts.pretrain.checkpoints import Keeper, bind, last_checkpoint, seconds_of, step_of

SETTINGS = {"seed": 0, "learning_rate": 5e-5 * (768 / 312) ** 2, "text": "abc"}


@pytest.fixture
def work(tmp_path):
    """A work folder with three checkpoints, the last of them half-written."""
    bind(tmp_path / "work", SETTINGS)
    for number in (9, 10, 11):
        (tmp_path / "work" / f"checkpoint-{number}").mkdir()
        if number < 11:
            (tmp_path / "work" / f"checkpoint-{number}" / "complete.json").write_text(f'{{"seconds": {number}.5}}')
    return tmp_path / "work"


def test_a_checkpoint_that_is_half_written_is_removed(work):
    bind(work, SETTINGS)
    assert {path.name for path in work.iterdir()} == {"settings.json", "checkpoint-9", "checkpoint-10"}


def test_the_last_whole_checkpoint_is_the_one_of_the_highest_number(work, tmp_path):
    last = last_checkpoint(work)
    assert last and step_of(last) == 10 and seconds_of(last) == 10.5
    assert last_checkpoint(tmp_path / "none") is None


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 5e-5}, {"seed": 2, "text": "b"}, {"new": 1}])
def test_another_training_is_refused_and_nothing_is_lost(work, change):
    with pytest.raises(InputError, match=f"with another {', '.join(change)}: .* to start again"):
        bind(work, SETTINGS | change)
    assert json.loads((work / "settings.json").read_text()) == SETTINGS and last_checkpoint(work)


def test_without_a_checkpoint_the_folder_serves_another_training(tmp_path):
    for seed in (0, 1):
        bind(tmp_path / "work", SETTINGS | {"seed": seed})
    assert json.loads((tmp_path / "work" / "settings.json").read_text())["seed"] == 1


def test_a_checkpoint_is_wanted_every_five_minutes_and_marked_when_it_is_whole(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    keeper, control = Keeper(50.0), SimpleNamespace(should_save=None)
    args, state = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=3, max_steps=9)
    keeper.on_train_begin(args, state, control)
    wanted = []
    for now in (1299.0, 1300.0):  # noqa: B007 (read by the clock above)
        keeper.on_step_end(args, state, control)
        wanted.append(control.should_save)
    assert wanted == [False, True] and checkpoints.SAVE_SECONDS == 300
    keeper.on_save(args, state, control)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-3" and seconds_of(tmp_path / "checkpoint-3") == 350
    keeper.on_step_end(args, state, control)
    keeper.on_train_end(args, state, control)
    assert not control.should_save
