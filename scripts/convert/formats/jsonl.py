"""Notes in JSON with character offsets: a value a note, told apart by its keys.

    {"id", "text", "ents": [{"start", "end", "label"}]}        annotate, export, spaCy's Doc.to_json
    {"id", "text", "label": [[start, end, label]]}             doccano; also "labels", and "entities" of "start_offset"
    {"text", "spans": [{"start", "end", "label"}], "answer"}   Prodigy; what was not accepted is left out
    [text, {"entities": [[start, end, label]]}]                tuples of spaCy 2
    {"data": {"text"}, "annotations": [{"result"}]}            Label Studio, and its short form (label_studio.py)

Offsets count characters, or what the quotes say; without quotes characters.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import label_studio
from scripts.convert.formats.names import check_text, file_split, name_notes, stem_of
from scripts.convert.formats.offsets import Stated, fragment, is_written, place
from scripts.convert.formats.said import Said, join_said
from scripts.convert.formats.values import Value, begins_json, first_value, read_values
from scripts.corpus.assertions import VALUES
from scripts.corpus.note import Attributes, Note, Problem

SUFFIXES = (".jsonl", ".ndjson", ".json")
TEXTS = ("text", "data")
MENTIONS = ("ents", "spans", "entities", "label", "labels")
ACCEPTED, NOT_ACCEPTED = "accept", ("reject", "ignore")
_STARTS, _ENDS = ("start", "start_offset", "begin"), ("end", "end_offset")
_LABELS = ("label", "labels", "type")


class _Row(NamedTuple):
    """A note as its value has it; `unread` are mentions under further keys."""

    id: str
    text: str
    mentions: Sequence[Any]
    unread: Sequence[Any] = ()


def recognises(file: File) -> bool:
    value = first_value(file)
    if value is None:  # damaged, which is said when it is read
        return begins_json(file) and file.path.suffix.lower() in SUFFIXES
    return any(_as_row(each) or _is_known(each) for each in _unwrap(value))


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read notes in JSON.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Without effect: text and annotation are one file.
    YIELDS (Note): One note a value.
    RAISES (InputError): A file is not UTF-8, is damaged, or a value of it is no annotated note.
    """
    yield from name_notes(note for file in files if recognises(file) for note in _read_file(file))


def _read_file(file: File) -> Iterator[Note]:
    read = [*_read_rows(file)]
    notes = [note for note in read if isinstance(note, Note)]
    left_out = [problem for problem in read if isinstance(problem, Problem)]
    if left_out and not notes:
        raise InputError(f"{file.path} holds no annotation that was accepted: annotate some, or leave the file out.")
    for first, note in enumerate(notes):
        yield note if first else note._replace(problems=(*note.problems, *left_out))


def _read_rows(file: File) -> Iterator[Note | Problem]:
    """Each value, and rows of Prodigy that one session has on one text as one: there each label may have its own."""
    places: dict[Any, int] = {}
    read: list[Note | Problem] = []
    for number, (line, value) in enumerate(_rows(file), start=1):
        found = _read_value(file, number, line, value)
        key = _question(value) if isinstance(found, Note) else None
        first = read[places[key]] if key in places else None
        if isinstance(first, Note) and isinstance(found, Note):
            told = Problem(str(file.path), line, "a further row of the same text and session, read with the first")
            problems = (*first.problems, told, *found.problems)
            read[places[key]] = first._replace(entities=(*first.entities, *found.entities), problems=problems)
            continue
        if key:
            places[key] = len(read)
        read.append(found)
    yield from read


def _question(value: Any) -> tuple[str, ...] | None:
    """What a row of Prodigy asks about, and in which session; None for values of other tools."""
    if not isinstance(value, dict) or value.get("answer") != ACCEPTED:
        return None
    return tuple(str(value.get(key, "")) for key in ("_session_id", "_annotator_id", "_input_hash", "text"))


def _rows(file: File) -> Iterator[Value]:
    for line, value in read_values(file):
        yield from (Value(line, each) for each in _unwrap(value))


def _unwrap(value: Any) -> Sequence[Any]:
    """The notes in a value: those of a {"classes", "annotations": [tuples]}, or it itself."""
    if isinstance(value, dict) and "classes" in value and isinstance(value.get("annotations"), list):
        return [each for each in value["annotations"] if each is not None]
    return [value]


def _is_known(value: Any) -> bool:
    return label_studio.is_task(value) or _is_tuple(value) or _is_training(value) or _is_rejected(value)


def _is_rejected(value: Any) -> bool:
    """Whether a value is a row of Prodigy that was not accepted, and may have no mentions."""
    return isinstance(value, dict) and isinstance(value.get("text"), str) and value.get("answer") in NOT_ACCEPTED


def _is_tuple(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def _is_training(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("paragraphs"), list)


def _as_row(value: Any) -> _Row | None:
    """A value with its text and its mentions; None if it lacks one of them."""
    if _is_tuple(value):
        value = {"text": value[0], **value[1]}
    if not isinstance(value, dict):
        return None
    text = next((value[key] for key in TEXTS if isinstance(value.get(key), str)), None)
    lists = _mention_lists(value)
    if not lists and value.get("answer") == ACCEPTED:
        lists = [[]]
    if text is None or not lists:
        return None
    chosen = max(lists, key=lambda each: any(map(_is_mention, each)))  # the first of those with mentions, if any
    unread = [each for other in lists if other is not chosen for each in other if _is_mention(each)]
    name = value.get("id")
    return _Row("" if name is None else str(name), text, chosen, unread)


def _mention_lists(value: dict[str, Any]) -> list[Sequence[Any]]:
    """The lists that may hold the mentions of a value: of a known key, of its groups, or as Label Studio has them."""
    short = label_studio.short_mentions(value)
    if short:
        return [short]
    found = [each for key in MENTIONS if (each := value.get(key)) is not None]
    grouped = [each.values() if isinstance(each, dict) else [each] for each in found]
    lists: list[Sequence[Any]] = [each for group in grouped for each in group if isinstance(each, list)]
    return lists or ([] if short is None else [short])


def _is_mention(value: Any) -> bool:
    return isinstance(value, dict | list)


def _read_value(file: File, number: int, line: int, value: Any) -> Note | Problem:
    """A note, or why it is left out."""
    path = str(file.path)
    if _is_training(value):
        raise InputError(f"{path}: training data of spaCy 2; run `python -m spacy convert` on it, and read the .spacy.")
    if isinstance(value, dict) and value.get("answer", ACCEPTED) != ACCEPTED:
        return Problem(path, line, "an answer that is not accepted, left out")
    more: Sequence[Problem] = ()
    if label_studio.is_task(value):
        copies = label_studio.find_copies(value)
        if not copies:
            return Problem(path, line, "a task that nobody annotated, left out")
        value = label_studio.read_task(value, copies[0], path, line)
        more = [problem for copy in copies[1:] for problem in _left_alone(copy, copies[0], path, line)]
    row = _as_row(value)
    if row is None:
        keys = ", ".join(MENTIONS)
        raise InputError(f"{path}, line {line}: no note with mentions; it needs a text and one of {keys}.")
    check_text(row.text, path, line)
    stated = [each for mention in row.mentions for each in _read_mention(mention, line)]
    placed, problems = place(row.text, [mention for mention, _ in stated], path)
    entities, unjoined = join_said(placed, [said for _, said in stated], path)
    read = {(each.label, each.fragments) for each, _ in stated}
    unread = [each for mention in row.unread for each, _ in _read_mention(mention, line)]
    unread = [each for each in unread if (each.label, each.fragments) not in read]
    more = [*more, *(Problem(path, line, "mention under a key that is not read", each.label, 1) for each in unread)]
    name, problems = row.id or f"{stem_of(file.path)}-{number}", (*problems, *unjoined, *more)
    return Note(name, row.text, entities, path, path, file_split(file), problems)


def _left_alone(copy: dict[str, Any], read: dict[str, Any], path: str, line: int) -> Iterator[Problem]:
    """What is told of a further annotation: that it is there, and each of its mentions that the one read lacks."""
    yield Problem(path, line, "a further annotation of the same text, left alone")
    known = label_studio.mentions_of(read)
    for mention in label_studio.mentions_of(copy):
        if mention not in known:
            yield from (Problem(path, line, "mention of a further annotation only, left alone", each.label)
                        for each, _ in _read_mention(mention, line))  # fmt: skip


def _read_mention(mention: Any, line: int) -> Iterator[tuple[Stated, list[Said]]]:
    """A mention, once for each of its labels, with what is said of it."""
    if isinstance(mention, list) and len(mention) in (3, 4):
        keys = ("start", "end", "label", "kb_id")
        mention = dict(zip(keys, mention, strict=False))
    if not isinstance(mention, dict):
        yield Stated("", (), None, line), []
        return
    start, end = (next((mention[key] for key in keys if key in mention), None) for keys in (_STARTS, _ENDS))
    labels = next((mention[key] for key in _LABELS if key in mention), None)
    quote, value = mention.get("text"), mention.get("assertion")
    said = [Said(line, "", str(value) if value in VALUES else "")] if value else []
    for label in labels if isinstance(labels, list) else [labels]:
        stated = Stated(
            label if isinstance(label, str) else "",
            _read_fragments(mention.get("fragments")) or fragment(start, end),
            quote if isinstance(quote, str) else None,
            line,
            _word(mention.get("kb_id")),
            _read_attributes(mention.get("attributes")),
        )
        yield stated, said


def _read_fragments(value: Any) -> tuple[tuple[int, int], ...]:
    listed = value if isinstance(value, list) else []
    found = [fragment(*each) if isinstance(each, list) and len(each) == 2 else () for each in listed]
    return tuple(part for parts in found for part in parts) if all(found) else ()


def _read_attributes(value: Any) -> Attributes:
    pairs = [each for each in value if isinstance(each, list) and len(each) == 2] if isinstance(value, list) else []
    return tuple((_word(name), _word(said)) for name, said in pairs)


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and is_written(str(value)) else ""
