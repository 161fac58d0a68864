"""BioC, in XML and in JSON: documents of passages with offsets into the document, annotations with locations in it.

The text of a document is that of its passages, each where its offset says; where that cannot be, as with offsets that
count bytes, on a line of its own. An annotation is read in the passage it stands in; its infon `type` is the label,
`identifier` or the name of a vocabulary the concept, and all others are attributes. Relations are left alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.names import check_text, file_split, name_notes
from scripts.convert.formats.offsets import Stated, number, place
from scripts.convert.formats.trees import Node, parse, root_tag
from scripts.convert.formats.values import first_value, read_values
from scripts.corpus.note import Entity, Note, Problem

CONCEPTS = ("identifier", "mesh", "omim", "ncbi gene", "ncbi taxonomy", "umls", "cui")
_NO_CONCEPT = ("", "-", "None")
_FURTHEST = 1_000  # characters that may be left empty before a passage
_LINE = "#line"  # the key of the line on which a value begins

_Value = dict[str, Any]  # a collection, document, passage, sentence or annotation, with the keys of BioC's JSON


class _Passage(NamedTuple):
    """A passage: where it begins in its document, as stated, and what is annotated in it."""

    offset: int
    text: str
    annotations: list[_Value]


def recognises(file: File) -> bool:
    if root_tag(file) == "collection":
        return b"<document" in file.data
    return any("passages" in each for each in _documents_in(first_value(file)))


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read BioC files.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a document.
    RAISES (InputError): A file is damaged, or has an offset that is none.
    """
    found = (file for file in files if recognises(file))
    yield from name_notes(_read_document(file, document) for file in found for document in _documents(file))


def _documents(file: File) -> Iterator[_Value]:
    if root_tag(file):
        yield from _documents_in(_as_value(parse(file)))
        return
    for line, value in read_values(file):
        documents = _documents_in(value)
        if not documents and "documents" not in value:
            raise InputError(f"{file.path}, line {line}: no BioC document; each value needs passages or documents.")
        yield from ({**document, _LINE: line} for document in documents)


def _documents_in(value: Any) -> list[_Value]:
    """The documents of a collection, of the answer of PubTator's service, or a document by itself."""
    if not isinstance(value, dict) or ("passages" in value and not value.get("documents")):
        return [value] if isinstance(value, dict) else []
    return _dicts(value.get("documents", next(iter(value.values())) if len(value) == 1 else None))


def _as_value(node: Node) -> _Value:
    """An element under the keys that it has in JSON, with its line."""
    value: _Value = {**node.attributes, "infons": {}, _LINE: node.line}
    for child in node.children:
        if child.tag == "infon":
            value["infons"][child.attributes.get("key", "")] = child.text
        elif child.tag in ("document", "passage", "sentence", "annotation", "location"):
            value.setdefault(f"{child.tag}s", []).append(_as_value(child))
        else:
            value[child.tag] = child.text
    return value


def _read_document(file: File, document: _Value) -> Note:
    path, line = str(file.path), document[_LINE]
    if "passages" not in document:
        raise InputError(f"{path}, line {line}: a document without passages; leave it out.")
    passages = [_read_passage(value, path, line) for value in _dicts(document["passages"])] or [_Passage(0, "", [])]
    _share_out(_dicts(document.get("annotations")), passages)
    pieces, length = [], 0
    entities: list[Entity] = []
    problems: list[Problem] = []
    for passage in passages:
        lead = _lead(length, passage.offset, "\n")
        length += len(lead)
        placed, wrong = place(passage.text, [_state(each, passage.offset, line) for each in passage.annotations], path)
        entities += [_moved(entity, length) for entity in placed if entity]
        problems += wrong
        pieces += [lead, passage.text]
        length += len(passage.text)
    name, text = _word(document.get("id")), "".join(pieces)
    return Note(name, text, tuple(entities), path, path, file_split(file), tuple(problems))


def _read_passage(value: _Value, path: str, line: int) -> _Passage:
    """A passage with its own text, or that of its sentences.

    RAISES (InputError): Its offset is none.
    """
    line = number(value.get(_LINE)) or line
    offset, text = number(value.get("offset")), _word(value.get("text"))
    if offset is None:
        raise InputError(f"{path}, line {line}: a passage without an offset; correct it.")
    annotations, sentences = _dicts(value.get("annotations")), _dicts(value.get("sentences"))
    for sentence in (_read_passage(each, path, line) for each in sentences):
        if not value.get("text"):
            text += _lead(len(text), sentence.offset - offset, "") + sentence.text
        annotations = [*annotations, *sentence.annotations]
    check_text(text, path, line)
    return _Passage(offset, text, annotations)


def _lead(length: int, offset: int, end: str) -> str:
    """What to put behind a text so that the next passage begins where it should, or nearby if that cannot be.

    end (str): The first character between; without one sentences may follow each other at once.
    """
    gap = offset - length
    if not 0 < gap <= _FURTHEST:
        return end if length else ""
    return end + " " * (gap - 1) if length and end else " " * gap


def _share_out(annotations: Sequence[_Value], passages: Sequence[_Passage]) -> None:
    """Give annotations of the document as a whole to the passages they stand in; the first, if in none."""
    for annotation in annotations:
        starts = [number(each.get("offset")) for each in _dicts(annotation.get("locations"))]
        before = [each for each in passages if starts and starts[0] is not None and each.offset <= starts[0]]
        (before or passages[:1])[-1].annotations.append(annotation)


def _state(annotation: _Value, offset: int, line: int) -> Stated:
    """An annotation by offsets into its passage."""
    infons = annotation["infons"] if isinstance(annotation.get("infons"), dict) else {}
    words = {str(key): _word(said) for key, said in infons.items()}
    key = next((key for key in words if key.lower() in CONCEPTS and words[key] not in _NO_CONCEPT), "")
    located = [(number(each.get("offset")), number(each.get("length"))) for each in _dicts(annotation.get("locations"))]
    fragments = [(s - offset, s - offset + n) for s, n in located if s is not None and n is not None and s >= offset]
    quote = annotation.get("text")
    return Stated(
        words.get("type", ""),
        tuple(fragments) if len(fragments) == len(located) else (),
        quote if isinstance(quote, str) else None,
        number(annotation.get(_LINE)) or line,
        words.get(key, ""),
        tuple((name, said) for name, said in words.items() if name not in ("type", key)),
    )


def _moved(entity: Entity, by: int) -> Entity:
    return entity._replace(fragments=tuple((start + by, end + by) for start, end in entity.fragments))


def _dicts(value: Any) -> list[_Value]:
    return [each if isinstance(each, dict) else {} for each in value] if isinstance(value, list) else []


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""
