"""Folders and archives: each file of them is opened one by one, or read in memory; nothing is unpacked to disk."""

import errno
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from scripts.cli import InputError, printable

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".zip")
# What the standard library raises where a packed file is damaged.
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError)

# Kinds of files that hold no notes in any format: of these only the beginning is read, by which they are known.
UNREAD = {
    *(".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".rtf", ".odt", ".7z", ".rar", ".iso", ".img"),
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".svg", ".dcm", ".nii", ".wav", ".mp3", ".mp4", ".mov"),
    *(".exe", ".dll", ".so", ".jar", ".class", ".pyc", ".db", ".sqlite", ".bin", ".pkl", ".npy", ".npz", ".h5", ".pt"),
}
BEGINNING = 512  # bytes
FREE = 2**26  # bytes that may be unpacked from whatever there is

LINK = "is a link in an archive: unpack it and give the folder."


class Limits(NamedTuple):
    """How much of archives may be in memory.

    unpacked (int): Bytes, of all that is read together where all is kept, as by `convert`.
    ratio (int): How many times its size in the archive a file may have.
    """

    unpacked: int = 4 * 2**30
    ratio: int = 200


LIMITS = Limits()


def limits_of(unpacked: int, ratio: int) -> Limits:
    """Limits by options.

    unpacked (int): In MiB.
    RAISES (InputError): They make no sense.
    """
    if min(unpacked, ratio) < 1:
        raise InputError("--max-unpacked and --max-ratio take numbers from 1.")
    return Limits(unpacked * 2**20, ratio)


class File(NamedTuple):
    """A file in memory.

    path (PurePosixPath): Where it lies below the source; an archive's name is one of the parts.
    data (bytes): Its content.
    """

    path: PurePosixPath
    data: bytes


class Opened(NamedTuple):
    """A file to be read before the next one is asked for.

    path (PurePosixPath): As in `File`.
    stream (IO[bytes]): Its content; reading it may raise one of DAMAGED.
    """

    path: PurePosixPath
    stream: IO[bytes]


class _Member(NamedTuple):
    """A file in an archive.

    content (IO[bytes] | str): Its content, or why it cannot be read.
    size, packed (int): Bytes of the content, and of what it is unpacked from; of a tar that is the whole archive.
    """

    path: PurePosixPath
    content: IO[bytes] | str
    size: int = 0
    packed: int = 0


class Fault(NamedTuple):
    """A file that cannot be opened, or an archive of which some or all files cannot.

    path (PurePosixPath): As in `File`.
    reason (str): Why, in words that go on after its name.
    """

    path: PurePosixPath
    reason: str


def read_files(source: Path, name: str = "", limits: Limits = LIMITS) -> Iterator[File]:
    """Read all files of a folder or an archive, archives inside them included.

    source (Path): A folder, an archive or a file.
    name (str): The name that the paths begin with; "" for none.
    limits (Limits): Of what is unpacked.
    YIELDS (File): Each file, in order of path: an archive and the folder that it was made of have the same order.
    RAISES (InputError): The source does not exist, or a file of it cannot be read, or not within the limits.
    """
    for found in open_files(source, name, in_memory=True, limits=limits):
        if isinstance(found, Fault):
            raise InputError(f"{found.path} {found.reason}")
        yield File(found.path, found.stream.read(BEGINNING if is_unread(found.path) else -1))


def open_files(
    source: Path, name: str = "", in_memory: bool = False, limits: Limits = LIMITS
) -> Iterator[Opened | Fault]:
    """Open all files of a folder or an archive one by one, archives inside them included, always in the same order.

    source (Path): A folder, an archive or a file.
    name (str): The name that the paths begin with; "" for none.
    in_memory (bool): Read each archive whole first. Then its files come in order of path, hard links have their
        content, and of a file that a tar holds twice the later one counts, as when it is unpacked. Otherwise archives
        may be of any size: their files come as stored, both of two with one name, and a link is a fault.
    limits (Limits): Of what is unpacked to memory: that is all, or else archives and tables inside archives.
    YIELDS (Opened | Fault): Each file that is not hidden, as macOS resource forks are, too. Where an archive is
        damaged, the files before the damage come first.
    RAISES (InputError): The source does not exist.
    """
    if not source.exists():
        raise InputError(f"{source} does not exist: give a file, a folder or an archive with notes.")
    if source.is_file():
        yield from _open_file(_printable(PurePosixPath(name or source.name)), source, _Memory(in_memory, limits))
        return
    memory = _Memory(in_memory, limits)
    for file in walk(source):
        path = _printable(PurePosixPath(name, file.relative_to(source).as_posix()))
        yield from _open_file(path, file, memory)


def walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files below a folder, in order. Unlike rglob it follows links, and raises where it may not read."""
    if folder.resolve() in above:
        return
    for path in sorted(folder.iterdir()):
        if _is_hidden(PurePosixPath(path.name)):
            continue
        if path.is_dir():
            yield from walk(path, (*above, folder.resolve()))
        else:
            yield path


def is_archive(path: PurePosixPath) -> bool:
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def is_unread(path: PurePosixPath) -> bool:
    return path.suffix.lower() in UNREAD


def archive_stem(name: str) -> str:
    """The name without the archive's suffix, e.g. "Task_1C" of "Task_1C.zip"."""
    return next((name[: -len(end)] for end in ARCHIVE_SUFFIXES if name.lower().endswith(end)), name)


def fault_reason(error: Exception) -> str:
    """What is wrong with a file, in words that go on after its name.

    error (Exception): One of DAMAGED, or what `zipfile` raises for an archive that it cannot read.
    """
    if isinstance(error, NotImplementedError):
        return "is packed in a way unknown here: unpack it and give the folder."
    if isinstance(error, RuntimeError):  # zipfile's error for an encrypted member
        return "needs a password: unpack it and give the folder."
    # A damaged archive may lead to a place that no file has.
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        return f"cannot be read: {error.strerror}."
    return "is damaged or cut short: download it again."


def decode(file: File, fallback: str = "") -> str:
    """The text of a file, character for character: no newline translation, no removal of a BOM.

    fallback (str): The encoding to take for a file that is not UTF-8; "" for none.
    RAISES (InputError): The file cannot be decoded, or has null bytes as UTF-16 does.
    """
    try:
        text = file.data.decode("utf8")
    except UnicodeDecodeError as error:
        if not fallback:
            line = file.data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{file.path}, line {line}: not UTF-8; convert the file to it.") from None
        text = file.data.decode(fallback)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{file.path}, line {line}: null bytes (UTF-16?); convert the file to UTF-8.")
    return text


def is_utf8(file: File) -> bool:
    try:
        file.data.decode("utf8")
    except UnicodeDecodeError:
        return False
    return True


class _Memory:
    """What is unpacked to memory.

    whole (bool): Whether all is, and kept.
    """

    def __init__(self, whole: bool, limits: Limits) -> None:
        self.whole, self._limits, self._kept = whole, limits, 0

    def refuse(self, member: _Member) -> str:
        """Why a member may not be unpacked, "" if it may be; its size is that of its header, which ends reading it."""
        if not self.whole and not is_archive(member.path) and member.path.suffix.lower() != ".parquet":
            return ""  # is read in parts
        size = _length_of(member)
        if self._kept + size > self._limits.unpacked:
            return _too_large(f"to {self._kept + size:,} bytes with what was read before", "--max-unpacked")
        if size > max(FREE, self._limits.ratio * member.packed):
            return _too_large(f"to {size:,} bytes, {size // max(1, member.packed):,} times its size", "--max-ratio")
        self._kept += size if self.whole else 0
        return ""


def _too_large(what: str, option: str) -> str:
    return f"unpacks {what}: if that is meant, unpack it and give the folder, or raise {option} of convert or annotate."


# From the file on disk inwards


def _open_file(path: PurePosixPath, file: Path, memory: _Memory) -> Iterator[Opened | Fault]:
    try:
        stream = file.open("rb")
    except OSError as error:
        yield Fault(path, fault_reason(error))
        return
    with stream:
        yield from _open_stream(path, stream, memory)


def _open_stream(path: PurePosixPath, stream: IO[bytes], memory: _Memory) -> Iterator[Opened | Fault]:
    if not is_archive(path):
        yield Opened(path, stream)
        return
    try:
        for member in _members(path, stream, memory):
            yield from _open_member(member, memory)
    # A damaged zip has names and places that cannot be, and the target of a hard link may not be in the tar.
    except (*DAMAGED, ValueError, LookupError, RuntimeError) as error:
        yield Fault(path, fault_reason(error))


def _open_member(member: _Member, memory: _Memory) -> Iterator[Opened | Fault]:
    if isinstance(member.content, str):
        yield Fault(member.path, member.content)
        return
    try:
        # An archive is read back and forth, which inside another one takes long.
        content = _read(member) if is_archive(member.path) else member.content
    except DAMAGED as error:
        yield Fault(member.path, fault_reason(error))
        return
    assert not isinstance(content, str)
    yield from _open_stream(member.path, content, memory)


def _members(path: PurePosixPath, stream: IO[bytes], memory: _Memory) -> Iterable[_Member]:
    """The files of an archive that are not hidden, by their paths."""
    is_zip = path.suffix.lower() == ".zip"
    members = _zip_members(stream) if is_zip else _tar_members(stream, follow=memory.whole)
    named = (member._replace(path=_inside(member.path)) for member in members)
    below = (member._replace(path=path / member.path) for member in named if not _is_hidden(member.path))
    shown = (member._replace(content=memory.refuse(member) or member.content) for member in below)
    return _load(shown, later_counts=not is_zip) if memory.whole else shown


def _zip_members(stream: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        # Of an archive cut short after an archive inside it, zipfile reads the inner one.
        if min((member.header_offset for member in members), default=archive.start_dir) > 0:
            raise zipfile.BadZipFile
        for member in members:
            if not member.is_dir():
                with archive.open(member) as content:
                    yield _Member(PurePosixPath(member.filename), content, member.file_size, member.compress_size)


def _tar_members(stream: IO[bytes], follow: bool) -> Iterator[_Member]:
    """Names and contents; tarfile follows hard links by a list of all members, which otherwise stays short."""
    packed = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if member.isreg() or (follow and member.islnk()):
                content = archive.extractfile(member)
                assert content
                size = content.seek(0, io.SEEK_END)
                content.seek(0)
                yield _Member(name, content, size, packed)
            elif not follow and (member.islnk() or member.issym()):
                yield _Member(name, LINK)
            if not follow:
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
        _check_tar_end(archive)


def _check_tar_end(archive: tarfile.TarFile) -> None:
    # tarfile takes a damaged header for the end, and leaves checksums behind the last member unread.
    stream = cast(BinaryIO, archive.fileobj)
    stream.seek(archive.offset)
    end = stream.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or any(end):
        raise tarfile.ReadError
    while stream.read(2**16):
        pass


def _load(members: Iterable[_Member], later_counts: bool) -> list[_Member]:
    loaded = [member._replace(content=_read(member)) for member in members]
    if later_counts:
        loaded = list({member.path: member for member in loaded}.values())
    return sorted(loaded, key=lambda member: member.path)


def _read(member: _Member) -> IO[bytes] | str:
    # Without a number zipfile unpacks more than the size in the header, only to drop it.
    return member.content if isinstance(member.content, str) else io.BytesIO(member.content.read(_length_of(member)))


def _length_of(member: _Member) -> int:
    """How much of a member is read, where it is read whole."""
    return min(member.size, BEGINNING) if is_unread(member.path) else member.size


def _inside(member: PurePosixPath) -> PurePosixPath:
    # The member's name serves as a name only, so neither ".." nor "/" can lead anywhere.
    parts = [part for part in member.parts if part not in ("/", "//", "..")]
    return _printable(PurePosixPath(*parts))


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _printable(path: PurePosixPath) -> PurePosixPath:
    # A name that is not UTF-8 could not be printed, hashed or stored; two of them stay two.
    return PurePosixPath(printable(str(path).encode("utf8", "backslashreplace").decode("utf8")))
