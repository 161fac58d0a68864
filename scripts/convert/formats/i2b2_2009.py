"""i2b2 2009 medication: texts whose name is a number, and in ID.entries or ID.m a medication a line, ten fields each.

    m="zorvex" 12:3 12:3||do="20 mg" 12:4 12:5||mo="nm"||f="twice a day" 12:6 13:0||du="nm"||r="nm"||e="start"

Fields with offsets are mentions, `nm` is none; e, t, c and ln are attributes of the medication. Lines count from 1,
words from 0, and every single blank separates words. Most texts have no annotations, which is not to have no mentions.
"""

import re
from collections.abc import Iterator, Sequence
from operator import gt

from scripts.archives import File, decode
from scripts.convert.formats.pairs import pair
from scripts.convert.formats.quotes import line_spans
from scripts.corpus.note import Attributes, Entity, Fragment, Note, Problem
from scripts.corpus.split import named_split

SPANS = ("m", "do", "mo", "f", "du", "r")
ENTRIES, CONVERTED = ".entries", ".m"
TRAINING = "training.sets.released"  # a copy of the texts that belong to the train part
FINAL = "converted.noduplicates.sorted"  # the one folder of test annotations that counts; others are earlier stages
_NUMBER = r"\d{1,9}"
_OFFSETS = rf"{_NUMBER}:{_NUMBER} +{_NUMBER}:{_NUMBER}"
# A quote may hold quotation marks: it ends before offsets, or before the next field.
_FIELD = re.compile(rf'([a-z]{{1,2}})="((?:(?!\|\|).)*?)"(?: +({_OFFSETS}(?:[ ,]+{_OFFSETS})*))? *(?:\|\|+|$)')
_MEDICATION = re.compile(rb'^(?:\xef\xbb\xbf)?\s*m="', re.MULTILINE)
_WAYS = (re.compile(r"(?:(?<=^)|(?<=[ \t]))[^ \t]*"), re.compile(r"[^ \t]+"))  # every blank separates, or runs of them
_NONE = "nm"
_ENDS = ".,;:"  # that a word may have and its quote lack

Word = tuple[int, int]  # line and word


def recognises(file: File) -> bool:
    """Whether it is a file of annotations; of the two suffixes the second is also that of MATLAB."""
    name = file.path.name.lower()
    return name.endswith(ENTRIES) or (name.endswith(CONVERTED) and (_MEDICATION.search(file.data) is not None))


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read the annotated notes of i2b2 2009.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave annotations without a text out.
    YIELDS (Note): One note an annotated text.
    RAISES (InputError): An annotation file has no text, or a file is not UTF-8.
    """
    final = any(FINAL in file.path.parts for file in files)
    annotations = [file for file in files if recognises(file) and _counts(file, final)]
    names = {_stem(file) for file in annotations}
    named = [file for file in files if file.path.suffix.lower() in ("", ".txt") and _stem(file) in names]
    training = {_stem(file) for file in files if TRAINING in str(file.path)}
    texts = {(_stem(file), file.data): file for file in named}  # the train part's texts are there twice
    for found in pair(list(texts.values()), annotations, _stem, skip_unpaired):
        split = named_split(found.annotation.path.parts[:-1]) or named_split(found.text.path.parts[:-1])
        if training:
            split = "train" if _stem(found.text) in training else "test"
        text, path = decode(found.text), str(found.annotation.path)
        entities, problems = _read_lines(text, found.annotation)
        yield Note(found.id, text, entities, path, str(found.text.path), split, problems)


def _counts(file: File, final: bool) -> bool:
    return not final or not file.path.name.lower().endswith(CONVERTED) or FINAL in file.path.parts


def _stem(file: File) -> str:
    return re.split(r"[._]", file.path.name)[0]


def _read_lines(text: str, file: File) -> tuple[tuple[Entity, ...], tuple[Problem, ...]]:
    path, lines = str(file.path), line_spans(text)
    entities: list[Entity] = []
    problems: list[Problem] = []
    for number, line in enumerate(decode(file).removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        fields = list(_FIELD.finditer(line.strip()))
        if len("".join(field[0] for field in fields)) != len(line.strip()):
            problems.append(Problem(path, number, "malformed line", dropped=1))
        said = tuple((field[1], field[2]) for field in fields if field[1] not in SPANS and field[2] != _NONE)
        for name, quote, offsets in (field.groups() for field in fields if field[1] in SPANS):
            if quote == _NONE and not offsets:
                continue
            found = _read_field(text, lines, name, quote, offsets or "", number, said if name == "m" else ())
            if isinstance(found, Entity):
                entities.append(found)
            else:
                problems.append(Problem(path, number, found, name, 1))
    return tuple(entities), tuple(problems)


def _read_field(
    text: str, lines: Sequence[Fragment], name: str, quote: str, offsets: str, number: int, said: Attributes
) -> Entity | str:
    """The mention of a field, or what is wrong with it."""
    words = [(int(line), int(word)) for line, word in re.findall(r"(\d+):(\d+)", offsets)]
    if not words:
        return "no offsets that can be read"
    if any(not 1 <= line <= len(lines) for line, _ in words) or any(map(gt, words[::2], words[1::2])):
        return "offset beyond the text"
    beyond = True
    for way in _WAYS:
        ends = [_word(text, lines, way, word) for word in words]
        if any(end is None for end in ends):
            continue
        beyond = False
        spans = [end for end in ends if end]
        fragments = [(first[0], last[1]) for first, last in zip(spans[::2], spans[1::2], strict=True)]
        fragments = _fit(text, fragments, quote)
        if fragments:
            return Entity(name, tuple(sorted(fragments)), number, attributes=said)
    return "offset beyond the text" if beyond else "quote does not match its offsets"


def _word(text: str, lines: Sequence[Fragment], way: re.Pattern[str], word: Word) -> Fragment | None:
    start, end = lines[word[0] - 1]
    words = [match.span() for match in way.finditer(text[start:end])]
    return (start + words[word[1]][0], start + words[word[1]][1]) if word[1] < len(words) else None


def _fit(text: str, fragments: list[Fragment], quote: str) -> list[Fragment]:
    """The fragments, if they are what the quote says, without the point at their end if it lacks that; else none."""
    parts = [_squeeze(part) for part in quote.split("...")] if len(fragments) > 1 else [_squeeze(quote)]
    words = [_squeeze(text[start:end]) for start, end in fragments]
    if any(start >= end for start, end in fragments):
        return []
    if "".join(words) == "".join(parts):
        return fragments
    fitted = []
    for (start, end), part in zip(fragments, parts, strict=False):
        while _squeeze(text[start:end]) != part and start < end and text[end - 1] in _ENDS:
            end -= 1
        fitted += [(start, end)] if start < end and _squeeze(text[start:end]) == part else []
    return fitted if len(fitted) == len(fragments) == len(parts) else []


def _squeeze(text: str) -> str:
    return " ".join(text.lower().split())
