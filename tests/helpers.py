"""Files, archives and hostile text for the tests of the corpus readers."""

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import strategies as st

from scripts.archives import File
from scripts.corpus.note import Note
from tests.paths import SHARED

OPEN_CORPORA = SHARED / "data"

# What breaks readers: blanks of Unicode, line ends of other systems, a byte-order mark, control
# characters, wide characters, letters whose lower case is longer, and the formats' own punctuation.
BLANKS = " \t\r\v\f\x1c\x85\xa0\u2005\u2028\u2029\u3000"
CHARACTERS = BLANKS + "aZ09ßéİ\u03a3\u03c3\ufeff\u200d\u0301\x01😀\"|:;'&#*-."


def hostile_text(extra: str = "\n", without: str = "", min_size: int = 0, max_size: int = 80) -> st.SearchStrategy:
    alphabet = [character for character in CHARACTERS + extra if character not in without]
    return st.text(st.sampled_from(alphabet), min_size=min_size, max_size=max_size)


def file(path: str, content: str | bytes) -> File:
    return File(PurePosixPath(path), content.encode("utf8") if isinstance(content, str) else content)


def quoted(note: Note) -> list[tuple[str, str]]:
    """Label and text of each mention, its fragments joined by "..."."""
    return [
        (entity.label, "...".join(note.text[start:end] for start, end in entity.fragments)) for entity in note.entities
    ]


def problems(note: Note) -> list[tuple[int, str, int]]:
    return [(problem.line, problem.kind, problem.dropped) for problem in note.problems]


def tar_of(members: Mapping[str, str | bytes], mode: str = "w:gz", *links: tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        for name, content in members.items():
            data = file(name, content).data
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for link in links:
            archive.addfile(link)
    return target.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    """A member of a tar without content, for `tar_of`."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_of(members: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def write_files(folder: Path, members: Mapping[str, str | bytes]) -> Path:
    for name, content in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file(name, content).data)
    return folder


def paths(files: Iterable[File]) -> list[str]:
    return [str(found.path) for found in files]


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Assert that what Python allocates meanwhile stays below so many bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def open_corpus(name: str) -> Path:
    """The archive of an open corpus, which lies beside a developer's checkout; a user has none."""
    path = OPEN_CORPORA / f"{name}.tar.xz"
    if not path.exists():
        pytest.skip(f"the open corpus {name} is not at {path}")
    return path
