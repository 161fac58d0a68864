"""What goes wrong: errors counted by class, label, shift, length, and by whether the mention was seen in training."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.tokens import Doc, Span

from scripts.corpus.pairs import Outcome, Pair, pair_mentions

NOTHING = "(none)"  # stands in the confusion table where the other side has no mention
LENGTHS = ((1, 1), (2, 2), (3, 4), (5, None))  # tokens


def analyse(golds: Sequence[Doc], predictions: Sequence[Doc], seen: set[tuple[str, str]]) -> dict[str, Any]:
    """Count the errors of predicted notes.

    golds, predictions (Sequence[Doc]): The same notes in the same order, compared by `doc.ents`.
    seen (set[tuple[str, str]]): The mentions of the training notes, as `mention_keys` gives them.
    RETURNS (dict[str, Any]): `outcomes` (pairs a class), `confusion` (pairs by gold and predicted label, without the
        correct), `shifts` (by label, how many tokens start and end are off, the most frequent first), `recall` of
        exact matches by `seen` and by `length`. No text of a note.
    """
    pairs = [pair for gold, found in zip(golds, predictions, strict=True) for pair in pair_mentions(gold, found)]
    wrong = [pair for pair in pairs if pair.outcome not in (Outcome.CORRECT, Outcome.BOUNDARY)]
    outcomes = Counter(pair.outcome.value for pair in pairs)
    return {
        "outcomes": {outcome.value: outcomes[outcome.value] for outcome in Outcome},
        "confusion": [
            {"gold": gold, "predicted": predicted, "count": number}
            for (gold, predicted), number in Counter((_label(p.gold), _label(p.predicted)) for p in wrong).most_common()
        ],
        "shifts": [
            {"label": label, "start": start, "end": end, "count": number}
            for (label, start, end), number in Counter(_shifts(pairs)).most_common()
        ],
        "recall": {
            "seen": _recall(pairs, lambda span: "seen in train" if _key(span) in seen else "unseen in train"),
            "length": _recall(pairs, lambda span: _length(len(span))),
        },
    }


def mention_keys(docs: Iterable[Doc]) -> set[tuple[str, str]]:
    """Label and lower-cased text of every mention."""
    return {_key(ent) for doc in docs for ent in doc.ents}


def _key(span: Span) -> tuple[str, str]:
    return span.label_, " ".join(span.text.lower().split())


def _label(span: Span | None) -> str:
    return NOTHING if span is None else span.label_


def _shifts(pairs: Iterable[Pair]) -> Iterable[tuple[str, int, int]]:
    """Of every boundary error the label and how far the predicted ends lie after the gold ones, in tokens."""
    for gold, predicted in (pair for pair in pairs if pair.outcome is Outcome.BOUNDARY):
        assert gold is not None and predicted is not None
        yield gold.label_, predicted.start - gold.start, predicted.end - gold.end


def _recall(pairs: Iterable[Pair], group_of: Callable[[Span], str]) -> dict[str, dict[str, float]]:
    total, found = Counter(), Counter()
    for pair in pairs:
        if pair.gold is not None:
            group = group_of(pair.gold)
            total[group] += 1
            found[group] += pair.outcome is Outcome.CORRECT
    return {group: {"r": found[group] / total[group], "support": total[group]} for group in sorted(total)}


def _length(tokens: int) -> str:
    low, high = next(bounds for bounds in LENGTHS if bounds[1] is None or tokens <= bounds[1])
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"
