"""What files say of mentions in their attributes, joined to those mentions that were kept."""

from collections.abc import Sequence
from typing import NamedTuple

from scripts.corpus.assertions import Statement, join
from scripts.corpus.note import Entity, Problem


class Said(NamedTuple):
    """An assertion of a mention.

    line (int): Where it stands.
    attribute (str): Its name, where there is more than one kind.
    value (str): One of `assertions.VALUES`; "" if it cannot be read.
    """

    line: int
    attribute: str
    value: str


def join_said(
    placed: Sequence[Entity | None], said: Sequence[Sequence[Said]], file: str
) -> tuple[tuple[Entity, ...], list[Problem]]:
    """The mentions that were kept, with what is said of them.

    placed (Sequence[Entity | None]): None for those that were dropped.
    said (Sequence[Sequence[Said]]): Of each of them.
    """
    entities = [entity for entity in placed if entity]
    statements, place = [], 0
    for entity, sayings in zip(placed, said, strict=True):
        about = [place] if entity else []
        place += len(about)
        for line, attribute, value in sayings:
            statements.append(Statement(line, about, value, attribute, of_dropped=entity is None))
    return join(entities, statements, file)
