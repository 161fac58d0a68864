"""How pages show how sure a model is of a mention: on hover, and pale where it is unlikely to be right."""

from collections.abc import Mapping
from html import escape

from spacy.tokens import Doc, Span

LOW = 0.5  # below it a mention is more likely wrong than right
PALE = "55"  # opacity of the colour, in hexadecimal


def confidences_of(name: str, ent: Span) -> dict[str, float]:
    """By the model's name its confidence in a mention; nothing if it gives none, as gold notes do."""
    return {} if ent._.confidence is None else {name: ent._.confidence}


def has_confidence(doc: Doc) -> bool:
    return any(ent._.confidence is not None for ent in doc.ents)


def draw_confidence(confidences: Mapping[str, float], colour: str) -> dict[str, str]:
    """What displaCy's template is to have as a mention's title and background.

    confidences (Mapping[str, float]): By model; of several the lowest decides whether the mention is pale.
    colour (str): Of its label, "#rrggbb".
    """
    if not confidences:
        return {"title": "", "bg": colour}
    said = ", ".join(f"{name} {confidence:.2f}".strip() for name, confidence in confidences.items())
    pale = PALE if min(confidences.values()) < LOW else ""
    return {"title": f' title="confidence: {escape(said)}"', "bg": f"{colour}{pale}"}
