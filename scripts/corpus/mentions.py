"""The mentions of a Doc as they are written: all that were annotated, or those that a pipeline found."""

from typing import NamedTuple

from spacy.tokens import Doc, Span

from scripts.corpus.docs import GOLD
from scripts.corpus.note import Attributes, Fragment


class Mention(NamedTuple):
    """A mention to be written.

    span (Span): Its tokens.
    fragments (tuple[Fragment, ...]): Its characters, which may end inside a token.
    assertion (str): What is said of it, "" for nothing.
    attributes (Attributes): What else is.
    """

    span: Span
    fragments: tuple[Fragment, ...]
    assertion: str
    attributes: Attributes = ()

    @property
    def start(self) -> int:
        return self.fragments[0][0]

    @property
    def end(self) -> int:
        return max(end for _, end in self.fragments)


def written_mentions(doc: Doc) -> list[Mention]:
    """The mentions that `convert` has read, nested ones and duplicates too; of other Docs those of `doc.ents`."""
    if GOLD not in doc.spans:
        return [Mention(ent, ((ent.start_char, ent.end_char),), ent._.assertion or "") for ent in doc.ents]
    group = doc.spans[GOLD]
    listed = zip(group, *(group.attrs.get(key) or [()] * len(group) for key in _KEYS), strict=True)
    return [
        Mention(
            span,
            tuple((start, end) for start, end in fragments) or ((span.start_char, span.end_char),),
            assertion or "",
            tuple((name, value) for name, value in attributes),
        )
        for span, fragments, assertion, attributes in listed
    ]


_KEYS = ("fragments", "assertions", "attributes")
