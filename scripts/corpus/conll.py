"""CoNLL text: a token a line with its tag, as notes are exported and read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

DOCSTART = "-DOCSTART-"  # begins the line before a note


def rows(doc: "Doc", note_id: str) -> Iterator[str]:
    """The lines of a note; blanks are no tokens here, and a line end inside an entity ends no sentence.

    note_id (str): The note's name, for its first line.
    """
    yield f"{DOCSTART} ({note_id})\tO"
    yield ""
    open_sentence = False
    for token in doc:
        if not token.is_space:
            yield f"{token.text}\t{iob_tag(token)}"
            open_sentence = True
        elif "\n" in token.text and token.ent_iob_ != "I" and open_sentence:
            yield ""
            open_sentence = False
    if open_sentence:
        yield ""


def iob_tag(token: "Token") -> str:
    """The IOB2 tag of a token, e.g. "B-problem"."""
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
