"""What brat files say of mentions besides assertions: their attributes, those of events whose triggers they are, and
the concepts that they are normalised to.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from scripts.corpus.note import NO_VOCABULARY, TO_REVIEW, Entity

_CONCEPT = re.compile(r"N\S*\t\s*\S+\s+(\S+)\s+([^\s:]+):([^\t]*?)\s*(?:\t.*)?", re.DOTALL)
_READ_ELSEWHERE = ("Assertion", TO_REVIEW)


def add_attributes(
    entities: Sequence[Entity],
    tags: Sequence[str],
    attributes: Iterable[re.Match[str]],
    triggers: Mapping[str, str],
    lines: Iterable[str],
) -> tuple[Entity, ...]:
    """The mentions with their attributes and concepts.

    tags (Sequence[str]): The id of each mention in the file, such as T1.
    attributes (Iterable[re.Match[str]]): Attribute lines by name, what they are about, and value.
    triggers (Mapping[str, str]): By event the mention that stands for it.
    lines (Iterable[str]): Of the file; those that normalise are read.
    """
    said: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    for match in attributes:
        if match[2] and match[1] not in _READ_ELSEWHERE:
            said[triggers.get(match[2], match[2])][match[1], match[3] or ""] = None
    concepts: dict[str, str] = {}
    for match in (_CONCEPT.fullmatch(line) for line in lines if line[0:1] == "N"):
        if match:
            concept = match[3] if match[2] == NO_VOCABULARY else f"{match[2]}:{match[3]}"
            concepts.setdefault(triggers.get(match[1], match[1]), concept)
    return tuple(
        entity._replace(attributes=tuple(said.get(tag, ())), kb_id=concepts.get(tag, ""))
        if tag in said or tag in concepts
        else entity
        for entity, tag in zip(entities, tags, strict=True)
    )
