"""i2b2 2014 de-identification, and what has its XML (CEGS N-GRID 2016, MEDDOCAN): a file a note, each mention of
protected health information a tag named after its group, with its TYPE.

    <NAME id="P0" start="16" end="24" text="Dr. Fizz" TYPE="DOCTOR" comment="" />

Some tags of the release are named PHI in place of the group, so that groups go by TYPE where it is known.
"""

import re
from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.convert.formats.mae import GROUP, TYPE, is_tagged, read_notes, state
from scripts.convert.formats.offsets import Stated
from scripts.convert.formats.said import Said
from scripts.convert.formats.trees import Node, root_tag
from scripts.corpus.note import Note

LABELS = (TYPE, GROUP)
GROUPS = {
    "NAME": "PATIENT DOCTOR USERNAME",
    "PROFESSION": "PROFESSION",
    "LOCATION": "ROOM DEPARTMENT HOSPITAL ORGANIZATION STREET CITY STATE COUNTRY ZIP LOCATION-OTHER",
    "AGE": "AGE",
    "DATE": "DATE",
    "CONTACT": "PHONE FAX EMAIL URL IPADDR",
    "ID": "SSN MEDICALRECORD HEALTHPLAN ACCOUNT LICENSE VEHICLE DEVICE BIOID IDNUM",
}
_OTHERS = ("root", "ClinicalNarrativeTemporalAnnotation")  # risk factors, and 2012
_NO_TAGS = re.compile(rb"<TAGS\s*(?:/>|>\s*</TAGS>)")  # a note without identifiers
_GROUP_OF = {type: group for group, types in GROUPS.items() for type in types.split()}


def recognises(file: File) -> bool:
    if not is_tagged(file) or root_tag(file) in _OTHERS:
        return False
    return root_tag(file) == "deIdi2b2" or b' TYPE="' in file.data or _NO_TAGS.search(file.data) is not None


def read(files: Sequence[File], skip_unpaired: bool = False, labels: str = TYPE) -> Iterator[Note]:
    """Read notes of i2b2 2014.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    labels (str): Whether a mention's label is its TYPE or its group.
    YIELDS (Note): One note a file.
    RAISES (InputError): A file is damaged.
    """

    def read_tag(tag: Node) -> tuple[Stated, list[Said]]:
        type = tag.attributes.get("TYPE", "")
        group = _GROUP_OF.get(type, "" if tag.tag == "PHI" else tag.tag)
        label, ignored = (type, ("TYPE",)) if labels == TYPE else (group, ())
        return state(tag, label, ignored), []

    yield from read_notes(filter(recognises, files), read_tag)
