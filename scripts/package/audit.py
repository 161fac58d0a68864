"""Whether a wheel holds text of the notes: every file in it is searched for their words and word 3-grams."""

import hashlib
import io
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import srsly

WORD = re.compile(r"[^\W_]+")
SHORTEST = 4  # letters of a word that is searched for; shorter ones stand everywhere
SHORTEST_NUMBER = 7  # digits, and letters in weights, where shorter ones come by chance
SHORTEST_PHRASE = 9  # letters of three words
PRINTABLE = re.compile(rb"[\x20-\x7e]{%d,}" % SHORTEST_NUMBER)
HASH = re.compile(r"sha256=[\w-]+,\d*")  # of the wheel's RECORD, with the size

Phrase = tuple[str, str, str]


class Wording(NamedTuple):
    """Lower-cased words and 3-grams of words."""

    words: set[str]
    phrases: set[Phrase]


class Leaf(NamedTuple):
    """A string in a file, and how many letters a word in it needs to be no chance."""

    text: str
    shortest: int = SHORTEST


class Audit(NamedTuple):
    """What a search found.

    wheel (str): Name of the file.
    sha256 (str): Of the wheel, so that it is not taken for the audit of another.
    files (int): Files searched.
    terms (int): Words and 3-grams of the notes that were searched for.
    hits (dict[str, Wording]): By file what was found, none if the wheel is clean. Text of the notes!
    """

    wheel: str
    sha256: str
    files: int
    terms: int
    hits: dict[str, Wording]

    def to_json(self) -> dict[str, Any]:
        """Without the text."""
        return {**self._asdict(), "hits": sum(len(words) + len(phrases) for words, phrases in self.hits.values())}


def audit(wheel: Path, notes: Iterable[str], general: Iterable[str]) -> Audit:
    """Search a wheel for words and 3-grams of notes.

    Words of fewer than four letters are not searched for, nor numbers of fewer than seven digits, as steps, sizes and
    counts are, nor in arrays of numbers words of fewer than seven letters; 3-grams have at
    least nine letters and two words that are no numbers, and lie in one line.

    wheel (Path): The finished wheel.
    notes (Iterable[str]): Text of the notes.
    general (Iterable[str]): What may stand in the wheel: the encoder's vocabulary, our own code and words.
    """
    known = collect_terms(map(Leaf, general), shortest=1)
    with zipfile.ZipFile(wheel) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        found = {name: collect_terms([Leaf(name), *read_leaves(archive.read(name))]) for name in names}
    candidates = {phrase for terms in found.values() for phrase in terms.phrases} - known.phrases
    words, phrases, searched = set[str](), set[Phrase](), 0
    for note in notes:
        of_note = list(WORD.findall(note.lower()))
        words.update(of_note)
        searched += max(0, len(of_note) - 2)
        phrases.update(candidates.intersection(_triples(of_note)))
    words = {word for word in words if len(word) >= SHORTEST} - known.words
    hits = {name: Wording(terms.words & words, terms.phrases & phrases) for name, terms in found.items()}
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Audit(wheel.name, digest, len(names), len(words) + searched, {k: v for k, v in hits.items() if any(v)})


def collect_terms(leaves: Iterable[Leaf], shortest: int = 0) -> Wording:
    """All words, and the 3-grams that are long enough to mean something.

    shortest (int): Letters of a word, whatever the leaf says.
    """
    terms = Wording(set(), set())
    for leaf in leaves:
        for line in leaf.text.lower().splitlines():
            words = WORD.findall(line)
            terms.words.update(word for word in words if len(word) >= (shortest or _shortest(word, leaf)))
            terms.phrases.update(phrase for phrase in _triples(words) if _is_specific(phrase))
    return terms


def _shortest(word: str, leaf: Leaf) -> int:
    return SHORTEST_NUMBER if word.isdigit() else leaf.shortest


def _triples(words: list[str]) -> Iterator[Phrase]:
    return ((a, b, c) for (a, b), (_, c) in pairwise(pairwise(words)))


def _is_specific(phrase: Phrase) -> bool:
    """Whether a 3-gram is long enough, and has enough words, to stand in a file by no chance."""
    return sum(map(len, phrase)) >= SHORTEST_PHRASE and sum(word.isalpha() for word in phrase) >= 2


def read_leaves(data: bytes) -> Iterator[Leaf]:
    """Every string in a file: of JSON, MessagePack, zip, pickle and safetensors, down to the last one inside."""
    if data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from (Leaf(name), *read_leaves(archive.read(name)))
        return
    try:
        text = data.decode("utf8")
    except UnicodeDecodeError:
        yield from _read_packed(data)
        return
    try:
        yield from _walk(srsly.json_loads(text))
    except ValueError:
        yield Leaf(HASH.sub("", text))


def _read_packed(data: bytes) -> Iterator[Leaf]:
    try:
        value = srsly.msgpack_loads(data)
    except Exception:  # bytes that are no MessagePack raise errors of any kind
        value = None
    if isinstance(value, dict | list):
        yield from _walk(value)
        return
    for value in (_read_header(data), _read_pickle(data)):
        yield from _walk(value)
    yield from (Leaf(run.decode("ascii"), SHORTEST_NUMBER) for run in PRINTABLE.findall(data))


def _read_header(data: bytes) -> Any:
    """The JSON that a safetensors file begins with, after its length in 8 bytes; nothing of other files."""
    try:
        return srsly.json_loads(data[8 : 8 + int.from_bytes(data[:8], "little")].decode("utf8"))
    except ValueError:
        return []


def _read_pickle(data: bytes) -> list[Any]:
    """The values that a pickle names, none of it run; nothing of other files.

    Among its bytes a word may touch letters that stand for operations, as in "aspirinq".
    """
    values = []
    try:
        if data[:1] == pickle.PROTO:
            values.extend(value for _, value, _ in pickletools.genops(data))
    except Exception:  # bytes that are no pickle raise errors of any kind
        pass
    return values


def _walk(value: Any) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (*_walk(key), *_walk(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner)
    elif isinstance(value, bytes):
        yield from read_leaves(value)
    elif isinstance(value, np.ndarray):
        yield from read_leaves(value.tobytes())
    else:
        yield Leaf(str(value), SHORTEST if isinstance(value, str) else SHORTEST_NUMBER)
