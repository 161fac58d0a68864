"""A real ext4 file system in a file, and what of it is on the disk at some moment: what a power cut would leave.

The file is the disk of a loop device. What ext4 has not submitted to it yet is not in the file, as it would not be on a
disk: a copy of the file, taken while nothing is being written, is what a cut at that moment leaves. Only the order in
which a disk's own cache is written cannot be tried so; that one ext4 flushes by itself.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 16 * 2**20
MEMORY = Path("/dev/shm")  # where copies are fast
NO_COMMIT = 600  # seconds between two commits of ext4's own: only what is asked for is written


@contextmanager
def made_image() -> Iterator[Path]:
    """A file with an empty ext4 file system, for which the test is skipped where it cannot be mounted."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a file system in a file")
    if not shutil.which("mkfs.ext4") or not shutil.which("mount"):
        pytest.skip("mkfs.ext4 or mount is missing")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        image = Path(folder, "disk.img")
        with image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        try:
            with mounted(image):
                pass
        except subprocess.CalledProcessError as error:
            pytest.skip(f"file systems in files cannot be mounted here: {error.stderr.strip()}")
        yield image


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """The folder in which the file system of an image is mounted; after a cut its journal is replayed first."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "ext4", "-o", f"loop,commit={NO_COMMIT}", image, folder]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        folder.rmdir()


def copy_image(image: Path, target: Path) -> None:
    """Copy what is on the disk now, once nothing is being written any more."""
    data = image.read_bytes()
    while (later := image.read_bytes()) != data:
        data = later
    target.write_bytes(data)


class Cuts:
    """Copies of a disk at moments of chance while something writes to it: before and behind each `fsync` and renaming.

    At these moments the system may have written any of the files, too, as it does when it likes.

    image (Path): The disk; the copies lie beside it.
    folder (Path): Where it is mounted.
    share (float): Of the moments at which it is copied.
    seed (int): Of the chance.
    syncs (bool): Whether `fsync` has an effect.
    """

    def __init__(self, image: Path, folder: Path, share: float, seed: int, syncs: bool = True) -> None:
        self._image, self._folder, self._share, self._syncs = image, folder, share, syncs
        self._chance, self._fsync = random.Random(seed), os.fsync
        self.moments = 0
        self.copies: list[Path] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        rename = Path.rename

        def recorded(handle: int) -> None:
            self._moment()
            if self._syncs:
                self._fsync(handle)
            self._moment()

        def counted(path: Path, target: Path) -> Path:
            self._moment()
            result = rename(path, target)
            self._moment()
            return result

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", recorded)
            patch.setattr(Path, "rename", counted)
            yield

    def _moment(self) -> None:
        self.moments += 1
        if self._chance.random() >= self._share:
            return
        if self._chance.random() < 0.5:
            self._write_some()
        self.copies.append(self._image.with_name(f"cut{self.moments}.img"))
        copy_image(self._image, self.copies[-1])

    def _write_some(self) -> None:
        """Write some files to the disk, as the system may at any moment, and with them the names that there are."""
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and self._chance.random() < 0.3:
                handle = os.open(path, os.O_RDONLY)
                self._fsync(handle)
                os.close(handle)


def cut(run: Callable[[Path], None], share: float, seed: int, syncs: bool = True) -> Iterator[Path]:
    """Where the disk is mounted again, once for each moment of chance at which the power was cut.

    run (Callable[[Path], None]): Writes to the folder in which the disk is mounted.
    share, seed, syncs: As `Cuts` has them.
    """
    with made_image() as image:
        with mounted(image) as folder:
            cuts = Cuts(image, folder, share, seed, syncs)
            with cuts.watching():
                run(folder)
        assert cuts.copies
        for copy in cuts.copies:
            with mounted(copy) as folder:
                yield folder
            copy.unlink()
