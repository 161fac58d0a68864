"""Files and folders that are there whole or not at all, written under another name and renamed at the end; locks."""

import hashlib
import json
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
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if path.exists():
            shutil.rmtree(path)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the path of a file that replaces `path` when the block ends, and goes if it fails.

    path (Path): The file to make; its folder is made as well.
    YIELDS (Path): Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


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
