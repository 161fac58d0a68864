"""Reading converted notes for training: long notes in parts, every token that one sees and every entity kept."""

from collections.abc import Callable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from scripts.corpus.docs import read_docs
from scripts.runtime.invisible import see


@registry.readers("medner.Notes.v1")
def create_notes_reader(path: str | Path, max_length: int) -> Callable[[Language], Iterator[Example]]:
    """Create a reader of a .spacy file for `spacy train`.

    spaCy's own reader with a `max_length` drops what has no sentence shorter than it; this one cuts.

    path (str | Path): The .spacy file.
    max_length (int): Longest part of a note in tokens, 0 for no limit.
    RETURNS (Callable): Yields the Examples for a pipeline.
    """

    def read(nlp: Language) -> Iterator[Example]:
        for doc in (see(doc).doc for doc in read_docs(Path(path), nlp.vocab)):
            for start, end in part_bounds(doc, max_length):
                yield _example(nlp, doc if end - start == len(doc) else take_part(doc, start, end))

    return read


def part_bounds(doc: Doc, max_length: int) -> list[tuple[int, int]]:
    """Cut a Doc into parts, after the last line end that fits, else between tokens, never in an entity.

    doc (Doc): The Doc; an empty one has no parts.
    max_length (int): Longest part in tokens, 0 for no limit; only an entity longer than it exceeds it.
    RETURNS (list[tuple[int, int]]): Start and end tokens of the parts, which cover the Doc in order.
    """
    bounds, start = [], 0
    while start < len(doc):
        end = len(doc)
        if max_length and end - start > max_length:
            end = _cut(doc, start, start + max_length)
        bounds.append((start, end))
        start = end
    return bounds


def take_part(doc: Doc, start: int, end: int) -> Doc:
    """Some tokens of a Doc, with their entities and the assertions of these."""
    part = doc[start:end].as_doc()
    for before, after in zip(doc[start:end].ents, part.ents, strict=True):
        if before._.assertion:
            after._.assertion = before._.assertion
    return part


def _cut(doc: Doc, start: int, limit: int) -> int:
    allowed = [i for i in range(start + 1, limit + 1) if doc[i].ent_iob_ != "I"]
    if not allowed:
        return next((i for i in range(limit, len(doc)) if doc[i].ent_iob_ != "I"), len(doc))
    return next((i for i in reversed(allowed) if "\n" in doc[i - 1].text), allowed[-1])


def _example(nlp: Language, reference: Doc) -> Example:
    words = [token.text for token in reference]
    spaces = [bool(token.whitespace_) for token in reference]
    return Example(Doc(nlp.vocab, words=words, spaces=spaces), reference)
