"""CoNLL text: a token a line with its IOB1, IOB2, BIOES or BILOU tag, or a sentence a line as spaCy's `.iob` has it.

The token is in the first column and the tag in the last, unless these hold ids and the like, or others are asked for.
Behind the tag may stand the assertion of the mention, as `export` and `annotate` write it; that of its first token
counts. Columns are set off by a tab or blanks, sentences by a blank line. A note is what follows a line that begins one
(`-DOCSTART-`, `#begin document`, `# newdoc`, `###MEDLINE`; its id stands there, if any), or the whole file without one;
where that is a whole part of a corpus, each sentence counts as one. The text of a note is rebuilt: blanks between
tokens, one sentence a line.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import NamedTuple

from scripts.archives import File, decode, is_utf8
from scripts.cli import InputError
from scripts.convert.formats.columns import ANY, Choice, Layout, find_layout, is_header, most_common_width
from scripts.convert.formats.names import file_split, path_split, stem_of
from scripts.convert.formats.tags import PLAIN, Tag, find_scheme, has_labels
from scripts.corpus.assertions import VALUES
from scripts.corpus.conll import DOCSTART, UNSAID
from scripts.corpus.note import NOTE, SENTENCE, Entity, Note, Problem

SUFFIXES = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bilou")
FEWEST_FILES = 3  # of fewer files without documents none is a note: they could not be divided into three parts
SAMPLE = 2_000  # rows of a file that are looked at to tell its columns
_OTHERS = (".ann", ".a1", ".a2", ".con", ".concept", ".ast", ".rel", ".xml", ".json", ".jsonl", ".spacy", ".pdf")
_BEGIN = 1 << 12  # bytes of a file that are looked at to tell whether it is CoNLL text
_DOCUMENT = re.compile(
    rf"{DOCSTART}(?:.*?\((?P<docstart>.+)\))?.*|#begin document \(?(?P<begin>.*?)\)?;?(?: part \d+)?"
    r"|# ?newdoc(?: id = (?P<newdoc>.+))?|###MEDLINE:(?P<medline>\S+)"
)


class _Row(NamedTuple):
    """A line of a file.

    number (int): From 1.
    cells (list[str]): Its columns, none in a blank line.
    said (str): The assertion behind its tag.
    starts (bool): Whether a sentence may begin here.
    """

    number: int
    cells: list[str]
    said: str = ""
    starts: bool = False


_END = _Row(0, [])


class _Document(NamedTuple):
    """Lines that belong together, and the number of the first.

    named (bool): Whether a line says so, rather than that nothing says otherwise.
    """

    id: str
    lines: list[str]
    first: int
    named: bool


class _Table(NamedTuple):
    """A file, and how many columns most of its rows have."""

    file: File
    documents: list[_Document]
    width: int

    @property
    def undivided(self) -> bool:
        return len(self.documents) == 1 and not self.documents[0].named


def recognises(file: File) -> bool:
    """Whether a file holds CoNLL text, by its first lines; a few suffixes are for nothing else, others never for it."""
    suffix = file.path.suffix.lower()
    if suffix in SUFFIXES or suffix in _OTHERS:
        return suffix in SUFFIXES
    lines = file.data[:_BEGIN].decode("utf8", errors="replace").split("\n")
    lines = lines[:-1] if len(file.data) > _BEGIN else lines
    if not _is_inline(lines) and not _is_even([_split(line) for line in lines if line[:1] not in "-#"]):
        return False  # before more is looked at: nearly all notes end here
    rows = [row.cells for row in _rows(lines, 1) if row.cells and not row.cells[0].startswith("#")]
    width = most_common_width(rows)
    several = [row for row in rows if len(row) == width > 1]
    columns = [[row[place].strip(" ") for row in several] for place in range(width)]
    tags = {place: scheme for place, cells in enumerate(columns) if (scheme := find_scheme(cells))}
    # A metadata table may have a column of letters, and a note a line that ends in O
    found = [place for place, scheme in tags.items() if has_labels(columns[place], scheme) or len(several) > 9]
    return len(several) > 1 and bool(found)


def _is_even(rows: Sequence[Sequence[str]]) -> bool:
    """Whether nearly all rows have as many columns, or one more for the assertion."""
    numbers = Counter(len(row) for row in rows if row)
    most = max(numbers, key=numbers.__getitem__, default=0)
    return 10 * (numbers[most] + numbers[most - 1]) >= 9 * numbers.total()


def read(files: Sequence[File], skip_unpaired: bool = False, choice: Choice = ANY, cut: bool = False) -> Iterator[Note]:
    """Read CoNLL files.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    choice (Choice): The columns to read.
    cut (bool): Cut files that are a whole part of a corpus, or too few to be divided, into sentences.
    YIELDS (Note): One note a document.
    RAISES (InputError): A file is not UTF-8, or has no tags.
    """
    found = [file for file in files if recognises(file)] or list(files)
    tables = [_parse(file) for file in found]
    layouts = _find_layouts(tables, choice)
    undivided = sum(table.undivided for table in tables)
    notes = []
    for table in tables:
        whole_part = path_split(PurePosixPath(table.file.path.name)) != "" or undivided < FEWEST_FILES
        notes.extend(_read_table(table, layouts[table.width], choice, cut and table.undivided and whole_part))
    yield from _name_apart(notes)


def _name_apart(notes: Sequence[Note]) -> Iterator[Note]:
    """The notes; as with pairs of files, the folder goes before a name that occurs twice, or else the file's path."""
    files = [PurePosixPath(note.file) for note in notes]
    short = [str(file.parent / note.id) for file, note in zip(files, notes, strict=True)]
    names, folders = Counter(note.id for note in notes), Counter(short)
    for note, file, name in zip(notes, files, short, strict=True):
        if names[note.id] > 1:
            note = note._replace(id=name if folders[name] == 1 else str(file.parent / stem_of(file) / note.id))
        yield note


# From a file to its rows


def _parse(file: File) -> _Table:
    if not is_utf8(file):
        try:
            decode(file)
        except InputError as error:
            hint = "for instance by `iconv -f latin1 -t utf8 OLD > NEW`"
            raise InputError(f"{str(error).removesuffix('.')}, {hint}.") from None
    lines = decode(file).removeprefix("\ufeff").split("\n")
    documents: list[_Document] = []
    id, named, count, start = stem_of(file.path), False, 0, 0
    for number, line in enumerate([*lines, DOCSTART]):
        match = _DOCUMENT.fullmatch(line.removesuffix("\r")) if line[:1] in "-#" else None
        if not match:
            continue
        document = _Document(id, lines[start:number], start + 1, named)
        if count or number == len(lines) or any(line.strip() for line in document.lines):
            documents.append(document)
        given = next(filter(None, match.groups()), None)
        count, start = count + 1, number + 1
        id, named = given or f"{stem_of(file.path)}-{count}", bool(given) or count > 1
    return _Table(file, documents, most_common_width([row.cells for row in _sample(documents)]))


def _sample(documents: Sequence[_Document]) -> Iterator[_Row]:
    """The first rows of a file, by which its columns are told."""
    return islice(chain.from_iterable(_rows(each.lines, each.first) for each in documents), SAMPLE)


def _rows(lines: Sequence[str], first: int) -> Iterator[_Row]:
    if _is_inline(lines):
        for number, line in enumerate(lines, start=first):
            yield from _inline_rows(line, number)
        return
    starts = True
    for number, line in enumerate(lines, start=first):
        cells, said = _split(line), ""
        if len(cells) > 2:
            cells, said = _split_assertion(cells)
        yield _Row(number, cells, said, starts)
        starts = not cells or (starts and cells[0].startswith("#"))


def _split(line: str) -> list[str]:
    line = line.removesuffix("\r").rstrip("\t ")
    if not line:
        return []
    if "\t" in line:
        return line.split("\t")
    return [cell for cell in line.split(" ") if cell]


def _split_assertion(cells: list[str]) -> tuple[list[str], str]:
    """A row without its column of assertions, and what that says; "" if there is none, or nothing is said."""
    said = cells[-1].strip(" ").lower()
    if said not in (UNSAID, *VALUES) or PLAIN.parse(cells[-2].strip(" ")) is None:
        return cells, ""
    return cells[:-1], said.removeprefix(UNSAID)


def _is_inline(lines: Sequence[str]) -> bool:
    """Whether lines are sentences of `token|tag`, as spaCy's `.iob` has them."""
    cells = [line.split() for line in lines[:100] if line.strip()]
    pieces = [cell.rpartition("|") for line in cells for cell in line]
    return any(len(line) > 1 for line in cells) and all(
        token and PLAIN.parse(tag) is not None for token, _, tag in pieces
    )


def _inline_rows(line: str, number: int) -> Iterator[_Row]:
    for cell in line.split():
        token, _, tag = cell.rpartition("|")
        yield _Row(number, [token if token.strip("|") != token else token.split("|")[0], tag])
    yield _Row(number, [])


# From rows to notes


def _find_layouts(tables: Sequence[_Table], choice: Choice) -> dict[int, Layout]:
    """What is in which column, by their number: files of one corpus are alike, and one alone may have no mentions."""
    layouts = {}
    for width in {table.width for table in tables}:
        alike = [table for table in tables if table.width == width]
        sentences: list[list[list[str]]] = [[]]
        for table in alike:
            for row in _sample(table.documents):
                if not row.cells or (row.cells[0].startswith("#") and row.starts):
                    sentences.append([])
                elif len(row.cells) == width:
                    sentences[-1].append(row.cells)
        layouts[width] = find_layout(sentences, choice, str(alike[0].file.path))
    return layouts


def _read_table(table: _Table, layout: Layout, choice: Choice, cut: bool) -> Iterator[Note]:
    file = str(table.file.path)
    split = file_split(table.file)
    told = [Problem(file, 0, layout.told)] if layout.told else []
    searching = True  # for a header, which is the first row of a file
    for document in table.documents:
        rows = _rows(document.lines, document.first)
        if searching:
            first = next((row for row in rows if row.cells and not _is_comment(row, layout, choice)), None)
            if first and not is_header(first.cells, layout, choice):
                rows = chain([first], rows)
            searching = first is None
        for note_id, part in _sentences(document.id, rows) if cut else [(document.id, rows)]:
            text, entities, problems = _build(part, layout, file)
            unit = SENTENCE if cut else NOTE
            yield Note(note_id, text, tuple(entities), file, file, split, (*told, *problems), unit=unit)
            told = []


def _is_comment(row: _Row, layout: Layout, choice: Choice) -> bool:
    return _columns(row, layout, "")[1:] == (None, None) and not is_header(row.cells, layout, choice)


def _sentences(document: str, rows: Iterable[_Row]) -> Iterator[tuple[str, list[_Row]]]:
    count, sentence = 0, []
    for row in chain(rows, [_END]):
        if row.cells:
            sentence.append(row)
        elif sentence:
            count += 1
            yield f"{document}-{count}", sentence
            sentence = []


def _build(rows: Iterable[_Row], layout: Layout, file: str) -> tuple[str, list[Entity], list[Problem]]:
    """The text of a document, and its mentions decoded as conlleval does, whatever the scheme, label by label."""
    pieces: list[str] = []
    entities: list[Entity] = []
    problems: list[Problem] = []
    open_mentions: dict[str, tuple[int, int, str]] = {}  # by label start, line and assertion
    previous: dict[str, str] = {}  # the prefix of the token before, by label
    length = 0
    for row in chain(rows, [_END]):
        token, tags, problem = _columns(row, layout, file)
        if problem:
            problems.append(problem)
        if tags is None:
            continue
        current = {tag.label: tag.prefix for tag in tags} if tags else {}
        for label, (start, line, said) in list(open_mentions.items()) if open_mentions else ():
            if label not in current or _starts(previous.get(label, ""), current[label]):
                entities.append(Entity(label, ((start, length),), line, said, int(bool(said))))
                del open_mentions[label]
        if pieces and pieces[-1] != "\n":
            pieces.append(" " if token else "\n")
            length += 1
        if token:
            for label in current:
                open_mentions.setdefault(label, (length, row.number, row.said))
            pieces.append(token)
            length += len(token)
        previous = current
    return "".join(pieces), entities, problems


def _columns(row: _Row, layout: Layout, file: str) -> tuple[str, list[Tag] | None, Problem | None]:
    """Token and tags of a row: a blank row has no token; one that is to be passed over has no list of tags either."""
    cells = row.cells
    if not cells:
        return "", [], None
    if layout.token < len(cells) > max(layout.tag, 1):  # as nearly all are
        token, tags = cells[layout.token].strip(" "), layout.scheme.parse(cells[layout.tag].strip(" "))
        if token and tags is not None:
            return token, tags, None
    token = cells[layout.token].strip(" ") if layout.token < len(cells) else ""
    cell = cells[layout.tag].strip(" ") if layout.tag < len(cells) else ""
    tags = layout.scheme.parse(cell) if len(cells) > 1 and cell else None
    if tags is None and row.starts and cells[0].startswith("#"):
        return "", None, None  # a comment
    if not token:
        starting = sum(tag.prefix in "BSU" for tag in tags or ()) or int(tags is None and cell[:1] in ("B", "S", "U"))
        return "", None, None if cell == "O" else Problem(file, row.number, "tag without a token", dropped=starting)
    if len(cells) == 1 or not cell:
        return token, [], Problem(file, row.number, "line without a tag")
    if tags is None:
        return token, [], Problem(file, row.number, "unknown tag", dropped=1)
    return token, tags, None


def _starts(previous: str, prefix: str) -> bool:
    return prefix in "BSU" or previous in ("", "E", "S", "L", "U")
