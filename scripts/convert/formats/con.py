"""i2b2 2010 and 2011 concepts: X.txt beside X.con or X.txt.con, mentions as line:token numbers.

A line of a concept file is `c="sore left elbow" 7:3 7:5||t="problem"`: the quote in lower case, then
line (1-based) and token (0-based) of the first and the last token. A line of X.ast or X.txt.ast has
`||a="absent"` behind it, and is about the concept with the same label, quote and start: its end may be wrong.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from scripts.archives import File, decode, is_utf8
from scripts.convert.formats.pairs import Pair, attach, pair
from scripts.convert.formats.quotes import find_nearest, line_spans, squeeze
from scripts.corpus.assertions import VALUES, Statement, join
from scripts.corpus.note import Entity, Fragment, Note, Problem
from scripts.corpus.split import named_split

CONCEPT_SUFFIXES = (".txt.con", ".txt.concept", ".con", ".concept")
ASSERTION_SUFFIXES = (".txt.ast", ".ast")
# Greedy: a quote may itself hold `"` and `||`, so it ends at the last `" 1:2 3:4||t=` of the line.
_NUMBER = r"(\d{1,9})"
_CONCEPT = re.compile(rf'c="(.*)" {_NUMBER}:{_NUMBER} {_NUMBER}:{_NUMBER}\|\|t="([^"]+)"')
_ASSERTION = re.compile(_CONCEPT.pattern + r'\|\|a="([^"]+)"')

# The releases count tokens in more than one way. First comes what reproduces every quote of i2b2 2010:
# runs of blanks separate, and a leading blank makes one empty token (as Java's split("\\s+")).
_COUNTINGS: tuple[Callable[[str], list[Fragment]], ...] = (
    lambda line: _leading(line) + _tokens(r"[^ ]+", line),
    lambda line: _tokens(r"[^ ]+", line),
    lambda line: _tokens(r"(?:(?<=^)|(?<= ))[^ ]*", line),
    lambda line: _tokens(r"[^ \t\r\n\f\v]+", line),
)


class _Concept(NamedTuple):
    """What a line of either file refers to: by line and token, both inclusive."""

    quote: str
    label: str
    first: tuple[int, int]
    last: tuple[int, int]


class _Lines(NamedTuple):
    """A text and where its lines are."""

    text: str
    spans: list[Fragment]


class _Known:
    """The mentions of a note, to find by what a line says of them."""

    def __init__(self) -> None:
        self.mentions: dict[tuple, Entity] = {}  # by label, quote and start
        self.places: dict[tuple, list[int]] = {}  # in the entities, by label and characters
        self.dropped: set[tuple] = set()

    def add(self, concept: _Concept, entity: Entity | None, place: int) -> None:
        if entity is None:
            self.dropped.add(_key(concept))
        else:
            self.mentions.setdefault(_key(concept), entity)
            self.places.setdefault((entity.label, entity.fragments), []).append(place)


def recognises(file: File) -> bool:
    return file.path.name.lower().endswith(CONCEPT_SUFFIXES)


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read notes with .con files, and with .ast files where there are some; chains and relations are left alone.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    YIELDS (Note): One note a concept file.
    RAISES (InputError): A file is without a partner or cannot be decoded.
    """
    texts = [file for file in files if _is_text(file)]
    concepts = [file for file in files if recognises(file)]
    assertions = [file for file in files if file.path.name.lower().endswith(ASSERTION_SUFFIXES)]
    found = pair(texts, concepts, _stem, skip_unpaired)
    attached = attach(found, assertions, _stem)
    for each in found:
        yield _read_note(each, attached.get(each.id))


def _is_text(file: File) -> bool:
    # Some copies of the 2011 release have texts without a suffix in docs/.
    name = file.path.name.lower()
    unannotated = "unannotated" in file.path.parts
    return not unannotated and (name.endswith(".txt") or ("." not in name and file.path.parent.name == "docs"))


def _stem(file: File) -> str:
    name = file.path.name
    ends = (*CONCEPT_SUFFIXES, *ASSERTION_SUFFIXES, ".txt")
    return next((name[: -len(end)] for end in ends if name.lower().endswith(end)), name)


def _read_note(found: Pair, assertions: File | None) -> Note:
    text = decode(found.text, fallback="latin-1")
    lines = _Lines(text, line_spans(text))
    file = str(found.annotation.path)
    entities, problems, known = [], [], _Known()
    for each in (found.text, found.annotation, *([assertions] if assertions else [])):
        if not is_utf8(each):
            problems.append(Problem(str(each.path), 0, "not UTF-8, read as Latin-1"))
    for number, line in _numbered(found.annotation):
        concept = _parse(_CONCEPT, line)
        entity, problem = _read_concept(lines, concept, number, file)
        if concept:
            known.add(concept, entity, len(entities))
        entities.extend([entity] if entity else [])
        problems.extend([problem] if problem else [])
    if assertions:
        statements = [_read_assertion(lines, line, number, known) for number, line in _numbered(assertions)]
        entities, unjoined = join(entities, statements, str(assertions.path))
        problems += unjoined
    return Note(
        found.id,
        text,
        tuple(entities),
        file,
        str(found.text.path),
        named_split(found.text.path.parts[:-1]),
        tuple(problems),
        str(assertions.path) if assertions else "",
    )


def _numbered(file: File) -> Iterator[tuple[int, str]]:
    """The lines of an annotation file that are not blank, with their numbers."""
    text = decode(file, fallback="latin-1").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _parse(pattern: re.Pattern[str], line: str) -> _Concept | None:
    match = pattern.fullmatch(line)
    if not match:
        return None
    first_line, first, last_line, last = (int(group) for group in match.group(2, 3, 4, 5))
    return _Concept(match[1], match[6], (first_line, first), (last_line, last))


def _read_concept(
    lines: _Lines, concept: _Concept | None, number: int, file: str
) -> tuple[Entity | None, Problem | None]:
    if concept is None:
        return None, Problem(file, number, "malformed line", dropped=1)
    quote, label = concept.quote, concept.label
    if not 1 <= concept.first[0] <= concept.last[0] <= len(lines.spans):
        return None, Problem(file, number, "offset beyond the text", label, 1)
    for count in _COUNTINGS:
        span = _span(lines, count, concept)
        if span and _same(lines.text[slice(*span)], quote):
            return Entity(label, (span,), number), None
    span = _nearest_quote(lines, concept)
    if span is None:
        return None, Problem(file, number, "quote not found at its offsets or in its line", label, 1)
    return Entity(label, (span,), number), Problem(file, number, "offsets repaired by the quote", label)


def _read_assertion(lines: _Lines, line: str, number: int, known: _Known) -> Statement:
    """A line of an assertion file, with the mentions that it may be about."""
    concept = _parse(_ASSERTION, line)
    if concept is None:
        return Statement(number, (), "")
    value = line[:-1].rpartition('"')[2].lower()
    mention = known.mentions.get(_key(concept))
    if mention is None:  # offsets that had to be repaired on one side only
        mention, _ = _read_concept(lines, concept, number, "")
    places = known.places.get((mention.label, mention.fragments), ()) if mention else ()
    return Statement(number, places, value if value in VALUES else "", of_dropped=_key(concept) in known.dropped)


def _key(concept: _Concept) -> tuple[str, str, tuple[int, int]]:
    return concept.label, squeeze(concept.quote).lower(), concept.first


def _span(lines: _Lines, count: Callable[[str], list[Fragment]], concept: _Concept) -> Fragment | None:
    ends = []
    for line, token in (concept.first, concept.last):
        start, end = lines.spans[line - 1]
        tokens = count(lines.text[start:end])
        if token >= len(tokens):
            return None
        ends.append((start + tokens[token][0], start + tokens[token][1]))
    return (ends[0][0], ends[1][1]) if ends[0][0] < ends[1][1] else None


def _nearest_quote(lines: _Lines, concept: _Concept) -> Fragment | None:
    """The occurrence of the quote in its line that begins nearest to where its first token should."""
    line, token = concept.first
    start, end = lines.spans[line - 1]
    words = [re.escape(word) for word in concept.quote.split()]
    if not words:
        return None
    pattern = re.compile(r"\s+".join(words), re.IGNORECASE)
    tokens = _COUNTINGS[0](lines.text[start:end])
    expected = start + (tokens[token][0] if token < len(tokens) else end - start)
    return find_nearest(pattern, lines.text, (start, end), expected)


def _leading(line: str) -> list[Fragment]:
    return [(0, 0)] if line.startswith(" ") else []


def _tokens(pattern: str, line: str) -> list[Fragment]:
    return [match.span() for match in re.finditer(pattern, line)]


def _same(text: str, quote: str) -> bool:
    return squeeze(text).lower() == squeeze(quote).lower()
