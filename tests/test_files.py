"""Files and folders are there whole or not at all, and what an earlier step wrote is checked before it is used."""

import errno
import hashlib
import os
import stat
from contextlib import nullcontext

import pytest

from scripts.cli import InputError
from scripts.files import hash_file, read_json, whole_file, whole_folder


def test_a_file_replaces_the_former_one_when_it_is_complete(tmp_path):
    path = tmp_path / "new folder" / "a.txt"
    with whole_file(path) as part:
        part.write_text("one")
        assert not path.exists()
    with whole_file(path) as part:
        part.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two" and list(path.parent.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_former_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    with pytest.raises(ValueError, match="half-way"), whole_file(path) as part:
        part.write_text("tw")
        raise ValueError("half-way")
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_former_one_when_it_is_complete(tmp_path):
    path = tmp_path / "out"
    for name in ("one", "two"):
        with whole_folder(path) as part:
            (part / name).write_text(name)
    assert [inner.name for inner in path.iterdir()] == ["two"] and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_fails_leaves_the_former_one(tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    (path / "one").write_text("one")
    with pytest.raises(ValueError, match="half-way"), whole_folder(path) as part:
        (part / "two").write_text("two")
        raise ValueError("half-way")
    assert [inner.name for inner in path.iterdir()] == ["one"] and list(tmp_path.iterdir()) == [path]


def test_numbers_are_read_as_they_stand(tmp_path):
    (tmp_path / "a.json").write_text('{"f": 0.0537124803}')
    assert read_json(tmp_path / "a.json", "evaluate", "f") == {"f": 0.0537124803}


@pytest.mark.parametrize("content", ["{", "[]", '"a"', '{"p": 1}'])
def test_what_another_step_wrote_is_refused(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json is damaged or of another kind: evaluate the model again"):
        read_json(tmp_path / "a.json", "evaluate the model", "f")


def test_what_is_not_there_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"a\.json does not exist: evaluate the model first"):
        read_json(tmp_path / "a.json", "evaluate the model")
    with pytest.raises(InputError, match=r"train\.spacy does not exist: convert the corpus first"):
        hash_file(tmp_path / "train.spacy")


def test_a_hash_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"notes")
    assert hash_file(tmp_path / "a") == hashlib.sha256(b"notes").hexdigest()


@pytest.mark.parametrize(("number", "told"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_without_syncs_of_folders_will_do_and_a_broken_disk_is_told(number, told, tmp_path, monkeypatch):
    fsync = os.fsync

    def fails_at_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fails_at_folders)
    with pytest.raises(OSError, match="Input/output") if told else nullcontext(), whole_file(tmp_path / "a") as part:
        part.write_text("one")
    assert (tmp_path / "a").read_text() == "one"


def test_a_folder_whose_former_one_was_put_aside_when_the_power_went_is_there_again(tmp_path):
    path = tmp_path / "out"
    (tmp_path / ".out.former").mkdir()
    (tmp_path / ".out.former" / "one").touch()
    with pytest.raises(ValueError, match="half-way"), whole_folder(path):
        raise ValueError("half-way")
    assert [inner.name for inner in path.iterdir()] == ["one"] and list(tmp_path.iterdir()) == [path]
