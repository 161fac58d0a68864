"""brat standoff: X.txt beside X.ann, mentions as character offsets (n2c2 2018, 2022 and any brat corpus).

Offsets count the code points of the stored text, carriage returns and a byte-order mark included, unless another way
of counting gives more quotes; a discontinuous mention has several fragments. Text-bound annotations (T lines) are read,
and attributes (A or M lines) that state an assertion of one, or of an event (E lines) whose trigger it is, or that mark
a mention as doubtful: the note is then not reviewed yet. Other attributes and the concept that a mention is normalised
to (N lines) are kept with it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scripts.archives import File, decode
from scripts.cli import InputError
from scripts.convert.formats.attributes import add_attributes
from scripts.convert.formats.counting import Counting, Located, find_counting
from scripts.convert.formats.offsets import MISMATCH
from scripts.convert.formats.pairs import Pair, pair
from scripts.convert.formats.quotes import Misplaced, is_quoted, repair
from scripts.corpus.assertions import Statement, join, read_value
from scripts.corpus.note import TO_REVIEW, Entity, Fragment, Note, Problem
from scripts.corpus.split import named_split

REPAIR_WINDOW = 100  # characters to either side in which a quote at wrong offsets is looked for
# Mentions at wrong offsets; if they are most of a file, or so many most of a corpus, they are not of these texts
MANY, MANY_IN_ALL = 6, 12
_REPAIRED, _BEYOND = "offsets repaired by the quote", "offset beyond the text"
_WRONG = (_REPAIRED, _BEYOND, MISMATCH)
_NUMBER = r"\d{1,9}"
_SPANS = rf"{_NUMBER} +{_NUMBER}(?: *; *{_NUMBER} +{_NUMBER})*"
_TEXT_BOUND = re.compile(rf"T\S*\t(\S+) +({_SPANS}) *(?:\t(.*))?", re.DOTALL)
_BLANK_IN_LABEL = re.compile(rf"T\S*\t[^\s\d]\S*(?: +[^\s\d]\S*)+ +{_SPANS} *(?:\t.*)?", re.DOTALL)
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
    seen, wrong, first = 0, 0, ""
    for found in pair(texts, annotations, lambda file: file.path.stem, skip_unpaired):
        note = _read_note(found)
        yield note
        lost = [problem for problem in note.problems if problem.kind in _WRONG]
        first = first or (lost[0].file if lost else "")
        wrong += len(lost)
        seen += len(note.entities) + sum(problem.dropped for problem in lost)
    _check_few_wrong(f"{len(annotations):,} .ann files, first {first}", seen, wrong, MANY_IN_ALL)


class _Line(NamedTuple):
    number: int
    text: str


class _Mention(NamedTuple):
    """A text-bound annotation as its line has it.

    line (_Line): The line.
    label (str): Its type.
    listed (list[Fragment]): Its fragments in the order of the line, which is that of the quote.
    quote (str | None): None if it has none.
    """

    line: _Line
    label: str
    listed: list[Fragment]
    quote: str | None


def _read_note(found: Pair) -> Note:
    text, file = decode(found.text), str(found.annotation.path)
    problems = []
    lines, stray = _join_continuations(decode(found.annotation).removeprefix("\ufeff"))
    for number in stray:
        continues = lines and lines[0].number < number
        kind = "continuation of a quote" if continues else "malformed line"
        problems.append(Problem(file, number, kind, dropped=0 if continues else 1))
    bound = [line for line in lines if not _OTHER.match(line.text)]
    read, wrong = _read_mentions(text, bound, file)
    mentions: dict[str, Entity | None] = {}  # of each T, None if it was dropped
    for line, entity in zip(bound, read, strict=True):
        tag = line.text.split()[0]
        mentions[tag] = mentions.get(tag) or entity
    entities = [entity for entity in read if entity]
    attributes = [(line.number, match) for line in lines if (match := _ATTRIBUTE.fullmatch(line.text.split("\n")[0]))]
    triggers = {match[1]: match[2] for line in lines if (match := _TRIGGER.match(line.text))}
    entities, unjoined = join(entities, _read_assertions(attributes, triggers, mentions, entities), file)
    tags = [line.text.split()[0] for line, entity in zip(bound, read, strict=True) if entity]
    others = [match for _, match in attributes]
    entities = add_attributes(entities, tags, others, triggers, (line.text for line in lines))
    split = named_split(found.text.path.parts[:-1])
    to_review = sum(match[1] == TO_REVIEW for _, match in attributes)
    return Note(
        found.id, text, entities, file, str(found.text.path), split, (*problems, *wrong, *unjoined), to_review=to_review
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
    found: list[tuple[int, list[str]]] = []
    joined = []
    for number, text in enumerate(annotations.split("\n"), start=1):
        text = text.removesuffix("\r")
        if any(kind.match(text) for kind in (_TEXT_BOUND, _MALFORMED, _OTHER)):
            found.append((number, [text]))
        elif text.strip():
            joined.append(number)
            if found:
                found[-1][1].append(text)
    return [_Line(number, "\n".join(parts)) for number, parts in found], joined


def _read_mentions(text: str, lines: Sequence[_Line], file: str) -> tuple[list[Entity | None], list[Problem]]:
    """The mentions of a file, None for those that are dropped, and what was wrong with them.

    RAISES (InputError): Most of them are not where their offsets say, whatever these count.
    """
    parsed = [_parse(line) for line in lines]
    number = sum(each is not None and each.quote is not None for each in parsed)
    counting, right = find_counting(text, lambda counting: [_locate(text, each, counting) for each in parsed], number)
    _check_few_wrong(file, number, number - len(right) + right.count(None))
    repaired = _repair(text, parsed, right, counting) if None in right else {}
    problems = [Problem(file, 0, f"offsets count {counting.name}")] if counting.name else []
    entities: list[Entity | None] = []
    for place, (line, each) in enumerate(zip(lines, parsed, strict=True)):
        if each and (located := right[place]):
            entities.append(Entity(each.label, tuple(sorted(located)), line.number))
            continue
        entity, problem = _read_doubtful(line, each, counting, repaired.get(place), file)
        entities.append(entity)
        problems.append(problem)
    return entities, problems


def _parse(line: _Line) -> _Mention | None:
    match = _TEXT_BOUND.fullmatch(line.text)
    if not match:
        return None
    numbers = [int(number) for number in re.findall(r"\d+", match[2])]
    return _Mention(line, match[1], list(zip(numbers[::2], numbers[1::2], strict=True)), match[3])


def _is_reversed(each: _Mention) -> bool:
    return any(start >= end for start, end in each.listed)


def _locate(text: str, each: _Mention | None, counting: Counting) -> Located:
    """Where a mention is; None if its quote is not there."""
    if each is None or each.quote is None or _is_reversed(each):
        return None
    located = counting.locate(each.listed)
    if located is None:
        return None
    parts = [text[start:end] for start, end in located]
    fits = is_quoted(parts, each.quote) or ("\n" in each.quote and is_quoted(parts, each.quote.split("\n")[0]))
    return located if fits else None


def _repair(
    text: str, parsed: Sequence[_Mention | None], right: Sequence[Located], counting: Counting
) -> dict[int, Fragment | None]:
    """Where the mentions are whose quotes are not at their offsets; fragments are not looked for."""
    placed = [
        (each.label, (located[0][0], located[-1][1])) for each, located in zip(parsed, right, strict=True)
        if each and located
    ]  # fmt: skip
    misplaced = {
        place: _misplaced(each.label, each.quote, each.listed[0][0], counting)
        for place, each in enumerate(parsed)
        if each and each.quote and not right[place] and len(each.listed) == 1 and not _is_reversed(each)
    }
    return dict(zip(misplaced, repair(text, list(misplaced.values()), placed), strict=True))


def _misplaced(label: str, quote: str, start: int, counting: Counting) -> Misplaced:
    start = counting.places[start] if start < len(counting.places) else start
    window = (max(0, start - REPAIR_WINDOW), start + REPAIR_WINDOW + len(quote))
    return Misplaced(label, quote, start, window)


def _read_doubtful(
    line: _Line, each: _Mention | None, counting: Counting, repaired: Fragment | None, file: str
) -> tuple[Entity | None, Problem]:
    """A mention without a quote at its offsets: what can be read of it, and what is wrong."""
    if each is None:
        kind = "label with a blank, write _ instead" if _BLANK_IN_LABEL.fullmatch(line.text) else "malformed line"
        return None, Problem(file, line.number, kind, dropped=1)

    def dropped(kind: str) -> tuple[None, Problem]:
        return None, Problem(file, line.number, kind, each.label, 1)

    if _is_reversed(each):
        return dropped("empty or reversed offsets")
    located = counting.locate(each.listed)
    if located and each.quote is None:
        return Entity(each.label, tuple(sorted(located)), line.number), Problem(
            file, line.number, "no quote", each.label
        )
    if repaired:
        problem = Problem(file, line.number, _REPAIRED, each.label)
        return Entity(each.label, (repaired,), line.number), problem
    return dropped(MISMATCH if located else _BEYOND)


def _check_few_wrong(file: str, number: int, wrong: int, many: int = MANY) -> None:
    if wrong >= many and 2 * wrong > number:
        raise InputError(
            f"{file}: {wrong:,} of {number:,} mentions are not where their offsets say, whatever these count: give"
            " the text that was annotated, or correct the offsets."
        )
