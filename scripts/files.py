"""Files and folders that are there whole or not at all, written under another name and renamed at the end; locks.

Whole means on the disk: a power cut leaves the former file or folder, or the new one, and no empty or torn one.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.cli import InputError

LOCK = ".lock"  # the file by which a folder is locked


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `path` when the block ends, and goes if it fails.

    path (Path): The folder to make.
    YIELDS (Path): Where to write.
    """
    part, former = (path.with_name(f".{path.name}.{kind}") for kind in ("part", "former"))
    make_folder(path.parent)
    if former.exists() and not path.exists():  # an end by force came between the two renames below
        former.rename(path)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        sync_tree(part)
        shutil.rmtree(former, ignore_errors=True)
        if path.exists():
            path.rename(former)
        part.rename(path)
        sync(path.parent)
    finally:
        for left in (part, former):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the path of a file that replaces `path` when the block ends, and goes if it fails.

    path (Path): The file to make; its folder is made as well.
    YIELDS (Path): Where to write.
    """
    make_folder(path.parent)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        sync(part)
        part.rename(path)
        sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are absent; their names are on the disk then."""
    for folder in reversed((path, *path.parents)):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until the disk has what a file holds, or the names in a folder, where the system can say so."""
    if os.name == "nt":  # has it neither for folders nor for files that are opened to read
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():  # as some shared folders answer
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has all files and names below a folder."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            sync(path)
    sync(folder)


def size_tree(path: Path) -> int:
    """The bytes of a file, or of all files below a folder."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def hash_tree(path: Path) -> tuple[int, str]:
    """The bytes of a file, or of all files below a folder, and the SHA-256 of them with their names."""
    digest, size = hashlib.sha256(), 0
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
            size += file.stat().st_size
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return size, digest.hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a part of a corpus.

    RAISES (InputError): It is not there.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: convert the corpus first.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path, step: str, *keys: str) -> dict[str, Any]:
    """What an earlier step wrote.

    keys (str): What it has to state at least.
    step (str): The step to do first, as the sentence names it.
    RAISES (InputError): It is not there, damaged, or of another kind.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: {step} first.")
    try:
        # srsly reads 0.0537124803 as 0.053712480300000004.
        value = json.loads(path.read_text(encoding="utf8"))
    except ValueError:
        value = None
    if not isinstance(value, dict) or not value.keys() >= set(keys):
        raise InputError(f"{path} is damaged or of another kind: {step} again.")
    return value


def file_locks() -> ModuleType:
    """RAISES (InputError): The system has none that we know."""
    try:
        import fcntl
    except ImportError:
        raise InputError("This needs Unix for its file locks: run it on Linux, on macOS or in WSL.") from None
    return fcntl


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder for one run at a time.

    RAISES (InputError): Another run has it.
    """
    # Not flock: processes forked for n_process would go on holding it when this one is killed.
    fcntl = file_locks()
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{folder} is being written to by another run: wait for it or end it.") from None
        yield
