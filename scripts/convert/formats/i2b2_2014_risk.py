"""i2b2 2014 heart-disease risk factors, in the edition that is called Complete: the annotators' tags have offsets.

    <HYPERTENSION id="DOC0" time="before DCT" indicator="mention">
    <HYPERTENSION id="H1" start="9" end="21" text="hypertension" time="before DCT" indicator="mention" comment="" />
    </HYPERTENSION>

Tags about the document as a whole, which are around these or have -1 as offsets, are left alone. Several annotators
mark the same words, so that equal mentions are many.
"""

from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.mae import is_tagged, read_notes, state
from scripts.convert.formats.offsets import Stated
from scripts.convert.formats.said import Said
from scripts.convert.formats.trees import Node, root_tag
from scripts.corpus.note import Note


def recognises(file: File) -> bool:
    return root_tag(file) == "root" and is_tagged(file)


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read notes with risk factors.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a file.
    RAISES (InputError): A file is damaged, or none has a tag with offsets, as in the edition called Gold.
    """
    notes = list(read_notes(filter(recognises, files), _read_tag))
    if notes and not any(note.entities or note.problems for note in notes):
        raise InputError(f"{notes[0].file}: no tag has offsets, as in the Gold edition; take the Complete one.")
    yield from notes


def _read_tag(tag: Node) -> tuple[Stated, list[Said]] | None:
    of_document = tag.attributes.get("start", "-1") == tag.attributes.get("end", "-1") == "-1"
    return None if of_document else (state(tag, tag.tag), [])
