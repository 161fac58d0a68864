"""What a note that was read says of its mentions, and what became of every assertion."""

from collections import Counter

from scripts.corpus.assertions import AssertionFate
from scripts.corpus.note import Note


def said(note: Note) -> list[tuple[str, str]]:
    """Text and assertion of each mention."""
    return [(note.text[entity.start : entity.end], entity.assertion) for entity in note.entities]


def values(note: Note) -> list[str]:
    return [entity.assertion for entity in note.entities]


def unjoined(note: Note) -> list[tuple[int, str]]:
    """Line and fate of each assertion that was not joined; asserts that its file is named."""
    found = [problem for problem in note.problems if problem.assertion]
    assert {problem.file for problem in found} <= {note.assertion_file or note.file}
    assert not any(problem.dropped for problem in found)
    return [(problem.line, problem.assertion) for problem in found]


def fates(note: Note) -> Counter[str]:
    """The assertions of a note by fate, joined ones as well."""
    joined = Counter({str(AssertionFate.JOINED): sum(entity.stated for entity in note.entities)})
    return joined + Counter(fate for _, fate in unjoined(note))
