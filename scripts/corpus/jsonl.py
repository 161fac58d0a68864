"""An annotated note as a value of JSON, as JSON Lines and the service give it."""

from typing import Any

from spacy.tokens import Doc

from scripts.corpus.docs import GOLD
from scripts.corpus.mentions import Mention, written_mentions
from scripts.corpus.texts import Text
from scripts.runtime.extensions import NAMES


def to_row(note: Text, doc: Doc) -> dict[str, Any]:
    """A note as a value of JSON; `start` and `end` are characters of the text, 0-based and end-exclusive.

    Annotated mentions have `fragments`, `kb_id` and `attributes` as well, where there are some.
    """
    annotated = GOLD in doc.spans
    mentions = [_to_value(note.text, mention, annotated) for mention in written_mentions(doc)]
    return {"id": note.id, "text": note.text, "ents": mentions}


def _to_value(text: str, mention: Mention, annotated: bool) -> dict[str, Any]:
    span = mention.span
    value = {
        "start": mention.start,
        "end": mention.end,
        "label": span.label_,
        "text": text[mention.start : mention.end],
    }
    if not annotated:
        return {**value, **{name: span._.get(name) for name in NAMES}}
    fragments = [list(fragment) for fragment in mention.fragments] if len(mention.fragments) > 1 else None
    more = {
        "assertion": mention.assertion,
        "fragments": fragments,
        "kb_id": span.kb_id_,
        "attributes": [list(pair) for pair in mention.attributes],
    }
    return {**value, **{name: said for name, said in more.items() if said}}
