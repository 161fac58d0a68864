"""Notes drawn by displaCy, gold mentions above predicted ones, line by line on one page."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, Span

from scripts.corpus.docs import GOLD, NOTE_ID
from scripts.corpus.pairs import Outcome, pair_mentions
from scripts.pages.assertions import drawn_assertion, explain_assertions
from scripts.pages.confidence import confidences_of, has_confidence
from scripts.pages.environment import create_environment
from scripts.pages.passages import Sides, render_passage

TEMPLATES = Path(__file__).parent / "templates"


def render_page(corpus: str, sides: Sides, notes: int) -> str:
    """One page that needs nothing else.

    corpus (str): What the notes are called.
    sides (Sides): Gold and predicted notes.
    notes (int): How many of them to draw, the first in the order of their ids.
    """
    names = ["gold", *(path.stem for path in sides.predictions)]
    rows = zip(sides.golds, *sides.predictions.values(), strict=True)
    chosen = sorted(rows, key=lambda docs: docs[0].user_data[NOTE_ID])[:notes]
    return (
        create_environment(TEMPLATES)
        .get_template("visualize.html.jinja")
        .render(
            corpus=corpus,
            names=names,
            colours=sides.colours,
            assertions=explain_assertions(doc for docs in chosen for doc in docs),
            confidence=any(has_confidence(doc) for docs in chosen for doc in docs),
            total=len(sides.golds),
            notes=[draw_note(names, docs, sides.colours) for docs in chosen],
        )
    )


def draw_note(names: Sequence[str], docs: Sequence[Doc], colours: dict[str, str]) -> dict[str, Any]:
    """A note as the template takes it.

    names, docs (Sequence): The note's sides, the gold one first.
    colours (dict[str, str]): By label.
    RETURNS (dict[str, Any]): `id`, `mentions` (their number), `hidden` (gold mentions that are not in `doc.ents`),
        `outcomes` (of each model its name, the number of pairs of each class, and of the correct ones how many have
        another assertion), `passages` as `draw_passage` gives them.
    """
    gold, *predictions = docs
    mentions = [doc.ents for doc in docs]  # each access makes all of them again
    return {
        "id": gold.user_data[NOTE_ID],
        "mentions": len(mentions[0]),
        "hidden": len(gold.spans.get(GOLD, mentions[0])) - len(mentions[0]),
        "outcomes": [(name, *count_outcomes(gold, doc)) for name, doc in zip(names[1:], predictions, strict=True)],
        "passages": [draw_passage(part, names, mentions, colours) for part in find_passages(gold, mentions)],
    }


def count_outcomes(gold: Doc, predicted: Doc) -> tuple[dict[str, int], int]:
    """The number of pairs of each class that occurs, and of the correct ones how many have another assertion."""
    pairs = pair_mentions(gold, predicted)
    found = Counter(pair.outcome for pair in pairs)
    correct = (pair for pair in pairs if pair.outcome is Outcome.CORRECT)
    differ = sum(drawn_assertion(one) != drawn_assertion(other) for one, other in correct if one and other)
    return {outcome.value: found[outcome] for outcome in Outcome if found[outcome]}, differ


def find_passages(doc: Doc, mentions: Sequence[Sequence[Span]]) -> Iterator[Span]:
    """The lines of a note that are not blank; lines with a mention of any side across their ends stay together."""
    taken = {place for ents in mentions for ent in ents for place in range(ent.start, ent.end)}
    ends = [token.i for token in doc if token.is_space and "\n" in token.text and token.i not in taken]
    for before, end in pairwise([-1, *ends, len(doc)]):
        if doc[before + 1 : end].text.strip():
            yield doc[before + 1 : end]


def draw_passage(
    part: Span, names: Sequence[str], mentions: Sequence[Sequence[Span]], colours: dict[str, str]
) -> list[tuple[str, str]]:
    """Each different reading of a passage: the sides that share it ("all" if they all do) and its HTML, gold first."""
    rows: dict[str, list[tuple[str, Sequence[Span]]]] = {}
    for name, ents in zip(names, mentions, strict=True):
        low, high = (bisect_left(ents, place, key=lambda ent: ent.start) for place in (part.start, part.end))
        found = ents[low:high]
        # Alike are sides with the same mentions, however sure they are of them.
        rows.setdefault(render_passage(part, found, colours, [{}] * len(found)), []).append((name, found))
    return [
        ("all" if len(rows) == 1 else ", ".join(name for name, _ in sharing), _render_shared(part, sharing, colours))
        for sharing in rows.values()
    ]


def _render_shared(part: Span, sharing: Sequence[tuple[str, Sequence[Span]]], colours: dict[str, str]) -> str:
    """A passage as several sides read it, with the confidences of all of them."""
    confidences = [
        {name: sure for side, ent in zip((name for name, _ in sharing), same, strict=True)
         for name, sure in confidences_of(side, ent).items()}
        for same in zip(*(ents for _, ents in sharing), strict=True)
    ]  # fmt: skip
    return render_passage(part, sharing[0][1], colours, confidences)
