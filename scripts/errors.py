"""What goes wrong: every gold and every predicted mention of flat notes in exactly one class."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from spacy.tokens import Doc, Span

NOTHING = "(none)"  # stands in the confusion table where the other side has no mention
LENGTHS = ((1, 1), (2, 2), (3, 4), (5, None))  # tokens


class Outcome(StrEnum):
    """A pair's class, or that of a mention without a partner."""

    CORRECT = "correct"
    LABEL = "label"  # both ends right
    BOUNDARY = "boundary"  # label right
    BOTH = "label+boundary"
    MISSED = "missed"  # gold alone
    SPURIOUS = "spurious"  # predicted alone


class Pair(NamedTuple):
    """A gold mention and the predicted one that answers it, either of them None if it is alone."""

    gold: Span | None
    predicted: Span | None

    @property
    def outcome(self) -> Outcome:
        if self.gold is None or self.predicted is None:
            return Outcome.SPURIOUS if self.gold is None else Outcome.MISSED
        ends = (self.gold.start, self.gold.end) == (self.predicted.start, self.predicted.end)
        label = self.gold.label_ == self.predicted.label_
        return {(True, True): Outcome.CORRECT, (True, False): Outcome.LABEL, (False, True): Outcome.BOUNDARY}.get(
            (ends, label), Outcome.BOTH
        )


RANKS = (Outcome.CORRECT, Outcome.LABEL, Outcome.BOUNDARY, Outcome.BOTH)


def pair_mentions(gold: Doc, predicted: Doc) -> list[Pair]:
    """Pair the mentions of `doc.ents` one to one: exact ones first, then equal ends, equal labels, any overlap.

    Of several candidates of a kind the one with the larger overlap goes first, then the first in the note.

    RETURNS (list[Pair]): Each mention of either side in exactly one pair.
    """
    ones, others = gold.ents, predicted.ents  # each access makes all of them anew
    starts, ends = [ent.start for ent in others], [ent.end for ent in others]
    candidates = []
    for i, one in enumerate(ones):
        for j in range(bisect_right(ends, one.start), bisect_left(starts, one.end)):
            overlap = min(one.end, ends[j]) - max(one.start, starts[j])
            candidates.append((RANKS.index(Pair(one, others[j]).outcome), -overlap, i, j))
    pairs, left, right = [], set(range(len(ones))), set(range(len(others)))
    for _, _, i, j in sorted(candidates):
        if i in left and j in right:
            pairs.append(Pair(ones[i], others[j]))
            left.remove(i)
            right.remove(j)
    pairs += [Pair(ones[i], None) for i in sorted(left)]
    return pairs + [Pair(None, others[j]) for j in sorted(right)]


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


def _recall(pairs: Iterable[Pair], group_of) -> dict[str, dict[str, float]]:
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
