"""BioC in XML and JSON: passages where their offsets say, sentences, concepts, offsets count otherwise."""

import json
from functools import cache
from typing import Any

import pytest

from scripts.archives import read_files
from scripts.cli import InputError
from scripts.convert.formats import FORMATS, bioc, detect, pubtator
from scripts.convert.formats.offsets import MISMATCH
from scripts.corpus.note import Note
from tests import written
from tests.cases import case
from tests.helpers import file, open_corpus, problems, quoted


def annotation(start: int, text: str, length: int | None = None, **infons: str) -> dict[str, Any]:
    location = {"offset": start, "length": len(text) if length is None else length}
    return {"id": "1", "infons": {"type": "Disease", **infons}, "text": text, "locations": [location]}


def passage(offset: Any, text: str, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"offset": offset, "infons": {}, "text": text, "annotations": list(annotations), **more}


def read(*passages: dict[str, Any], **more: Any) -> Note:
    content = json.dumps({"documents": [{"id": "1", "infons": {}, "passages": list(passages), **more}]})
    [note] = bioc.read([file("train.json", content)])
    return note


# --- both forms


def test_the_case_is_read():
    files = case("bioc-xml")
    assert detect(files) == "bioc"
    notes = list(bioc.read(files))
    assert [(note.id, note.split) for note in notes] == [(f"{part}/1", part) for part in ("dev", "test", "train")]
    assert all((note.text, quoted(note)) == ("Fever after zorvex.", [("Disease", "Fever")]) for note in notes)
    assert not any(note.problems for note in notes)


@pytest.mark.parametrize(
    "content",
    [
        {"source": "x", "documents": [{"id": 1, "passages": [passage(0, "Fever", annotation(0, "Fever"))]}]},
        {"PubTator3": [{"id": "1", "passages": [passage(0, "Fever", annotation(0, "Fever"))]}]},
        {"id": "1", "passages": [passage(0, "Fever", annotation(0, "Fever"))], "annotations": [], "relations": []},
        [{"documents": [{"id": "1", "passages": [passage(0, "Fever", annotation(0, "Fever"))]}]}],
    ],
)
def test_json_is_told_by_its_keys(content):
    files = [file("a.json", json.dumps(content))]
    assert detect(files) == "bioc"
    [note] = bioc.read(files)
    assert (note.id, quoted(note), note.problems) == ("1", [("Disease", "Fever")], ())


def test_a_document_a_line_is_read():
    documents = [{"id": str(i), "passages": [passage(0, "Fever", annotation(0, "Fever"))]} for i in range(3)]
    notes = list(bioc.read([file("a.jsonl", "\n".join(map(json.dumps, documents)))]))
    assert [(note.id, note.entities[0].line) for note in notes] == [("0", 1), ("1", 2), ("2", 3)]


def test_passages_stand_where_their_offsets_say():
    note = read(
        passage(0, "Fever."), passage(7, "Pain.", annotation(7, "Pain")), passage(15, "Pain", annotation(15, "Pain"))
    )
    assert note.text == "Fever.\nPain.\n  Pain"
    assert [entity.fragments for entity in note.entities] == [((7, 11),), ((15, 19),)] and note.problems == ()


@pytest.mark.parametrize("offset", [0, 3, 6, 10**9])
def test_a_passage_that_cannot_stand_there_is_a_line_of_its_own(offset):
    note = read(passage(0, "Fever."), passage(offset, "Pain.", annotation(offset, "Pain")))
    assert note.text == "Fever.\nPain." and quoted(note) == [("Disease", "Pain")] and note.problems == ()


def test_offsets_that_count_bytes_are_told_by_the_quotes():
    first, second = "é fever", "ü pain é pain"
    start = len(first.encode()) + 1
    at = start + len("ü pain é ".encode())
    note = read(passage(0, first, annotation(3, "fever")), passage(start, second, annotation(at, "pain")))
    assert note.text.split() == [*first.split(), *second.split()]
    assert [note.text[: entity.start].count("pain") for entity in note.entities] == [0, 1]
    assert quoted(note) == [("Disease", "fever"), ("Disease", "pain")]
    assert problems(note) == [(0, "offsets count UTF-8 bytes", 0)] * 2


def test_sentences_make_a_passage():
    sentences = [passage(10, "Fever.", annotation(10, "Fever")), passage(17, "Pain.", annotation(17, "Pain"))]
    sentences += [passage(22, "Ache.", annotation(22, "Ache"))]
    note = read(
        passage(0, "A title"), {"offset": 10, "sentences": sentences, "annotations": [annotation(10, "Fever. Pain")]}
    )
    assert note.text == "A title\n  Fever. Pain.Ache."
    assert [words for _, words in quoted(note)] == ["Fever. Pain", "Fever", "Pain", "Ache"] and note.problems == ()


def test_annotations_of_the_document_are_those_of_the_passage_they_stand_in():
    whole = [annotation(7, "Pain"), annotation(0, "Fever")]
    note = read(passage(0, "Fever."), passage(7, "Pain."), annotations=whole)
    assert quoted(note) == [("Disease", "Fever"), ("Disease", "Pain")]
    assert problems(read(annotations=whole)) == [(1, "offset beyond the text", 1)] * 2


def test_concepts_and_other_infons_are_kept():
    note = read(
        passage(0, "Fever", annotation(0, "Fever", MESH="D1", kind="x"), annotation(0, "Fever", identifier="-"))
    )
    assert [(entity.kb_id, entity.attributes) for entity in note.entities] == [
        ("D1", (("kind", "x"),)),
        ("", (("identifier", "-"),)),
    ]


def test_a_mention_of_several_locations_has_all_of_them():
    mention = annotation(0, "Fever mild") | {"locations": [{"offset": 0, "length": 5}, {"offset": 10, "length": 4}]}
    note = read(passage(0, "Fever was mild", mention))
    assert note.entities[0].fragments == ((0, 5), (10, 14)) and note.problems == ()


@pytest.mark.parametrize(
    ("mention", "kind"),
    [
        ({}, "no label that can be read"),
        (None, "no label that can be read"),
        (annotation(0, "Fever") | {"locations": []}, "no offsets that can be read"),
        (annotation(0, "Fever") | {"locations": [{"offset": -1, "length": 5}]}, "no offsets that can be read"),
        (annotation(0, "Fever") | {"locations": [{"offset": 0}]}, "no offsets that can be read"),
        (annotation(0, "Fever", 0), "empty or reversed offsets"),
        (annotation(0, "Fever", 50), "offset beyond the text"),
        (annotation(0, "Fever", 4), MISMATCH),
    ],
)
def test_an_annotation_that_cannot_be_read_is_counted(mention, kind):
    note = read(passage(0, "Fever"), passage(6, "Pain", annotation(6, "Pain"), mention))
    good = read(passage(0, "Fever", mention, annotation(0, "Fever")))
    assert quoted(good) == [("Disease", "Fever")] and problems(good) == [(1, kind, 1)]
    assert quoted(note) == [("Disease", "Pain")] and sum(problem.dropped for problem in note.problems) == 1


@pytest.mark.parametrize("offset", [None, "x", -1, 1.5])
def test_a_passage_without_an_offset_is_refused(offset):
    with pytest.raises(InputError, match=r"train.json, line 1: a passage without an offset"):
        read(passage(offset, "Fever"))


def test_values_and_documents_that_are_none_are_refused():
    good = json.dumps({"id": "1", "passages": []})
    for other, said in (('{"id": "2"}', "no BioC document"), ('{"documents": [{}]}', "a document without passages")):
        with pytest.raises(InputError, match=rf"a.json, line 2: {said}"):
            list(bioc.read([file("a.json", f"{good}\n{other}")]))


# --- XML

IN_XML = "<collection><document>%s</document></collection>"


def read_xml(content: str) -> list[Note]:
    return list(bioc.read([file("a.xml", content)]))


def test_lines_of_xml_are_named_and_its_entities_are_single_characters():
    body = "<passage>\n<offset>0</offset><text>a &lt; fever</text>\n<annotation id='1'><infon key='type'>x</infon>"
    content = IN_XML % f"<id>1</id>{body}<location offset='4' length='LENGTH'/></annotation></passage>"
    [note] = read_xml(content.replace("LENGTH", "5"))
    assert (note.text, quoted(note), note.entities[0].line) == ("a < fever", [("x", "fever")], 3)
    [note] = read_xml(content.replace("LENGTH", "50"))
    assert problems(note) == [(3, "offset beyond the text", 1)]


def test_nothing_outside_the_file_is_read(tmp_path):
    (tmp_path / "secret").write_text("secret")
    declared = f'<!DOCTYPE collection [<!ENTITY x SYSTEM "{tmp_path / "secret"}">]>'
    for head in (declared, '<!DOCTYPE collection [<!ENTITY x "lol">]>', '<!DOCTYPE collection SYSTEM "BioC.dtd">'):
        content = (
            f"{head}<collection><document><passage><offset>0</offset><text>&x;</text></passage></document></collection>"
        )
        with pytest.raises(InputError, match=r"a.xml, line 1: entities of its own"):
            read_xml(content)


@pytest.mark.parametrize(
    "content",
    [
        "<collection><document>",
        "<collection><document></collection>",
        "<collection><document>\xff</document>\0</collection>",
    ],
)
def test_damaged_xml_is_named(content):
    with pytest.raises(InputError, match=r"a.xml, line 1: damaged XML"):
        read_xml(content)


def test_xml_nested_too_deeply_is_refused():
    with pytest.raises(InputError, match="nested too deeply"):
        read_xml(IN_XML % ("<passage>" * 10**5 + "</passage>" * 10**5))


# --- open corpora, written and read again


@cache
def notes_of(corpus: str) -> list[Note]:
    files = list(read_files(open_corpus(corpus)))
    reader = FORMATS["conll" if corpus == "bc5cdr" else "brat"]
    return [note._replace(id=str(i)) for i, note in enumerate(reader.read(files))]


@pytest.mark.parametrize("corpus", ["maccrobat", "chia", "bc5cdr"])
@pytest.mark.parametrize("write", [written.bioc_json, written.bioc_xml])
def test_open_corpora_in_bioc_are_read_to_the_same_mentions(corpus, write):
    notes = notes_of(corpus)
    again = list(bioc.read([file("a", write(notes))]))
    for one, other in zip(notes, again, strict=True):
        texts = [text.translate({ord(c): " " for c in "\r\n"}).rstrip() for text in (one.text, other.text)]
        assert texts[0] == texts[1] and other.problems == ()
        mentions = [sorted((entity.label, entity.fragments) for entity in note.entities) for note in (one, other)]
        assert mentions[0] == mentions[1]


@pytest.mark.parametrize("corpus", ["maccrobat", "chia", "bc5cdr"])
def test_open_corpora_in_pubtator_are_read_to_the_same_mentions(corpus):
    notes = notes_of(corpus)
    again = list(pubtator.read([file("a", written.pubtator(notes))]))
    for one, other in zip(notes, again, strict=True):
        assert one.text.split() == other.text.split() and len(one.text) == len(other.text) and other.problems == ()
        expected = [(entity.label, entity.start, entity.end) for entity in one.entities]
        assert [(entity.label, entity.start, entity.end) for entity in other.entities] == expected
