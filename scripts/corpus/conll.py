"""CoNLL text: a token a line with its tag, as notes are exported and read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

DOCSTART = "-DOCSTART-"  # begins the line before a note
UNSAID = "_"  # where nothing is said of a mention, and where there is none


def rows(doc: "Doc", note_id: str, assertions: bool = False) -> Iterator[str]:
    """The lines of a note; blanks are no tokens here, and a line end inside an entity ends no sentence.

    note_id (str): The note's name, for its first line.
    assertions (bool): Whether there is a third column, of what is said of the mentions.
    """
    said = _said(doc) if assertions else None
    yield f"{DOCSTART} ({note_id})\tO{_column(said, -1)}"
    yield ""
    open_sentence = False
    for token in doc:
        if not token.is_space:
            yield f"{token.text}\t{iob_tag(token)}{_column(said, token.i)}"
            open_sentence = True
        elif "\n" in token.text and token.ent_iob_ != "I" and open_sentence:
            yield ""
            open_sentence = False
    if open_sentence:
        yield ""


def iob_tag(token: "Token") -> str:
    """The IOB2 tag of a token, e.g. "B-problem"."""
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"


def _said(doc: "Doc") -> dict[int, str]:
    """The assertion of each token's mention."""
    return {token.i: ent._.assertion for ent in doc.ents if ent._.assertion for token in ent}


def _column(said: dict[int, str] | None, place: int) -> str:
    return "" if said is None else f"\t{said.get(place, UNSAID)}"
