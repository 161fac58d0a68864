"""Pairs of a gold mention and the predicted one that answers it: every mention of flat notes in exactly one class."""

from bisect import bisect_left, bisect_right
from enum import StrEnum
from typing import NamedTuple

from spacy.tokens import Doc, Span


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


def find_right(gold: Doc, predicted: Doc) -> list[bool]:
    """Whether each mention of the predicted `doc.ents` is one of the gold ones: label and both ends are equal."""
    golds = {(ent.label_, ent.start_char, ent.end_char) for ent in gold.ents}
    return [(ent.label_, ent.start_char, ent.end_char) in golds for ent in predicted.ents]


RANKS = (Outcome.CORRECT, Outcome.LABEL, Outcome.BOUNDARY, Outcome.BOTH)


def pair_mentions(gold: Doc, predicted: Doc) -> list[Pair]:
    """Pair the mentions of `doc.ents` one to one: exact ones first, then equal ends, equal labels, any overlap.

    Of several candidates of a kind the one with the larger overlap goes first, then the first in the note.

    RETURNS (list[Pair]): Each mention of either side in exactly one pair.
    """
    ones, others = gold.ents, predicted.ents  # each access makes all of them again
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
