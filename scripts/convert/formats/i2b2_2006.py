"""i2b2 2006 de-identification: one XML a part, its records with the mentions marked in the text.

    <RECORD ID="9001"><TEXT>Dr. <PHI TYPE="DOCTOR">Quill</PHI> on <PHI TYPE="DATE">02/03</PHI>/31 .</TEXT></RECORD>

Texts without any mark, as they were given to the participants, are not annotated. One line of the train part has a
start tag where an end tag belongs, which is mended and told.
"""

import re
from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes
from scripts.convert.formats.trees import Node, parse, root_tag
from scripts.corpus.note import Entity, Note, Problem

_TAGS = re.compile(rb"<PHI\b[^>]*>|</PHI>")
_END = b"</PHI>"


def recognises(file: File) -> bool:
    return root_tag(file) == "ROOT" and b"<RECORD" in file.data and b"<PHI" in file.data


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read notes of i2b2 2006.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a record.
    RAISES (InputError): A file is damaged, or has a record without a text.
    """
    yield from name_notes(note for file in files if recognises(file) for note in _read_file(file))


def _read_file(file: File) -> Iterator[Note]:
    root, mended = _parse(file)
    records = [child for child in root.children if child.tag == "RECORD"]
    for place, record in enumerate(records):
        until = records[place + 1].line if place + 1 < len(records) else mended + 1
        note = _read_record(file, record)
        if record.line <= mended < until:
            problem = Problem(note.file, mended, "start tag that should be an end tag")
            note = note._replace(problems=(*note.problems, problem))
        yield note


def _parse(file: File) -> tuple[Node, int]:
    """RETURNS (tuple[Node, int]): The root, and the line on which a tag was mended; 0 for none."""
    try:
        return parse(file), 0
    except InputError:
        is_open = False
        for tag in _TAGS.finditer(file.data):
            begins = tag[0] != _END
            if begins and is_open:
                data = file.data[: tag.start()] + _END + file.data[tag.end() :]
                return parse(file._replace(data=data)), file.data.count(b"\n", 0, tag.start()) + 1
            is_open = begins
        raise


def _read_record(file: File, record: Node) -> Note:
    path, text = str(file.path), record.find("TEXT")
    if text is None:
        raise InputError(f"{path}, line {record.line}: a record without a text; leave it out.")
    pieces: list[str] = []
    marks: list[tuple[int, int, Node]] = []
    _read_marks(text, 0, pieces, marks)
    entities, problems = [], []
    for start, end, mark in sorted(marks, key=lambda found: (found[0], -found[1])):
        label = mark.attributes.get("TYPE", "") if mark.tag == "PHI" else ""
        kind = "no label that can be read" if not label.strip() else "mark without words" if start == end else ""
        problems += [Problem(path, mark.line, kind, label, 1)] if kind else []
        entities += [] if kind else [Entity(label, ((start, end),), mark.line)]
    name = record.attributes.get("ID", "") or f"{file.path.stem}-{record.line}"
    return Note(name, "".join(pieces), tuple(entities), path, path, file_split(file), tuple(problems))


def _read_marks(node: Node, length: int, pieces: list[str], marks: list[tuple[int, int, Node]]) -> int:
    """Add the pieces of an element's text in order, and its marks with their start and end; marks may hold others.

    length (int): Of the text before the element.
    RETURNS (int): Of the text up to its end.
    """
    for piece in node.pieces:
        start = length
        if isinstance(piece, Node):
            length = _read_marks(piece, length, pieces, marks)
            marks.append((start, length, piece))
        else:
            pieces.append(piece)
            length += len(piece)
    return length
