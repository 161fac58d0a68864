"""Notes to spaCy Docs: from characters to tokens, overlaps resolved, and the fate of every mention."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.vocab import Vocab

from scripts.cli import InputError
from scripts.corpus.note import Entity, Note
from scripts.runtime import tokenizer  # noqa: F401  (registers medner.Tokenizer.v1)
from scripts.runtime.extensions import install_extensions

install_extensions()

GOLD = "gold"  # the span group of all mentions, doc.spans["gold"]
NOTE_ID = "note_id"  # the key of the note's name in doc.user_data
# What a DocBin of the corpus or of predictions stores of a token; span groups and user data come with it.
DOCBIN_ATTRS = ["ENT_IOB", "ENT_TYPE", "ENT_KB_ID"]


class Fate(StrEnum):
    """What became of an annotation; the invariant is read = the sum of all five."""

    KEPT = "kept"  # in doc.ents, at its own characters
    REALIGNED = "realigned"  # in doc.ents, widened to whole tokens or trimmed of blanks
    NESTED = "nested"  # only in doc.spans["gold"]: a longer mention overlaps it
    DUPLICATE = "duplicate"  # likewise: label and characters of an earlier mention
    DROPPED = "dropped"  # nowhere


class Conversion(NamedTuple):
    """A note as a Doc.

    doc (Doc): `doc.ents` holds the kept and realigned mentions, `doc.spans["gold"]` all but the
        dropped, with the characters of each in its `attrs["fragments"]`, what is said of it in its
        `attrs["assertions"]` and its other attributes in `attrs["attributes"]`, in the same order. Those of
        `doc.ents` have what is said as `ent._.assertion` as well. The concept of either is its `kb_id_`.
    fates (list[Fate]): One for each entity of the note.
    """

    doc: Doc
    fates: list[Fate]


def create_nlp() -> Language:
    """A blank English pipeline with the tokenizer that the trained pipelines have."""
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "medner.Tokenizer.v1"}}})
    nlp.max_length = sys.maxsize  # a CoNLL file may be one note of millions of characters
    return nlp


def read_docs(path: Path, vocab: Vocab) -> list[Doc]:
    """The notes of a .spacy file.

    RAISES (InputError): It is missing, damaged or empty.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: convert the corpus first.")
    try:
        docs = list(DocBin().from_disk(path).get_docs(vocab))
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}): convert the corpus again.") from None
    if not docs:
        raise InputError(f"{path} holds no notes: convert the corpus again.")
    return docs


def to_doc(nlp: Language, note: Note) -> Conversion:
    """Convert a note.

    Of overlapping mentions the longest in tokens goes to `doc.ents`, of equally long ones the first
    in the file. A mention that does not end at token ends is widened to whole tokens.

    nlp (Language): Its tokenizer is used, as `create_nlp` makes it.
    note (Note): The note.
    RETURNS (Conversion): The Doc and the fate of each mention.
    """
    doc = nlp.make_doc(note.text)
    doc.user_data[NOTE_ID] = note.id
    spans = [_align(doc, note.text, entity) for entity in note.entities]
    fates = _fates(note.entities, spans)
    in_ents = (Fate.KEPT, Fate.REALIGNED)
    doc.set_ents([span for span, fate in zip(spans, fates, strict=True) if span and fate in in_ents])
    for span, entity, fate in zip(spans, note.entities, fates, strict=True):
        if span and entity.assertion and fate in in_ents:
            span._.assertion = entity.assertion
    gold = [(span, entity) for span, entity in zip(spans, note.entities, strict=True) if span]
    doc.spans[GOLD] = SpanGroup(
        doc,
        name=GOLD,
        attrs={
            "fragments": [[list(fragment) for fragment in entity.fragments] for _, entity in gold],
            "assertions": [entity.assertion for _, entity in gold],
            "attributes": [[list(pair) for pair in entity.attributes] for _, entity in gold],
        },
        spans=[span for span, _ in gold],
    )
    return Conversion(doc, fates)


def _align(doc: Doc, text: str, entity: Entity) -> Span | None:
    """The tokens of a mention's envelope, without blanks at its ends; None if there are only blanks."""
    envelope = text[entity.start : entity.end]
    start = entity.start + len(envelope) - len(envelope.lstrip())
    end = entity.end - len(envelope) + len(envelope.rstrip())
    return doc.char_span(start, end, entity.label, entity.kb_id, alignment_mode="expand") if start < end else None


def _fates(entities: Sequence[Entity], spans: Sequence[Span | None]) -> list[Fate]:
    fates = [Fate.NESTED] * len(entities)
    seen: set[tuple] = set()
    taken: set[int] = set()
    for i, (entity, span) in enumerate(zip(entities, spans, strict=True)):
        if span is None:
            fates[i] = Fate.DROPPED
        elif (entity.label, entity.fragments) in seen:
            fates[i] = Fate.DUPLICATE
        seen.add((entity.label, entity.fragments))
    candidates = [(span, i) for i, span in enumerate(spans) if span and fates[i] is Fate.NESTED]
    for span, i in sorted(candidates, key=lambda candidate: -len(candidate[0])):
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            exact = (span.start_char, span.end_char) == (entities[i].start, entities[i].end)
            fates[i] = Fate.KEPT if exact else Fate.REALIGNED
    return fates
