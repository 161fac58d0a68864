"""A disk that keeps only what was synced: what of a folder is left when the power is cut at some moment."""

import os
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PowerCut(BaseException):
    """Nothing of ours catches it."""


class Disk:
    """What `fsync` has brought to the disk below a folder, by inode: contents of files, names in folders.

    A file that was never synced has its size but zeros, as ext4 leaves it after a crash, or nothing; a name that was
    never synced is not there. By chance some of what was not synced is on the disk as well, as the system writes when
    it likes, in any order.

    folder (Path): The folder that is watched, which is on the disk with what is in it at the start.
    cut_at (int): The number of the step, from 1, before which the power is cut; 0 for never.
    """

    def __init__(self, folder: Path, cut_at: int = 0) -> None:
        self.folder, self.cut_at, self.steps = folder, cut_at, 0
        self._files: dict[int, bytes] = {}
        self._folders: dict[int, dict[str, int]] = {}
        self._held: dict[int, int] = {}  # open, so that no other file gets the inode of one that was removed
        for path in (folder, *folder.rglob("*")):
            self._sync(path)

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise PowerCut

    def _sync(self, path: Path) -> None:
        inode = path.stat().st_ino
        if inode not in self._held:
            self._held[inode] = os.open(path, os.O_RDONLY)
        if path.is_dir():
            self._folders[inode] = names_in(path)
        else:
            self._files[inode] = path.read_bytes()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count and record each sync, and count each renaming; a cut comes before it."""
        fsync, rename = os.fsync, Path.rename

        def recorded(handle: int) -> None:
            self.step()
            fsync(handle)
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if path.is_relative_to(self.folder):
                self._sync(path)

        def counted(path: Path, target: Path) -> Path:
            self.step()
            return rename(path, target)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", recorded)
            patch.setattr(Path, "rename", counted)
            yield

    def __del__(self) -> None:
        for handle in self._held.values():
            os.close(handle)

    def restore(self, target: Path, seed: int) -> None:
        """Write what is left to a new folder.

        seed (int): Of the chance by which more is left than was synced; 0 for nothing more.
        """
        chance = random.Random(seed)
        now = {path.stat().st_ino: path for path in (self.folder, *self.folder.rglob("*"))}
        self._restore(self.folder.stat().st_ino, target, now, chance if seed else None)

    def _restore(self, inode: int, target: Path, now: dict[int, Path], chance: random.Random | None) -> None:
        path = now.get(inode)
        if inode in self._folders or (path is not None and path.is_dir()):
            target.mkdir()
            names = dict(self._folders.get(inode, {}))
            if chance and path is not None:
                later = names_in(path)
                names = {name: number for name, number in names.items() if name in later or chance.random() < 0.5}
                names |= {name: number for name, number in later.items() if chance.random() < 0.5}
            for name, number in names.items():
                self._restore(number, target / name, now, chance)
        else:
            target.write_bytes(self._left_of(inode, path, chance))

    def _left_of(self, inode: int, path: Path | None, chance: random.Random | None) -> bytes:
        synced = self._files.get(inode, b"")
        if chance is None or path is None:
            return synced
        size = path.stat().st_size
        return chance.choice([synced, synced + bytes(max(0, size - len(synced))), path.read_bytes()])


def names_in(folder: Path) -> dict[str, int]:
    """By name the inode of what is in a folder."""
    return {path.name: path.lstat().st_ino for path in folder.iterdir() if stat.S_IFMT(path.lstat().st_mode)}
