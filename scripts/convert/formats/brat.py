"""brat standoff: X.txt beside X.ann, mentions as character offsets (n2c2 2018, 2022 and any brat corpus).

Offsets count the code points of the stored text, carriage returns and a byte-order mark included;
a discontinuous mention has several fragments. Text-bound annotations (T lines) are read, and attributes
(A or M lines) that state an assertion of one, or of an event (E lines) whose trigger it is, or that mark a mention
as doubtful: the note is then not reviewed yet.
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scripts.archives import File, decode
from scripts.convert.formats.pairs import Pair, pair
from scripts.convert.formats.quotes import find_nearest
from scripts.corpus.assertions import Statement, join, read_value
from scripts.corpus.note import TO_REVIEW, Entity, Fragment, Note, Problem
from scripts.corpus.split import named_split

REPAIR_WINDOW = 100  # characters to either side in which a quote at wrong offsets is looked for
_TEXT_BOUND = re.compile(r"T\S*\t(\S+) +(\d+ +\d+(?: *; *\d+ +\d+)*) *(?:\t(.*))?", re.DOTALL)
# Meant as text-bound, but not one: indented, without tabs, cut off, or without its id.
_MALFORMED = re.compile(r"\s*(?:T\d+(?:\t|\s*$|\s+\S+\s+\d+\s+\d+)|\S+ +\d+ +\d+(?: *; *\d+ +\d+)*\t)")
_TRIGGER = re.compile(r"(E\S*)\t\S+?:(T\S*)")
_ATTRIBUTE = re.compile(r"[AM]\S*\t\s*(\S+)(?:\s+(\S+)(?:\s+(\S.*?))?)?\s*")
_OTHER = re.compile(r"(?:[ERAMN#]\S*|\*)\t")  # events, relations, attributes, norms, notes, equivalences


def recognises(file: File) -> bool:
    return file.path.suffix.lower() == ".ann"


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read brat pairs.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    YIELDS (Note): One note a pair.
    RAISES (InputError): A file is without a partner or is not UTF-8.
    """
    texts = [file for file in files if file.path.suffix.lower() == ".txt"]
    annotations = [file for file in files if recognises(file)]
    for found in pair(texts, annotations, lambda file: file.path.stem, skip_unpaired):
        yield _read_note(found)


class _Line(NamedTuple):
    number: int
    text: str


def _read_note(found: Pair) -> Note:
    text, file = decode(found.text), str(found.annotation.path)
    entities, problems = [], []
    lines, stray = _join_continuations(decode(found.annotation).removeprefix("\ufeff"))
    for number in stray:
        continues = lines and lines[0].number < number
        kind = "continuation of a quote" if continues else "malformed line"
        problems.append(Problem(file, number, kind, dropped=0 if continues else 1))
    mentions: dict[str, Entity | None] = {}  # of each T, None if it was dropped
    for line in lines:
        if not _OTHER.match(line.text):
            entity, problem = _read_text_bound(text, line, file)
            tag = line.text.split()[0]
            mentions[tag] = mentions.get(tag) or entity
            entities.extend([entity] if entity else [])
            problems.extend([problem] if problem else [])
    attributes = [(line.number, match) for line in lines if (match := _ATTRIBUTE.fullmatch(line.text.split("\n")[0]))]
    triggers = {match[1]: match[2] for line in lines if (match := _TRIGGER.match(line.text))}
    entities, unjoined = join(entities, _read_assertions(attributes, triggers, mentions, entities), file)
    split = named_split(found.text.path.parts[:-1])
    to_review = sum(match[1] == TO_REVIEW for _, match in attributes)
    return Note(
        found.id, text, entities, file, str(found.text.path), split, (*problems, *unjoined), to_review=to_review
    )


def _read_assertions(
    attributes: Sequence[tuple[int, re.Match[str]]],
    triggers: dict[str, str],
    mentions: dict[str, Entity | None],
    entities: Sequence[Entity],
) -> Iterator[Statement]:
    """The attributes that state an assertion; others, such as those of an event's time, are left alone.

    attributes (Sequence[tuple[int, re.Match[str]]]): Each with the number of its line.
    triggers (dict[str, str]): By event the text-bound annotation that stands for it.
    mentions (dict[str, Entity | None]): Of each text-bound annotation, None if it was dropped.
    """
    places: dict[tuple, list[int]] = defaultdict(list)
    for place, entity in enumerate(entities):
        places[entity.label, entity.fragments].append(place)
    for number, match in attributes:
        value = read_value(match[1], match[3] or "")
        if value is not None:
            target = triggers.get(match[2], match[2])
            mention = mentions.get(target)
            about = places[mention.label, mention.fragments] if mention else ()
            yield Statement(number, about, value if target else "", match[1].lower(), target in mentions)


def _join_continuations(annotations: str) -> tuple[list[_Line], list[int]]:
    """Lines that begin with no id belong to the quote before them, which had a raw newline in it.

    RETURNS (tuple[list[_Line], list[int]]): The annotations, and the numbers of the lines joined.
    """
    lines, joined = [], []
    for number, text in enumerate(annotations.split("\n"), start=1):
        text = text.removesuffix("\r")
        if any(kind.match(text) for kind in (_TEXT_BOUND, _MALFORMED, _OTHER)):
            lines.append(_Line(number, text))
        elif text.strip():
            joined.append(number)
            if lines:
                lines[-1] = lines[-1]._replace(text=f"{lines[-1].text}\n{text}")
    return lines, joined


def _read_text_bound(text: str, line: _Line, file: str) -> tuple[Entity | None, Problem | None]:
    match = _TEXT_BOUND.fullmatch(line.text)
    if not match:
        return None, Problem(file, line.number, "malformed line", dropped=1)
    label, quote = match[1], match[3]
    listed = [(int(start), int(end)) for start, end in re.findall(r"(\d+) +(\d+)", match[2])]
    fragments = tuple(sorted(listed))

    def dropped(kind: str) -> tuple[None, Problem]:
        return None, Problem(file, line.number, kind, label, 1)

    if any(start >= end for start, end in fragments):
        return dropped("empty or reversed offsets")
    beyond = max(end for _, end in fragments) > len(text)
    if quote is None:
        if beyond:
            return dropped("offset beyond the text")
        return Entity(label, fragments, line.number), Problem(file, line.number, "no quote", label)
    # The quote joins the fragments in the order in which the line lists them.
    mention = " ".join(text[start:end] for start, end in listed)
    if not beyond and (_same(mention, quote) or _same(mention, quote.split("\n")[0])):
        return Entity(label, fragments, line.number), None
    repaired = _nearest_quote(text, quote, listed[0][0]) if len(listed) == 1 else None
    if repaired is None:
        return dropped("offset beyond the text" if beyond else "quote does not match its offsets")
    problem = Problem(file, line.number, "offsets repaired by the quote", label)
    return Entity(label, (repaired,), line.number), problem


def _nearest_quote(text: str, quote: str, start: int) -> Fragment | None:
    words = [re.escape(word) for word in quote.split()]
    if not words:
        return None
    window = (max(0, start - REPAIR_WINDOW), start + REPAIR_WINDOW + len(quote))
    return find_nearest(re.compile(r"\s+".join(words)), text, window, start)


def _same(text: str, quote: str) -> bool:
    squeezed = " ".join(text.split())
    # n2c2 2022 quotes hold entities such as &quot;
    return squeezed in (" ".join(quote.split()), " ".join(html.unescape(quote).split()))
