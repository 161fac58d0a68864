"""Notes as spaCy has them: `.spacy` files of Docs, as `convert`, `annotate` and spaCy's own commands write them.

The mentions are those of the span group `gold`, if `convert` wrote the file, else of `doc.ents`, else of the span group
`sc`. Those of other span groups are counted.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import Entity, Fragment, Note, Problem

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span

SUFFIX = ".spacy"
_GOLD, _NAME = "gold", "note_id"  # as in scripts/corpus/docs.py, which loads spaCy
_OTHERS = ("sc",)  # span groups that are read where there are no entities


def recognises(file: File) -> bool:
    return file.path.suffix.lower() == SUFFIX


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read Docs.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a Doc.
    RAISES (InputError): A file is damaged.
    """
    yield from name_notes(note for file in files if recognises(file) for note in _read_file(file))


def _read_file(file: File) -> list[Note]:
    # Imported here, so that --help does not wait for spaCy.
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    from scripts.runtime.extensions import install_extensions

    install_extensions()
    try:
        docs = list(DocBin().from_bytes(file.data).get_docs(Vocab()))
        return [_read_doc(file, doc, number) for number, doc in enumerate(docs, start=1)]
    except Exception as error:  # what msgpack and numpy raise has no end
        raise InputError(f"{file.path} is damaged ({type(error).__name__}); write it again.") from None


def _read_doc(file: File, doc: "Doc", number: int) -> Note:
    path = str(file.path)
    group = next((name for name in (_GOLD, *(() if doc.ents else _OTHERS)) if doc.spans.get(name)), "")
    entities = _read_group(doc, group, number) if group else [_read_span(ent, number) for ent in doc.ents]
    others = [name for name in doc.spans if name not in (group, _GOLD)]
    problems = tuple(
        Problem(path, number, "mention of a span group that is not read", span.label_, 1)
        for name in others
        for span in doc.spans[name]
    )
    name = str(doc.user_data.get(_NAME, "")) or f"{file.path.stem}-{number}"
    return Note(name, doc.text, tuple(entities), path, path, file_split(file), problems)


def _read_group(doc: "Doc", name: str, number: int) -> list[Entity]:
    """The mentions of a span group; what `convert` knows of each is in its attributes, in the same order."""
    group: Any = doc.spans[name]
    listed = {key: group.attrs.get(key) or [None] * len(group) for key in ("fragments", "assertions", "attributes")}
    return [
        _read_span(span, number, fragments, assertion, attributes)
        for span, fragments, assertion, attributes in zip(group, *listed.values(), strict=True)
    ]


def _read_span(
    span: "Span", number: int, fragments: Any = None, assertion: str | None = None, attributes: Any = None
) -> Entity:
    whole: list[Fragment] = [(start, end) for start, end in fragments or [(span.start_char, span.end_char)]]
    said = span._.assertion if assertion is None else assertion
    said = said if said in VALUES else ""
    pairs = tuple((str(key), str(value)) for key, value in attributes or [])
    return Entity(span.label_, tuple(whole), number, said, int(bool(said)), span.kb_id_, pairs)
