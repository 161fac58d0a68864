"""Notes written in the formats of other tools, as a test's own account of these."""

import json
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from scripts.corpus.note import Entity, Note


def pubtator(notes: Iterable[Note]) -> str:
    """Each text as an abstract; PubTator has it on one line, and mentions in one piece."""
    documents = []
    for note in notes:
        flat = note.text.translate({ord(blank): " " for blank in "\n\r"})
        rows = [f"{note.id}|a|{flat}"]
        for entity in note.entities:
            rows.append(f"{note.id}\t{entity.start}\t{entity.end}\t{flat[entity.start : entity.end]}\t{entity.label}")
        documents.append("".join(f"{row}\n" for row in rows))
    return "\n".join(documents)


def bioc_json(notes: Iterable[Note]) -> str:
    """Each line of a text as a passage, if no mention goes on over its end; else the text as one."""
    return json.dumps({"source": "", "documents": [{"id": note.id, "passages": _passages(note)} for note in notes]})


def bioc_xml(notes: Iterable[Note]) -> str:
    documents = []
    for note in notes:
        passages = []
        for passage in _passages(note):
            annotations = "".join(map(_xml_annotation, passage["annotations"]))
            text = escape(passage["text"], {"\r": "&#13;"})
            passages.append(f"<passage><offset>{passage['offset']}</offset><text>{text}</text>{annotations}</passage>")
        documents.append(f"<document><id>{escape(note.id)}</id>{''.join(passages)}</document>")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n'
    return f"{head}<collection><source/><date/><key/>{''.join(documents)}</collection>"


def _passages(note: Note) -> list[dict[str, Any]]:
    lines, start = [], 0
    for line in note.text.split("\n"):
        lines.append((start, start + len(line)))
        start += len(line) + 1
    inside: list[list[Entity]] = [[] for _ in lines]
    for entity in note.entities:
        inside[bisect_right(lines, (entity.start, len(note.text) + 1)) - 1].append(entity)
    if any(entity.end > line[1] for line, entities in zip(lines, inside, strict=True) for entity in entities):
        lines, inside = [(0, len(note.text))], [list(note.entities)]
    return [_passage(note, line, entities) for line, entities in zip(lines, inside, strict=True) if line[0] < line[1]]


def _passage(note: Note, line: tuple[int, int], entities: list[Entity]) -> dict[str, Any]:
    annotations = [_annotation(note, i, entity) for i, entity in enumerate(entities)]
    return {"offset": line[0], "infons": {}, "text": note.text[slice(*line)], "annotations": annotations}


def _annotation(note: Note, number: int, entity: Entity) -> dict[str, Any]:
    return {
        "id": str(number),
        "infons": {"type": entity.label},
        "text": " ".join(note.text[start:end] for start, end in entity.fragments),
        "locations": [{"offset": start, "length": end - start} for start, end in entity.fragments],
    }


def _xml_annotation(value: dict[str, Any]) -> str:
    places = ((place["offset"], place["length"]) for place in value["locations"])
    locations = "".join(f'<location offset="{offset}" length="{length}"/>' for offset, length in places)
    label, text = escape(value["infons"]["type"]), escape(value["text"], {"\r": "&#13;"})
    body = f'<infon key="type">{label}</infon>{locations}<text>{text}</text>'
    return f"<annotation id={quoteattr(value['id'])}>{body}</annotation>"
