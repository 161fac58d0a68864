"""What brat files say of mentions besides assertions: their attributes, those of events whose triggers they are, and
the concepts that they are normalised to.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from scripts.corpus.note import NO_VOCABULARY, TO_REVIEW, Attributes, Entity

_ATTRIBUTE = re.compile(r"[AM]\S*\t\s*(\S+)(?:\s+(\S+)(?:\s+(\S.*?))?)?\s*")
_CONCEPT = re.compile(r"N\S*\t\s*\S+\s+(\S+)\s+([^\s:]+):([^\t]*?)\s*(?:\t.*)?", re.DOTALL)
_TRIGGER = re.compile(r"(E\S*)\t\S+?:(T\S*)")
_OURS = ("Assertion", TO_REVIEW)  # read elsewhere


def add_attributes(entities: Sequence[Entity], lines: Sequence[str], tags: Sequence[str]) -> list[Entity]:
    """The mentions with their attributes and concepts.

    lines (Sequence[str]): Of the annotation file.
    tags (Sequence[str]): The id of each mention in it, such as T1.
    """
    triggers = {match[1]: match[2] for line in lines if (match := _TRIGGER.match(line))}
    said: dict[str, list[tuple[str, str]]] = defaultdict(list)
    concepts: dict[str, str] = {}
    for line in lines:
        if (match := _ATTRIBUTE.fullmatch(line)) and match[2] and match[1] not in _OURS:
            said[triggers.get(match[2], match[2])].append((match[1], match[3] or ""))
        elif match := _CONCEPT.fullmatch(line):
            concept = match[3] if match[2] == NO_VOCABULARY else f"{match[2]}:{match[3]}"
            concepts.setdefault(triggers.get(match[1], match[1]), concept)
    return [
        entity._replace(attributes=_merge(entity.attributes, said[tag]), kb_id=concepts.get(tag, entity.kb_id))
        for entity, tag in zip(entities, tags, strict=True)
    ]


def _merge(one: Attributes, other: Iterable[tuple[str, str]]) -> Attributes:
    return tuple(dict.fromkeys((*one, *other)))
