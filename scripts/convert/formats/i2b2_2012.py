"""i2b2 2012 temporal relations: a file a note, events and times as tags.

    <EVENT id="E0" start="37" end="42" text="fever" modality="FACTUAL" polarity="POS" type="PROBLEM" />
    <TIMEX3 id="T0" start="18" end="28" text="02/03/2031" type="DATE" val="2031-02-03" mod="NA" />

Modality and polarity are assertions; they, val and mod are kept as attributes as well. Links and section times, which
repeat a time, are left alone, and so is the folder of annotations before they were merged.
"""

from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.convert.formats.mae import GROUP, TYPE, is_tagged, read_notes, state
from scripts.convert.formats.offsets import Stated
from scripts.convert.formats.said import Said
from scripts.convert.formats.trees import Node, root_tag
from scripts.corpus.assertions import read_value
from scripts.corpus.note import Note

LABELS = (TYPE, GROUP)
ROOT = "ClinicalNarrativeTemporalAnnotation"
_MERGED, _UNMERGED = "merged_xml", "unmerged_xml"


def recognises(file: File) -> bool:
    return root_tag(file) == ROOT and is_tagged(file)


def read(files: Sequence[File], skip_unpaired: bool = False, labels: str = TYPE) -> Iterator[Note]:
    """Read notes of i2b2 2012.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    labels (str): Whether a mention's label is its type, or EVENT or TIMEX3.
    YIELDS (Note): One note a file.
    RAISES (InputError): A file is damaged.
    """

    def read_tag(tag: Node) -> tuple[Stated, list[Said]] | None:
        if tag.tag not in ("EVENT", "TIMEX3"):
            return None
        stated = state(tag, tag.attributes.get("type", "") if labels == TYPE else tag.tag, _IGNORED[labels])
        values = ((name, read_value(name, said)) for name, said in stated.attributes)
        return stated, [Said(tag.line, name, value) for name, value in values if value is not None]

    merged = any(_MERGED in file.path.parts for file in files)
    found = (file for file in files if recognises(file) and not (merged and _UNMERGED in file.path.parts))
    yield from read_notes(found, read_tag)


_IGNORED = {TYPE: ("type",), GROUP: ()}
