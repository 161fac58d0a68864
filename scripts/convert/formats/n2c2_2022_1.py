"""n2c2 2022 track 1, contextualised medication events: brat, a mention for each event, so that one drug may be several.

What is said of an event (Action, Temporality, Certainty, Actor, Negation) is kept with its mention. The labels are the
events, or all mentions are a Drug: then equal ones are one, with all that is said of any of them.
"""

from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.convert.formats import brat
from scripts.convert.formats.mae import GROUP, TYPE
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import Entity, Fragment, Note

LABELS = (TYPE, GROUP)
DRUG, EVENT = "Drug", "event"

recognises = brat.recognises


def read(files: Sequence[File], skip_unpaired: bool = False, labels: str = TYPE) -> Iterator[Note]:
    """Read brat pairs of n2c2 2022 track 1.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    labels (str): Whether a mention's label is its event, or Drug.
    YIELDS (Note): One note a pair.
    RAISES (InputError): A file is without a partner or is not UTF-8.
    """
    for note in brat.read(files, skip_unpaired):
        yield note._replace(entities=_merge(note.entities)) if labels == GROUP else note


def _merge(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    merged: dict[tuple[Fragment, ...], Entity] = {}
    for entity in entities:
        drug = merged.get(entity.fragments, entity._replace(label=DRUG, attributes=(), assertion="", stated=0))
        merged[entity.fragments] = drug._replace(
            attributes=(*drug.attributes, (EVENT, entity.label), *entity.attributes),
            assertion=max(drug.assertion, entity.assertion, key=("", *VALUES).index),
            stated=drug.stated + entity.stated,
        )
    return tuple(merged.values())
