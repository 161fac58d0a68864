"""XML of MAE, as i2b2 2012 and 2014 have it: a TEXT, and TAGS whose offsets count its characters.

Faults of the releases are mended without moving a character of the text: an & that begins no entity, and a second XML
declaration inside the file. Quotes are known to be careless there, and the official scores go by offsets, so mentions
of other words than their quote are kept and counted, unless most of a note's are.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes
from scripts.convert.formats.offsets import Stated, fragment, place
from scripts.convert.formats.said import Said, join_said
from scripts.convert.formats.trees import Node, escape_bare, parse, root_tag
from scripts.corpus.note import Attributes, Note, Problem

TYPE, GROUP = "type", "group"  # the labels to choose from
_DECLARATION = re.compile(rb"<\?xml[^>]*\?>")

Read = Callable[[Node], tuple[Stated, list[Said]] | None]


def is_tagged(file: File) -> bool:
    """Whether a file has a text with tags; a text without is not annotated."""
    return bool(root_tag(file)) and b"<TEXT" in file.data and b"<TAGS" in file.data


def read_notes(files: Iterable[File], read_tag: Read) -> Iterator[Note]:
    """The notes of files, one each.

    read_tag (Read): Gives the mention that a tag states, with what is said of it; None for a tag of another kind.
    RAISES (InputError): A file is no XML, or has no text.
    """
    yield from name_notes(_read_note(file, read_tag) for file in files)


def state(tag: Node, label: str, ignored: Sequence[str] = ()) -> Stated:
    """The mention that a tag states; its attributes are all but those of its place and the ignored ones."""
    offsets = fragment(tag.attributes.get("start"), tag.attributes.get("end"))
    attributes: Attributes = tuple(
        (name, said) for name, said in tag.attributes.items() if said and name not in (*_OF_PLACE, *ignored)
    )
    return Stated(label, offsets, tag.attributes.get("text"), tag.line, attributes=attributes)


_OF_PLACE = ("id", "start", "end", "text")


def _read_note(file: File, read_tag: Read) -> Note:
    path = str(file.path)
    root, problems = _parse(file)
    text, tags = root.find("TEXT"), root.find("TAGS")
    if text is None or tags is None:
        raise InputError(f"{path}: no TEXT and TAGS in {root.tag}; the file is of another kind.")
    stated = [mention for tag in tags.walk() if (mention := read_tag(tag))]
    placed, wrong = place(text.text, [mention for mention, _ in stated], path, trusted=True)
    entities, unjoined = join_said(placed, [said for _, said in stated], path)
    problems = (*problems, *wrong, *unjoined)
    return Note(file.path.stem, text.text, entities, path, path, file_split(file), problems)


def _parse(file: File) -> tuple[Node, list[Problem]]:
    file = file._replace(data=_only_first(_DECLARATION, file.data))
    try:
        return parse(file), []
    except InputError:
        escaped = escape_bare(file)
        if escaped is file:
            raise
        return parse(escaped), [Problem(str(file.path), 0, "& that begins no entity, taken as it stands")]


def _only_first(pattern: re.Pattern[bytes], data: bytes) -> bytes:
    first = pattern.search(data)
    return data[: first.end()] + pattern.sub(b"", data[first.end() :]) if first else data
