"""Which column of CoNLL text holds the tokens and which the tags: told by their content, or asked for."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scripts.cli import InputError
from scripts.convert.formats.tags import PLAIN, Scheme, find_scheme, has_labels

_TOKEN_NAMES = {"token", "tokens", "word", "words", "form", "text"}
_TAG_NAMES = {
    "tag",
    "tags",
    "label",
    "labels",
    "ner",
    "ner_tag",
    "ner_tags",
    "ne",
    "iob",
    "bio",
    "entity",
    "class",
    "gold",
}
_CHUNKS = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"}  # of grammar, no mentions
_NUMBERED = re.compile(r"(?:[A-Za-z]+[-_.:]?)?\d+(?:[-_.:]\w*\d+)*")  # 7, T7, doc1-7

Cells = Sequence[str]


class Choice(NamedTuple):
    """The columns that were asked for, by number from 1 or by name; "" for those to be found."""

    token: str = ""
    tag: str = ""


ANY = Choice()


class Layout(NamedTuple):
    """What is in which column.

    token (int): Of the token.
    tag (int): Of the tag; -1 for the last, whatever the row's length.
    scheme (Scheme): How tags are spelt.
    told (str): What is said of a choice that another reader might not make; "" where it is the usual one.
    """

    token: int = 0
    tag: int = -1
    scheme: Scheme = PLAIN
    told: str = ""


def find_layout(sentences: Sequence[Sequence[Cells]], choice: Choice, file: str) -> Layout:
    """What is in which column.

    sentences (Sequence[Sequence[Cells]]): The rows that have as many columns as most, none if a file is empty.
    choice (Choice): What was asked for.
    file (str): Named where it cannot be said.
    RAISES (InputError): No column holds tags, or none is as it was asked for.
    """
    rows = [row for sentence in sentences for row in sentence]
    if not rows:
        return Layout()
    width = max(map(len, rows), default=0)
    columns = [[row[place].strip(" ") if place < len(row) else "" for row in rows] for place in range(width)]
    names = [name.strip(" #").lower() for name in rows[0]]
    tags = {place: scheme for place in range(width) if (scheme := find_scheme(columns[place]))}
    labelled = [place for place, scheme in tags.items() if has_labels(columns[place], scheme)]
    tag = _asked(choice.tag, names, width, file) if choice.tag else _find_tag(columns, tags, labelled)
    if tag is None:
        raise InputError(
            f"{file}: no column of it holds IOB tags, such as B-problem, I-problem and O, so that it has no mentions to"
            " read; if one does in another way, give its number with --tag-column."
        )
    scheme = tags.get(tag) or PLAIN
    if choice.token:
        token = _asked(choice.token, names, width, file)
    else:
        token = _find_token(sentences, columns, [place for place in range(width) if place not in {tag, *labelled}])
    others = [place for place in labelled if place != tag and not _is_grammar(columns[place], tags[place])]
    told = [] if choice.token and choice.tag else [*_tell_columns(token, tag, width, others if not choice.tag else [])]
    told += [scheme.name] if scheme.name else []
    return Layout(token, -1 if tag == width - 1 else tag, scheme, "; ".join(told))


def is_header(cells: Cells, layout: Layout, choice: Choice) -> bool:
    """Whether the first row of a file names its columns."""
    if len(cells) < 2 or layout.token >= len(cells) or layout.tag >= len(cells):
        return False
    names = [name.strip(" #").lower() for name in cells]
    asked = {each.lower() for each in choice if each and not each.lstrip("-").isdigit()}
    if asked and asked <= {*names}:
        return True
    named = names[layout.token] in _TOKEN_NAMES or names[layout.tag] in _TAG_NAMES
    return named and layout.scheme.parse(cells[layout.tag].strip(" ")) is None


def _asked(wanted: str, names: Sequence[str], width: int, file: str) -> int:
    """The place of a column that was asked for by number or name."""
    if re.fullmatch(r"-?\d{1,6}", wanted):
        number = int(wanted)
        if 1 <= abs(number) <= width:
            return number - 1 if number > 0 else width + number
        raise InputError(f"{file} has {width} columns, so there is no column {number}.")
    if wanted.lower() in names:
        return names.index(wanted.lower())
    raise InputError(f"{file}: its first row names no column '{wanted}': give the column's number, from 1.")


def _find_tag(columns: Sequence[Cells], tags: dict[int, Scheme], labelled: Sequence[int]) -> int | None:
    """The last column with tags, of those with mentions if there is one; spelt in the usual way before others."""
    plain = [place for place in labelled if tags[place] is PLAIN]
    # Of few rows, letters may be tokens
    rare = [place for place in labelled if "O" in columns[place] or len(columns[place]) > 2]
    return next((places[-1] for places in (plain, rare, [*tags]) if places), None)


def _find_token(sentences: Sequence[Sequence[Cells]], columns: Sequence[Cells], candidates: Sequence[int]) -> int:
    """The first column; if that holds ids, numbers or tags, the one of all others that has most different values."""
    if not candidates:
        return 0
    fit = [place for place in candidates if not _is_id(sentences, columns, place)]
    if not fit or fit[0] == 0:
        return fit[0] if fit else candidates[0]
    return max(fit, key=lambda place: (len({*columns[place]}), -place))


def _is_id(sentences: Sequence[Sequence[Cells]], columns: Sequence[Cells], place: int) -> bool:
    """Whether a column numbers its tokens or sentences, or is the same in each sentence."""
    values = [value for value in columns[place] if value]
    if 2 * len(values) < len(columns[place]) or all(_NUMBERED.fullmatch(value) for value in values):
        return True
    long = [sentence for sentence in sentences if len(sentence) > 1]
    same = all(len({row[place] for row in sentence if place < len(row)}) == 1 for sentence in long)
    return same and sum(map(len, long)) > 2


def _is_grammar(cells: Cells, scheme: Scheme) -> bool:
    return {tag.label for cell in {*cells} for tag in scheme.parse(cell) or ()} <= _CHUNKS


def _tell_columns(token: int, tag: int, width: int, others: Sequence[int]) -> Iterator[str]:
    if (token, tag) != (0, width - 1) or others:
        yield f"tokens read from column {token + 1}, tags from column {tag + 1} of {width}"
    if others:
        listed = " and ".join(str(place + 1) for place in others)
        yield f"column {listed} has tags as well (--tag-column)"


def most_common_width(rows: Sequence[Cells]) -> int:
    """The number of columns that most rows have, of those with several if there are some; 0 without rows."""
    widths = Counter(len(row) for row in rows if row)
    return max(widths, key=lambda width: (width > 1, widths[width], width), default=0)
