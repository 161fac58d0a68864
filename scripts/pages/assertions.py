"""How pages show what a note says of a mention: by name behind its label, and struck through where it is absent."""

from collections.abc import Iterable
from html import escape

from spacy.tokens import Doc, Span

from scripts.corpus.assertions import PRESENT

# Of all values but "present", which is drawn as if nothing were said; in the order of the legend.
MEANINGS = {
    "absent": "the note says that it is not there",
    "possible": "it may be there",
    "conditional": "it comes under some circumstances only",
    "hypothetical": "it may come later",
    "associated_with_someone_else": "somebody else has it",
}


def drawn_assertion(ent: Span) -> str:
    """The value that is drawn; "" for a mention that is present, or of which nothing is said."""
    return "" if ent._.assertion in (None, PRESENT) else ent._.assertion


def explain_assertions(docs: Iterable[Doc]) -> dict[str, str]:
    """The legend of some notes: by its name the meaning of each value that is drawn in them."""
    drawn = {drawn_assertion(ent) for doc in docs for ent in doc.ents}
    return {_name(value): meaning for value, meaning in MEANINGS.items() if value in drawn}


def draw_assertion(ent: Span) -> dict[str, str]:
    """The HTML that displaCy's template is to have as a mention's label and text, where they are not the plain ones."""
    value = drawn_assertion(ent)
    if not value:
        return {}
    title = f'title="{escape(MEANINGS.get(value, ""))}"'
    name = f'<small style="font-size: 1em; font-weight: normal" {title}>, {escape(_name(value))}</small>'
    struck = {"text": f"<s {title}>{escape(ent.text)}</s>"} if value == "absent" else {}
    return {"label": f"{escape(ent.label_)}{name}", **struck}


def _name(value: str) -> str:
    return value.replace("_", " ")
