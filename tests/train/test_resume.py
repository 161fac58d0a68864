"""A training that is killed at any moment goes on when it is started again, and ends as one that nobody killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forks import Done, Forks
from tests.paths import ROOT
from tests.trainings import EPOCHS, contents, prepare

BATCHES = 8  # an epoch
COMMAND = ["config.cfg", "encoder", "corpus", "out", "--epochs", str(EPOCHS)]
# Kills itself before some operation of a kind on a path that holds some words, or after it; and writes down each update
# by its texts and Python's random numbers.
DRIVER = """
import os, random, signal, sys, zlib
from spacy.language import Language
from scripts import cli
from scripts.train.__main__ import main

number, kind, words, count, when = sys.argv[1:6]
sys.argv[1:] = sys.argv[6:]
left, updates = int(count), os.open("updates.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def watch(owner, name, describe):
    real = getattr(owner, name)
    def watched(*arguments, **settings):
        global left
        described = describe(*arguments, **settings)
        met = name == kind and words in described
        left -= met
        if met and not left and when == "before":
            os.kill(os.getpid(), int(number))
        done = real(*arguments, **settings)
        if met and not left:
            os.kill(os.getpid(), int(number))
        return done
    setattr(owner, name, watched)

def write_down(nlp, examples, **settings):
    what = "".join(example.text for example in examples) + repr(random.getstate())
    os.write(updates, f"{zlib.crc32(what.encode())}\\n".encode())
    return ""

watch(os, "fsync", lambda handle: os.readlink(f"/proc/self/fd/{handle}"))
for name in ("rename", "rmdir"):
    watch(os, name, lambda path, *others, **settings: os.path.abspath(path))
watch(Language, "update", write_down)
cli.run(main)
"""
TERM, KILL = 15, 9
# Each run is killed at one of these, and how many epochs were finished when it began.
RUNS = [
    (KILL, "update", "", 4, "before", 0),  # in the first epoch
    (TERM, "fsync", "checkpoint.safetensors", 1, "before", 0),  # the checkpoint is written, but maybe not on the disk
    (KILL, "rename", "checkpoint.safetensors", 1, "before", 0),
    (KILL, "rename", "checkpoint.safetensors", 1, "after", 0),
    (KILL, "fsync", ".best-8.part", 3, "before", 1),  # the best pipeline so far is written
    (TERM, "rename", ".best-8.part", 1, "after", 1),
    (TERM, "update", "", 5, "after", 1),
    (KILL, "rmdir", "/best-0", 1, "before", 1),  # the second checkpoint is there, the former best pipeline goes
    (KILL, "update", "", 1, "before", 2),
    (KILL, "fsync", "/.cfg.part", 1, "before", 2),  # all epochs are finished, and confidences are calibrated
    (TERM, "rename", "model-last/.meta.json.part", 1, "after", EPOCHS),
    (KILL, "rename", "/out", 1, "after", EPOCHS),  # the former output is put aside
    (KILL, "rename", "/.out.part", 1, "after", EPOCHS),  # the output is there
]
NEVER = (KILL, "", "", 0, "", EPOCHS)


@pytest.fixture(scope="module")
def python() -> Iterator[Forks]:
    forks = Forks(ROOT)
    yield forks
    forks.close()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("ward"))


def place(folder: Path, ward: Path) -> Path:
    """A folder with a corpus, an encoder and a config, and a former output."""
    for name in ("config.cfg", "corpus", "encoder"):
        (folder / name).symlink_to(ward / name)
    (folder / "out").mkdir()
    (folder / "out/former").write_text("former", encoding="utf8")
    (folder / "use.py").write_text(DRIVER, encoding="utf8")
    return folder


def train(python: Forks, folder: Path, moment: tuple) -> tuple[Done, list[str]]:
    """A run, and its updates."""
    (folder / "updates.txt").unlink(missing_ok=True)
    done = python.run(folder, "use.py", *map(str, moment[:5]), *COMMAND)
    return done, (folder / "updates.txt").read_text(encoding="utf8").split()


def test_kills_in_one_training_change_nothing_and_no_finished_epoch_is_done_twice(python, ward, tmp_path):
    (tmp_path / "whole").mkdir()
    done, updates = train(python, place(tmp_path / "whole", ward), NEVER)
    assert done.code == 0 and len(updates) == EPOCHS * BATCHES + 1, done.errors
    expected = contents(tmp_path / "whole/out")
    assert "former" not in expected and len(set(updates)) == len(updates)
    (tmp_path / "killed").mkdir()
    folder = place(tmp_path / "killed", ward)
    for moment in (*RUNS, NEVER):
        done, begun = train(python, folder, moment)
        code = 0 if moment is NEVER else {KILL: -KILL, TERM: 128 + TERM}[moment[0]]
        assert done.code == code, (moment, done)
        finished = moment[-1]
        words = f"Going on after {finished} finished epoch{'s' * (finished > 1)}"
        assert ("Going on after" in done.output) == bool(finished) and (not finished or words in done.output), moment
        assert begun == updates[finished * BATCHES :][: len(begun)], moment
        if moment is not NEVER and "/.out.part" not in moment and "/out" not in moment:
            assert (folder / "out/former").exists(), moment
    assert contents(folder / "out") == expected
    assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "whole").iterdir()}
