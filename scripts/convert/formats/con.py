"""i2b2 2010 and 2011 concepts: X.txt beside X.con or X.txt.con, mentions as line:token numbers.

A line of a concept file is `c="sore left elbow" 7:3 7:5||t="problem"`: the quote in lower case, then
line (1-based) and token (0-based) of the first and the last token.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from scripts.archives import File, decode, is_utf8
from scripts.convert.formats.pairs import Pair, pair
from scripts.convert.formats.quotes import find_nearest
from scripts.corpus.note import Entity, Fragment, Note, Problem
from scripts.corpus.split import named_split

CONCEPT_SUFFIXES = (".txt.con", ".txt.concept", ".con", ".concept")
# Greedy: a quote may itself hold `"` and `||`, so it ends at the last `" 1:2 3:4||t=` of the line.
_CONCEPT = re.compile(r'c="(.*)" (\d+):(\d+) (\d+):(\d+)\|\|t="([^"]+)"')
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")

# The releases count tokens in more than one way. First comes what reproduces every quote of i2b2 2010:
# runs of blanks separate, and a leading blank makes one empty token (as Java's split("\\s+")).
_COUNTINGS: tuple[Callable[[str], list[Fragment]], ...] = (
    lambda line: _leading(line) + _tokens(r"[^ ]+", line),
    lambda line: _tokens(r"[^ ]+", line),
    lambda line: _tokens(r"(?:(?<=^)|(?<= ))[^ ]*", line),
    lambda line: _tokens(r"[^ \t\r\n\f\v]+", line),
)


def recognises(file: File) -> bool:
    return file.path.name.lower().endswith(CONCEPT_SUFFIXES)


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read notes with .con files; folders for chains, assertions and relations are left alone.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    YIELDS (Note): One note a concept file.
    RAISES (InputError): A file is without a partner or cannot be decoded.
    """
    texts = [file for file in files if _is_text(file)]
    concepts = [file for file in files if recognises(file)]
    for found in pair(texts, concepts, _stem, skip_unpaired):
        yield _read_note(found)


def _is_text(file: File) -> bool:
    # Some copies of the 2011 release have texts without a suffix in docs/.
    name = file.path.name.lower()
    unannotated = "unannotated" in file.path.parts
    return not unannotated and (name.endswith(".txt") or ("." not in name and file.path.parent.name == "docs"))


def _stem(file: File) -> str:
    name = file.path.name
    ends = (*CONCEPT_SUFFIXES, ".txt")
    return next((name[: -len(end)] for end in ends if name.lower().endswith(end)), name)


def _read_note(found: Pair) -> Note:
    text = decode(found.text, fallback="latin-1")
    lines = _line_spans(text)
    entities, problems = [], []
    for file in (found.text, found.annotation):
        if not is_utf8(file):
            problems.append(Problem(str(file.path), 0, "not UTF-8, read as Latin-1"))
    concepts = decode(found.annotation, fallback="latin-1").removeprefix("\ufeff")
    for number, line in enumerate(concepts.split("\n"), start=1):
        if line.strip():
            entity, problem = _read_concept(text, lines, line.strip(), number, str(found.annotation.path))
            entities.extend([entity] if entity else [])
            problems.extend([problem] if problem else [])
    return Note(
        found.id,
        text,
        tuple(entities),
        str(found.annotation.path),
        str(found.text.path),
        named_split(found.text.path.parts[:-1]),
        tuple(problems),
    )


def _read_concept(
    text: str, lines: list[Fragment], line: str, number: int, file: str
) -> tuple[Entity | None, Problem | None]:
    match = _CONCEPT.fullmatch(line)
    if not match:
        return None, Problem(file, number, "malformed line", dropped=1)
    quote, label = match[1], match[6]
    first_line, first, last_line, last = (int(group) for group in match.group(2, 3, 4, 5))
    if not 1 <= first_line <= last_line <= len(lines):
        return None, Problem(file, number, "offset beyond the text", label, 1)
    for count in _COUNTINGS:
        span = _span(text, lines, count, (first_line, first), (last_line, last))
        if span and _same(text[slice(*span)], quote):
            return Entity(label, (span,), number), None
    span = _nearest_quote(text, lines, quote, first_line, first)
    if span is None:
        return None, Problem(file, number, "quote not found at its offsets or in its line", label, 1)
    return Entity(label, (span,), number), Problem(file, number, "offsets repaired by the quote", label)


def _line_spans(text: str) -> list[Fragment]:
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line.removesuffix("\r"))))
        start += len(line) + 1
    return spans


def _span(
    text: str,
    lines: list[Fragment],
    count: Callable[[str], list[Fragment]],
    first: tuple[int, int],
    last: tuple[int, int],
) -> Fragment | None:
    ends = []
    for line, token in (first, last):
        start, end = lines[line - 1]
        tokens = count(text[start:end])
        if token >= len(tokens):
            return None
        ends.append((start + tokens[token][0], start + tokens[token][1]))
    return (ends[0][0], ends[1][1]) if ends[0][0] < ends[1][1] else None


def _nearest_quote(text: str, lines: list[Fragment], quote: str, line: int, token: int) -> Fragment | None:
    """The occurrence of the quote in its line that begins nearest to where its first token should."""
    start, end = lines[line - 1]
    words = [re.escape(word) for word in _BLANKS.split(quote) if word]
    if not words:
        return None
    pattern = re.compile(r"[ \t]+".join(words), re.IGNORECASE)
    tokens = _COUNTINGS[0](text[start:end])
    expected = start + (tokens[token][0] if token < len(tokens) else end - start)
    return find_nearest(pattern, text, (start, end), expected)


def _leading(line: str) -> list[Fragment]:
    return [(0, 0)] if line.startswith(" ") else []


def _tokens(pattern: str, line: str) -> list[Fragment]:
    return [match.span() for match in re.finditer(pattern, line)]


def _same(text: str, quote: str) -> bool:
    return _squeeze(text) == _squeeze(quote)


def _squeeze(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ").lower()
