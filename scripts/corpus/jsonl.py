"""An annotated note as a value of JSON, as JSON Lines and the service give it."""

from typing import Any

from spacy.tokens import Doc

from scripts.corpus.texts import Text
from scripts.runtime.extensions import NAMES


def to_row(note: Text, doc: Doc) -> dict[str, Any]:
    """A note as a value of JSON; `start` and `end` are characters of the text, 0-based and end-exclusive."""
    return {
        "id": note.id,
        "text": note.text,
        "ents": [
            {
                "start": ent.start_char,
                "end": ent.end_char,
                "label": ent.label_,
                "text": ent.text,
                **{name: ent._.get(name) for name in NAMES},
            }
            for ent in doc.ents
        ],
    }
