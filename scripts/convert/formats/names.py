"""What notes are called whose files do not say so, or say the same of two; and what no note can be."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.offsets import is_written
from scripts.corpus.note import Note
from scripts.corpus.split import named_split


def file_split(file: File) -> str:
    """The split that the name of a file with its own texts states, or that of a folder above."""
    return path_split(file.path)


def path_split(path: PurePosixPath) -> str:
    """The split that a path states; a suffix counts as the innermost name, as in `ner.train`."""
    return named_split((*path.parts[:-1], path.stem, path.suffix))


def stem_of(path: PurePosixPath) -> str:
    """The name of a file without its suffix, unless that names the part: `ner.train` and `ner.dev` stay apart."""
    return path.name if named_split((path.suffix,)) else path.stem


def name_notes(notes: Iterable[Note]) -> Iterator[Note]:
    """Give each note an id of its own: where several have one, the file goes before it, and then their number after it.

    RAISES (InputError): A text has halves of characters.
    """
    notes = [note._replace(id=_printable(note.id)) for note in notes]
    names = Counter(note.id for note in notes)
    longer = [
        note if names[note.id] == 1 else note._replace(id=str(_without_suffix(PurePosixPath(note.file)) / note.id))
        for note in notes
    ]
    names, seen = Counter(note.id for note in longer), Counter[str]()
    for note in longer:
        seen[note.id] += 1
        check_text(note.text, note.file)
        yield note if names[note.id] == 1 else note._replace(id=f"{note.id}-{seen[note.id]}")


def _without_suffix(path: PurePosixPath) -> PurePosixPath:
    return path.parent / stem_of(path)


def check_text(text: str, file: str, line: int = 0) -> None:
    """RAISES (InputError): A text has halves of characters, which no file can hold."""
    if not is_written(text):
        where = f"{file}, line {line}" if line else file
        raise InputError(f"{where}: the text has lone surrogates (\\ud800 to \\udfff): write it as UTF-8.")


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name).strip("/ ") or "_"
