"""UIMA XMI, as INCEpTION, WebAnno and cTAKES write it: a text (sofa) a note, annotations with offsets into it.

Mentions are annotations of types named ...NamedEntity or ...Mention, and of a project's own (`custom:`); their label is
the value, or the name of the type. Offsets count UTF-16 units, as Java does. Tokens, sentences and the like are left
alone.
"""

from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats.names import file_split, name_notes
from scripts.convert.formats.offsets import Stated, fragment, place
from scripts.convert.formats.trees import Node, parse, root_tag
from scripts.corpus.note import Fragment, Note, Problem

_MENTIONS = ("NamedEntity", "Mention")
_OWN = "custom:"
_LABELS = ("value", "label")
_CONCEPTS = ("identity", "identifier", "cui")
_OF_PLACE = ("xmi:id", "sofa", "begin", "end", *_LABELS, *_CONCEPTS)


def recognises(file: File) -> bool:
    return _name(root_tag(file)) == "XMI"


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read XMI files.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a text.
    RAISES (InputError): A file is damaged, or no annotation of any is a mention.
    """
    found, types, notes = [file for file in files if recognises(file)], set[str](), []
    for file in found:
        root = parse(file)
        types |= {_name(child.tag) for child in root.children if "begin" in child.attributes}
        notes += list(_read_sofas(file, root))
    if notes and not any(note.entities or note.problems for note in notes):
        others = f"only {', '.join(sorted(types)[:5])}" if types else "none at all"
        raise InputError(f"{found[0].path}: no NamedEntity or Mention in it, {others}; export a layer of mentions.")
    yield from name_notes(notes)


def _read_sofas(file: File, root: Node) -> Iterator[Note]:
    path = str(file.path)
    sofas = [child for child in root.children if _name(child.tag) == "Sofa" and "sofaString" in child.attributes]
    mentions = [child for child in root.children if _is_mention(child)]
    if not sofas:
        raise InputError(f"{path}: no text (sofaString) in it; export the file again with its text.")
    ids = {sofa.attributes.get("xmi:id") for sofa in sofas}
    strays = [Problem(path, each.line, "mention of no text", _name(each.tag), 1) for each in mentions
              if each.attributes.get("sofa") not in ids]  # fmt: skip
    for number, sofa in enumerate(sofas, start=1):
        text = sofa.attributes["sofaString"]
        own = [each for each in mentions if each.attributes.get("sofa") == sofa.attributes.get("xmi:id")]
        places = [i for i, character in enumerate(text) for _ in range(1 + (character > "\uffff"))] + [len(text)]
        stated = [_state(each, places) for each in own]
        placed, problems = place(text, stated, path)
        problems += strays if number == 1 else []
        entities = tuple(entity for entity in placed if entity)
        name = file.path.stem if len(sofas) == 1 else f"{file.path.stem}-{number}"
        yield Note(name, text, entities, path, path, file_split(file), tuple(problems))


def _is_mention(node: Node) -> bool:
    return "begin" in node.attributes and (_name(node.tag).endswith(_MENTIONS) or node.tag.startswith(_OWN))


def _state(node: Node, places: Sequence[int]) -> Stated:
    """An annotation by characters of the text; offsets beyond it stay so."""
    counted: tuple[Fragment, ...] = fragment(node.attributes["begin"], node.attributes.get("end"))
    fragments = tuple(tuple(places[i] if i < len(places) else i for i in each) for each in counted)
    said = node.attributes
    label = next((said[key] for key in _LABELS if said.get(key)), _name(node.tag))
    kb_id = next((said[key] for key in _CONCEPTS if said.get(key)), "")
    attributes = tuple((key, value) for key, value in said.items() if key not in _OF_PLACE and value)
    return Stated(label, tuple((start, end) for start, end in fragments), None, node.line, kb_id, attributes)


def _name(tag: str) -> str:
    return tag.rpartition(":")[2]
