"""CoNLL text: a token a line in the first column, its IOB1, IOB2, BIOES or BILOU tag in the last.

Behind the tag may stand the assertion of the mention, as `export` and `annotate` write it; that of its first token
counts. Columns are set off by a tab or blanks, sentences by a blank line. A note is what follows a
`-DOCSTART-` line (its id in round brackets on that line, if any), or the whole file without one.
The text of a note is rebuilt: blanks between tokens, one sentence a line.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from scripts.archives import File, decode
from scripts.corpus.assertions import VALUES
from scripts.corpus.conll import DOCSTART, UNSAID
from scripts.corpus.note import Entity, Note, Problem
from scripts.corpus.split import named_split

SUFFIXES = (".conll", ".tsv", ".iob", ".iob2", ".bio", ".bioes", ".bilou")
_TAG = re.compile(r"(?:O|([BIESLU])-(.+))")


def recognises(file: File) -> bool:
    return file.path.suffix.lower() in SUFFIXES


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read CoNLL files.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a document.
    RAISES (InputError): A file is not UTF-8.
    """
    notes = [note for file in files if recognises(file) for note in _read_file(file)]
    names = Counter(note.id for note in notes)
    for note in notes:
        # As with pairs of files, the folder goes before a name that occurs twice.
        folder = PurePosixPath(note.file).parent
        yield note if names[note.id] == 1 else note._replace(id=str(folder / note.id))


def _read_file(file: File) -> Iterator[Note]:
    split = named_split((*file.path.parts[:-1], file.path.stem))
    for note_id, rows in _documents(file):
        text, entities, problems = _build(rows, str(file.path))
        path = str(file.path)
        yield Note(note_id, text, tuple(entities), path, path, split, tuple(problems))


def _documents(file: File) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Ids and numbered lines of the documents of a file."""
    note_id, rows, count = file.path.stem, [], 0
    for number, row in enumerate(decode(file).removeprefix("\ufeff").split("\n"), start=1):
        if not row.startswith(DOCSTART):
            rows.append((number, row.removesuffix("\r")))
            continue
        if count or any(row.strip() for _, row in rows):
            yield note_id, rows
        count, rows = count + 1, []
        given = re.search(r"\((.+)\)", row)
        note_id = given[1] if given else f"{file.path.stem}-{count}"
    yield note_id, rows


def _build(rows: Sequence[tuple[int, str]], file: str) -> tuple[str, list[Entity], list[Problem]]:
    """The text of a document, and its mentions decoded as conlleval does, whatever the scheme."""
    pieces, entities, problems = [], [], []
    length, previous, label, start, line, assertion = 0, "O", "", 0, 0, ""

    def append(piece: str) -> None:
        nonlocal length
        pieces.append(piece)
        length += len(piece)

    for number, row in [*rows, (0, "")]:
        row, said = _split_assertion(row)
        token, tag, problem = _columns(row, number, file)
        problems.extend([problem] if problem else [])
        if not tag:
            continue
        if label and (_starts(previous, tag) or not _continues(previous, tag)):
            entities.append(Entity(label, ((start, length),), line, assertion, int(bool(assertion))))
            label = ""
        if pieces and pieces[-1] != "\n":
            append(" " if token else "\n")
        if token:
            if tag != "O" and not label:
                label, start, line, assertion = tag[2:], length, number, said
            append(token)
        previous = tag
    return "".join(pieces), entities, problems


def _split_assertion(row: str) -> tuple[str, str]:
    """A row without its column of assertions, and what that says; "" if there is none, or nothing is said."""
    columns = _split(row)
    said = columns[-1].strip(" ").lower()
    if len(columns) < 3 or said not in (UNSAID, *VALUES) or not _TAG.fullmatch(columns[-2].strip(" ")):
        return row, ""
    return "\t".join(columns[:-1]), said.removeprefix(UNSAID)


def _split(row: str) -> list[str]:
    return row.rstrip("\t ").split("\t") if "\t" in row else re.split(" +", row.strip(" "))


def _columns(row: str, number: int, file: str) -> tuple[str, str, Problem | None]:
    """Token and tag of a row: a blank row has no token, a row whose token is a blank no tag either."""
    columns = _split(row)
    token, tag = columns[0].strip(" "), columns[-1].strip(" ")
    if not tag:
        return "", "O", None
    if not token:
        lost = Problem(file, number, "tag without a token", dropped=int(tag[0] in "BSU"))
        return "", "", lost if tag != "O" else None
    if len(columns) == 1:
        return token, "O", Problem(file, number, "line without a tag")
    if not _TAG.fullmatch(tag):
        return token, "O", Problem(file, number, "unknown tag", dropped=1)
    return token, tag, None


def _starts(previous: str, tag: str) -> bool:
    return tag[0] in "BSU" or (tag != "O" and (previous == "O" or previous[0] in "ESLU"))


def _continues(previous: str, tag: str) -> bool:
    return tag != "O" and previous[2:] == tag[2:]
