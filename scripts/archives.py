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

LINK = "is a link in an archive: unpack it and give the folder."

_Member = tuple[PurePosixPath, IO[bytes] | None]


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


class Fault(NamedTuple):
    """A file that cannot be opened, or an archive of which some or all files cannot.

    path (PurePosixPath): As in `File`.
    reason (str): Why, in words that go on after its name.
    """

    path: PurePosixPath
    reason: str


def read_files(source: Path, name: str = "") -> Iterator[File]:
    """Read all files of a folder or an archive, archives inside them included.

    source (Path): A folder, an archive or a file.
    name (str): The name that the paths begin with; "" for none.
    YIELDS (File): Each file, in order of path: an archive and the folder that it was made of have the same order.
    RAISES (InputError): The source does not exist, or a file of it cannot be read.
    """
    for found in open_files(source, name, in_memory=True):
        if isinstance(found, Fault):
            raise InputError(f"{found.path} {found.reason}")
        yield File(found.path, found.stream.read())


def open_files(source: Path, name: str = "", in_memory: bool = False) -> Iterator[Opened | Fault]:
    """Open all files of a folder or an archive one by one, archives inside them included, always in the same order.

    source (Path): A folder, an archive or a file.
    name (str): The name that the paths begin with; "" for none.
    in_memory (bool): Read each archive whole first. Then its files come in order of path, hard links have their
        content, and of a file that a tar holds twice the later one counts, as when it is unpacked. Otherwise archives
        may be of any size: their files come as stored, both of two with one name, and a link is a fault.
    YIELDS (Opened | Fault): Each file that is not hidden, as macOS resource forks are, too. Where an archive is
        damaged, the files before the damage come first.
    RAISES (InputError): The source does not exist.
    """
    if not source.exists():
        raise InputError(f"{source} does not exist: give a file, a folder or an archive with notes.")
    if source.is_file():
        yield from _open_file(_printable(PurePosixPath(name or source.name)), source, in_memory)
        return
    for file in walk(source):
        path = _printable(PurePosixPath(name, file.relative_to(source).as_posix()))
        yield from _open_file(path, file, in_memory)


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


# From the file on disk inwards


def _open_file(path: PurePosixPath, file: Path, in_memory: bool) -> Iterator[Opened | Fault]:
    try:
        stream = file.open("rb")
    except OSError as error:
        yield Fault(path, fault_reason(error))
        return
    with stream:
        yield from _open_stream(path, stream, in_memory)


def _open_stream(path: PurePosixPath, stream: IO[bytes], in_memory: bool) -> Iterator[Opened | Fault]:
    if not is_archive(path):
        yield Opened(path, stream)
        return
    try:
        for inner, content in _members(path, stream, in_memory):
            yield from _open_member(inner, content, in_memory)
    # A damaged zip has names and places that cannot be, and the target of a hard link may not be in the tar.
    except (*DAMAGED, ValueError, LookupError, RuntimeError) as error:
        yield Fault(path, fault_reason(error))


def _open_member(path: PurePosixPath, content: IO[bytes] | None, in_memory: bool) -> Iterator[Opened | Fault]:
    if content is None:
        yield Fault(path, LINK)
        return
    try:
        # An archive is read back and forth, which inside another one takes long.
        stream = io.BytesIO(content.read()) if is_archive(path) else content
    except DAMAGED as error:
        yield Fault(path, fault_reason(error))
        return
    yield from _open_stream(path, stream, in_memory)


def _members(path: PurePosixPath, stream: IO[bytes], in_memory: bool) -> Iterable[_Member]:
    """The paths and contents of an archive's files that are not hidden; a link that is not followed has no content."""
    is_zip = path.suffix.lower() == ".zip"
    members = _zip_members(stream) if is_zip else _tar_members(stream, follow=in_memory)
    inside = ((_inside(name), content) for name, content in members)
    shown = ((path / name, content) for name, content in inside if not _is_hidden(name))
    return _load(shown, later_counts=not is_zip) if in_memory else shown


def _zip_members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        # Of an archive cut short after an archive inside it, zipfile reads the inner one.
        if min((member.header_offset for member in members), default=archive.start_dir) > 0:
            raise zipfile.BadZipFile
        for member in members:
            if not member.is_dir():
                with archive.open(member) as content:
                    yield member.filename, content


def _tar_members(stream: IO[bytes], follow: bool) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names and contents; tarfile follows hard links by a list of all members, which otherwise stays short."""
    with tarfile.open(fileobj=stream) as archive:
        for member in archive:
            if member.isreg() or (follow and member.islnk()):
                yield member.name, archive.extractfile(member)
            elif not follow and (member.islnk() or member.issym()):
                yield member.name, None
            if not follow:
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
        _check_tar_end(archive)


def _check_tar_end(archive: tarfile.TarFile) -> None:
    # tarfile takes a damaged header for the end, and leaves checksums behind the last member unread.
    stream = cast(BinaryIO, archive.fileobj)
    stream.seek(archive.offset)
    rest = stream.read()
    if len(rest) < tarfile.BLOCKSIZE or any(rest[: tarfile.BLOCKSIZE]):
        raise tarfile.ReadError


def _load(members: Iterable[_Member], later_counts: bool) -> list[_Member]:
    contents = [(path, content.read()) for path, content in members if content]
    if later_counts:
        contents = list(dict(contents).items())
    contents.sort(key=lambda member: member[0])
    return [(path, io.BytesIO(data)) for path, data in contents]


def _inside(member: str) -> PurePosixPath:
    # The member's name serves as a name only, so neither ".." nor "/" can lead anywhere.
    parts = [part for part in PurePosixPath(member).parts if part not in ("/", "//", "..")]
    return _printable(PurePosixPath(*parts))


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _printable(path: PurePosixPath) -> PurePosixPath:
    # A name that is not UTF-8 could not be printed, hashed or stored; two of them stay two.
    return PurePosixPath(printable(str(path).encode("utf8", "backslashreplace").decode("utf8")))
