"""The files of a corpus, from folders and archives, read in memory: nothing protected is unpacked to disk."""

import io
import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from scripts.note import InputError
from scripts.split import named_split

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".zip")
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError, KeyError)


class File(NamedTuple):
    """A file of the corpus.

    path (PurePosixPath): Where it lies below the source; an archive's name is one of the parts.
    data (bytes): Its content.
    """

    path: PurePosixPath
    data: bytes


def read_files(source: Path, name: str = "") -> Iterator[File]:
    """Read all files of a folder or an archive, archives inside them included.

    source (Path): A folder, an archive or a file.
    name (str): The name that the paths begin with; "" for none.
    YIELDS (File): Each file, in order of path; hidden ones (macOS resource forks, too) are left out.
    RAISES (InputError): The source does not exist, or an archive is damaged.
    """
    if not source.exists():
        raise InputError(f"{source} does not exist: give the folder or archive with the notes.")
    if source.is_file():
        yield from _expand(PurePosixPath(name or source.name), source.read_bytes())
        return
    for path in walk(source):
        yield from _expand(PurePosixPath(name, path.relative_to(source).as_posix()), path.read_bytes())


class Opened(NamedTuple):
    """A file of an archive, to be read before the next one is asked for.

    path (PurePosixPath): As in `File`.
    stream (IO[bytes] | None): Its content; None for a hard link, whose content lies further back in the archive.
    """

    path: PurePosixPath
    stream: IO[bytes] | None


def open_members(path: PurePosixPath, stream: IO[bytes]) -> Iterator[Opened]:
    """Open the files of an archive of any size one by one, in the order in which it stores them.

    path (PurePosixPath): Its name.
    stream (IO[bytes]): Its content.
    YIELDS (Opened): Each file that is not hidden, archives inside it as they are. Reading its stream may raise one of
        DAMAGED.
    RAISES (InputError): The archive is damaged; the files before the damage have been yielded.
    """
    with _told(path):
        members = _zip_members(stream) if path.suffix.lower() == ".zip" else _tar_members(stream, forget=True)
        for member, content in members:
            inner = _inside(path, member)
            if inner:
                yield Opened(inner, content)


def is_archive(path: PurePosixPath) -> bool:
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def archive_stem(name: str) -> str:
    """The name without the archive's suffix, e.g. "Task_1C" of "Task_1C.zip"."""
    return next((name[: -len(end)] for end in ARCHIVE_SUFFIXES if name.lower().endswith(end)), name)


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


class Pair(NamedTuple):
    """A note's id with its text and its annotation file."""

    id: str
    text: File
    annotation: File


def pair(
    texts: Sequence[File],
    annotations: Sequence[File],
    stem: Callable[[File], str],
    skip_unpaired: bool = False,
) -> list[Pair]:
    """Pair texts and annotation files by stem; of several texts with the stem the nearest is taken:
    of the same split first, then the one with the longest path in common, then the one in the same folder.

    stem (Callable): The note's name, of a text or an annotation file.
    skip_unpaired (bool): Leave files without a partner out instead of raising.
    RETURNS (list[Pair]): In order of the annotation files; a note's id is its stem, with the folder
        before it where two notes have the same stem.
    RAISES (InputError): A file is without a partner, or two files claim one.
    """
    named: dict[str, list[File]] = {}
    for text in texts:
        named.setdefault(stem(text), []).append(text)
    pairs, used = [], {}
    for annotation in annotations:
        candidates = named.get(stem(annotation), [])
        if not candidates and skip_unpaired:
            continue
        text = _nearest(annotation, candidates)
        if text.path in used:
            raise InputError(f"{used[text.path]} and {annotation.path} both annotate {text.path}: remove one.")
        used[text.path] = annotation.path
        pairs.append((text, annotation))
    if not skip_unpaired:
        _check_no_text_alone(texts, used)
    names = Counter(stem(text) for text, _ in pairs)
    return [
        Pair(name if names[name := stem(text)] == 1 else str(text.path.parent / name), text, annotation)
        for text, annotation in pairs
    ]


def _nearest(annotation: File, texts: Sequence[File]) -> File:
    if not texts:
        raise InputError(
            f"{annotation.path} has no text file: add it, or pass --skip-unpaired to leave such files out."
        )
    ranked = sorted(texts, key=lambda text: _nearness(annotation.path, text.path), reverse=True)
    if len(ranked) > 1 and _nearness(annotation.path, ranked[0].path) == _nearness(annotation.path, ranked[1].path):
        raise InputError(f"{annotation.path} fits both {ranked[0].path} and {ranked[1].path}: remove one of them.")
    return ranked[0]


def _nearness(one: PurePosixPath, other: PurePosixPath) -> tuple[bool, int, bool]:
    common = 0
    for left, right in zip(one.parts, other.parts, strict=False):
        if left != right:
            break
        common += 1
    return named_split(one.parts[:-1]) == named_split(other.parts[:-1]), common, one.parent == other.parent


def _check_no_text_alone(texts: Iterable[File], used: dict[PurePosixPath, PurePosixPath]) -> None:
    # A README.txt in a folder of its own is no note; one among annotated texts may be a lost pair.
    folders = {path.parent for path in used}
    for text in texts:
        if text.path not in used and text.path.parent in folders:
            raise InputError(
                f"{text.path} has no annotation file: add it, or pass --skip-unpaired to leave such files out."
            )


def walk(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files below a folder, in order. Unlike rglob it follows links, and raises where it may not read."""
    if folder.resolve() in above:
        return
    for path in sorted(folder.iterdir()):
        if _hidden(PurePosixPath(path.name)):
            continue
        if path.is_dir():
            yield from walk(path, (*above, folder.resolve()))
        else:
            yield path


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _expand(path: PurePosixPath, data: bytes) -> Iterator[File]:
    # A name that is not UTF-8 could not be printed, hashed or stored.
    path = PurePosixPath(str(path).encode("utf8", "replace").decode("utf8"))
    if not is_archive(path):
        yield File(path, data)
        return
    with _told(path):
        stream = io.BytesIO(data)
        members = _zip_members(stream) if path.suffix.lower() == ".zip" else _tar_members(stream)
        # Of a member that is there twice the later counts, in a tar.
        contents = [(name, content.read()) for name, content in members if content]
    if path.suffix.lower() != ".zip":
        contents = list(dict(contents).items())
    for member, content in sorted(contents):
        inner = _inside(path, member)
        if inner:
            yield from _expand(inner, content)


def _inside(path: PurePosixPath, member: str) -> PurePosixPath | None:
    """The path of an archive's member, None for a hidden one."""
    # The member's name serves as a name only, so neither ".." nor "/" can lead anywhere.
    parts = [part for part in PurePosixPath(member).parts if part not in ("/", "//", "..")]
    return None if _hidden(PurePosixPath(*parts)) else path.joinpath(*parts)


@contextmanager
def _told(path: PurePosixPath) -> Iterator[None]:
    """Tell what is wrong with an archive in a sentence."""
    try:
        yield
    except DAMAGED:
        raise InputError(f"{path} is damaged or cut short: download it again.") from None
    except NotImplementedError:
        raise InputError(f"{path} is packed in a way unknown here: unpack it and give the folder.") from None
    except RuntimeError:  # zipfile's error for an encrypted member
        raise InputError(f"{path} needs a password: unpack it and give the folder.") from None


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


def _tar_members(stream: IO[bytes], forget: bool = False) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names and contents; with `forget` the list of members stays short, and hard links have no content."""
    with tarfile.open(fileobj=stream) as archive:
        for member in archive:
            if member.isreg() or member.islnk():
                yield member.name, None if forget and member.islnk() else archive.extractfile(member)
            if forget:
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]
        _check_tar_end(archive)


def _check_tar_end(archive: tarfile.TarFile) -> None:
    # tarfile takes a damaged header for the end, and leaves checksums behind the last member unread.
    stream = cast(BinaryIO, archive.fileobj)
    stream.seek(archive.offset)
    rest = stream.read()
    if len(rest) < tarfile.BLOCKSIZE or any(rest[: tarfile.BLOCKSIZE]):
        raise tarfile.ReadError
