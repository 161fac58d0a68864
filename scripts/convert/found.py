"""What a source holds, where that is no corpus that can be read: told by the files' first bytes, with what to do."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from scripts.archives import File

_POINTER = b"version https://git-lfs.github.com/spec/"
_KINDS = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "Office or zip"),
    (b"\xd0\xcf\x11\xe0", "old Office"),
    (b"{\\rtf", "RTF"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "RAR"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_PACKED = {"Office or zip", "gzip", "bzip2", "xz", "7z", "RAR"}
_SHOWN = 3  # kinds


def is_pointer(file: File) -> bool:
    """Whether a file only says where git-lfs keeps it."""
    return file.data.startswith(_POINTER)


def say_found(files: Sequence[File], formats: Sequence[str]) -> str:
    """One sentence on a source without notes that can be read."""
    if not files:
        return "The corpus is empty: there is no file in it."
    pointer = next(filter(is_pointer, files), None)
    if pointer:
        return say_pointer(pointer)
    kinds: dict[str, list[File]] = {}
    for file in files:
        kinds.setdefault(_kind(file), []).append(file)
    found = sorted(kinds.items(), key=lambda item: -len(item[1]))
    listed = [f"{len(each):,} {kind} files (first {each[0].path})" for kind, each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        listed.append(f"{len(files) - sum(len(each) for _, each in found[:_SHOWN]):,} others")
    what = "unpack them" if found[0][0] in _PACKED else "export the notes with their annotations as one of these"
    if found[0][0] == ".txt":
        what = "add the annotations; `annotate` reads notes without"
    return (
        f"The corpus is empty: no .con, .ann or CoNLL file in it, nor another of the formats {', '.join(formats)}, but"
        f" {' and '.join(listed)}: {what}."
    )


def say_pointer(file: File) -> str:
    return f"{file.path} is a git-lfs pointer, not the file: run `git lfs pull` where it was cloned."


def _kind(file: File) -> str:
    """What a file is: by its first bytes, else by its suffix."""
    start = file.data[:512]
    known = next((kind for magic, kind in _KINDS if start.startswith(magic)), "")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if known:
        return known
    if text[:1] in (b"{", b"["):
        return "JSON"
    root = re.search(rb"<([A-Za-z][\w:.-]*)", text) if text.startswith(b"<") else None
    if root:
        return "HTML" if root[1].lower() == b"html" else f"XML <{root[1].decode('ascii', 'replace')}>"
    return _suffix(file.path)


def _suffix(path: PurePosixPath) -> str:
    return path.suffix.lower() or "suffixless"
