"""Files with bytes changed anywhere: each reader counts what it cannot read or says one sentence, and never breaks."""

import random
import re

import pytest

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import FORMATS
from scripts.corpus.note import Note
from tests.cases import case

ROUNDS = 2_000
SEEDS = {
    "jsonl": ("jsonl-doccano", "jsonl-medner", "json-spacy-v2", "json-label-studio"),
    "a1": ("brat-a1-a2",),
    "i2b2-2006": ("i2b2-2006",),
    "i2b2-2009": ("i2b2-2009",),
    "i2b2-2012": ("i2b2-2012",),
    "i2b2-2014": ("xml-i2b2-2014",),
    "i2b2-2014-risk": ("i2b2-2014-risk",),
    "n2c2-2019": ("n2c2-2019",),
    "n2c2-2022-1": ("n2c2-2022-track1",),
    "offset-table": ("offset-table",),
    "pubtator": ("pubtator",),
    "xmi": ("xmi-uima",),
    "bioc": ("bioc-xml", "bioc-json"),
}
PIECES = (b"\0", b"\n", b"\r\n", b"\t", b" ", b"|", b"<", b">", b"&", b"]]>", b'"', b"{", b"[", b"-1", b"9" * 5000,
          b"\xff", b"\xef\xbb\xbf", b"\\ud800", b"\xed\xa0\x80", b"null", b"/", b"#")  # fmt: skip


def mutated(files: list[File], chance: random.Random) -> list[File]:
    """The files with one to three of them changed: bytes turned, cut out, doubled, or something put between."""
    changed = list(files)
    for _ in range(chance.randint(1, 3)):
        i = chance.randrange(len(changed))
        data = changed[i].data
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 2, 8, 40)))
        new = chance.choice((b"", data[start:end] * 2, bytes([chance.randrange(256)]), chance.choice(PIECES)))
        changed[i] = changed[i]._replace(data=data[:start] + new + data[end:])
    return changed


def check(note: Note) -> None:
    for text in (note.id, note.text, *(problem.label for problem in note.problems)):
        text.encode("utf8")
    for entity in note.entities:
        assert entity.label and entity.fragments
        assert all(0 <= start < end <= len(note.text) for start, end in entity.fragments)
        for text in (entity.label, entity.kb_id, *(word for pair in entity.attributes for word in pair)):
            text.encode("utf8")


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds])
def test_whatever_bytes_are_changed_a_reader_counts_or_says_what_it_cannot_read(name, seed):
    reader, files = FORMATS[name], case(seed)
    assert any(map(reader.recognises, files))
    chance, said = random.Random(seed), 0
    for _ in range(ROUNDS):
        given = mutated(files, chance)
        try:
            notes = list(reader.read(given, chance.random() < 0.5))
        except InputError as error:
            said += 1
            sentence = str(error)
            assert sentence.endswith(".") and len(sentence) < 400 and re.search(r"\w", sentence)
            continue
        assert len({note.id for note in notes}) == len(notes)
        for note in notes:
            check(note)
    assert 0 < said < ROUNDS  # else nothing was tried


def test_every_reader_of_text_is_tried():
    # Bytes of a .spacy file are packed with a checksum.
    assert FORMATS.keys() - SEEDS.keys() <= {"con", "brat", "conll", "spacy"}
