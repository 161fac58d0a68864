"""Scores of predicted against gold mentions: the only home of every definition.

Each count is kept by note and label (`Counts`), from which all averages, intervals and tests follow.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from seqeval.metrics.sequence_labeling import accuracy_score, precision_recall_fscore_support
from spacy.tokens import Doc

from scripts.corpus.conll import iob_tag
from scripts.corpus.docs import GOLD
from scripts.corpus.scores import precision_recall_f1


class Mention(NamedTuple):
    """A label and the characters from `start` up to, not including, `end`."""

    label: str
    start: int
    end: int


class Score(NamedTuple):
    """Counts of a comparison, from which precision, recall and F follow.

    tp, fp, fn (int): Mentions found, invented and missed.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return float(precision_recall_f1(np.array(self))[0])

    @property
    def recall(self) -> float:
        return float(precision_recall_f1(np.array(self))[1])

    @property
    def f1(self) -> float:
        return float(precision_recall_f1(np.array(self))[2])

    @property
    def support(self) -> int:
        return self.tp + self.fn

    def to_json(self) -> dict[str, float]:
        """The scores under spaCy's names p, r and f, with the gold mentions as support."""
        return {**dict(zip("prf", precision_recall_f1(np.array(self)).tolist(), strict=True)), "support": self.support}


class Counts(NamedTuple):
    """The counts of a comparison by note and label.

    labels (list[str]): Every label of either side, sorted.
    table (np.ndarray): tp, fp and fn as integers, notes x labels x 3.
    """

    labels: list[str]
    table: np.ndarray

    def micro(self) -> Score:
        """All notes and labels together."""
        return Score(*self.table.sum(axis=(0, 1)).tolist())

    def per_label(self) -> dict[str, Score]:
        sums = self.table.sum(axis=0).tolist()
        return {label: Score(*row) for label, row in zip(self.labels, sums, strict=True)}

    def macro(self) -> dict[str, float]:
        """Mean of P, R and F over the labels that the gold notes have."""
        return _mean(score for score in self.per_label().values() if score.support)

    def per_document(self) -> dict[str, float]:
        """Mean of P, R and F over the notes, an empty note as 0: what the script of n2c2 2018 calls macro."""
        return _mean(Score(*row) for row in self.table.sum(axis=1).tolist())


def _mean(scores: Iterable[Score]) -> dict[str, float]:
    counts = np.array([*scores] or [(0, 0, 0)])
    return dict(zip("prf", precision_recall_f1(counts).mean(axis=0).tolist(), strict=True))


# What is compared


def flat_mentions(doc: Doc) -> list[Mention]:
    """The mentions of `doc.ents`, of which no two overlap."""
    return [Mention(ent.label_, ent.start_char, ent.end_char) for ent in doc.ents]


def all_mentions(doc: Doc) -> list[Mention]:
    """Every gold mention as annotated, nested ones and duplicates too; of a discontinuous one the envelope."""
    group = doc.spans[GOLD]
    fragments = group.attrs["fragments"]
    return [Mention(span.label_, parts[0][0], parts[-1][1]) for span, parts in zip(group, fragments, strict=True)]


# How one note is compared: gold and predicted mentions in, the labels of tp, fp and fn out

Match = Callable[[Sequence[Mention], Sequence[Mention]], tuple[list[str], list[str], list[str]]]


def match_exact(golds: Sequence[Mention], predicted: Sequence[Mention]) -> tuple[list[str], list[str], list[str]]:
    """One to one by label and both ends: "Class Exact" of i2b2 2010. A duplicate on one side only is an error."""
    expected, found = Counter(golds), Counter(predicted)
    sides = (expected & found, found - expected, expected - found)
    tp, fp, fn = ([mention.label for mention in side.elements()] for side in sides)
    return tp, fp, fn


def match_strict(golds: Sequence[Mention], predicted: Sequence[Mention]) -> tuple[list[str], list[str], list[str]]:
    """Strict match of n2c2 2018 track 2: label and both ends are equal."""
    places: dict[Mention, list[int]] = {}
    for place, gold in enumerate(golds):
        places.setdefault(gold, []).append(place)
    return _match_n2c2(golds, predicted, lambda mention: places.get(mention, []))


def match_lenient(golds: Sequence[Mention], predicted: Sequence[Mention]) -> tuple[list[str], list[str], list[str]]:
    """Lenient match of n2c2 2018 track 2: equal labels and at least one common character."""
    order = sorted(range(len(golds)), key=lambda place: golds[place].start)
    starts = [golds[place].start for place in order]
    longest = max((gold.end - gold.start for gold in golds), default=0)

    def find(mention: Mention) -> list[int]:
        near = order[bisect_left(starts, mention.start - longest) : bisect_left(starts, mention.end)]
        return [place for place in near if golds[place].label == mention.label and golds[place].end > mention.start]

    return _match_n2c2(golds, predicted, find)


def _match_n2c2(
    golds: Sequence[Mention], predicted: Sequence[Mention], find: Callable[[Mention], list[int]]
) -> tuple[list[str], list[str], list[str]]:
    """A predicted mention that hits a gold one that an earlier one has hit is taken out; fn = gold - tp, by label."""
    taken: set[int] = set()
    tp, fp = [], []
    for mention in predicted:
        hits = find(mention)
        if not hits:
            fp.append(mention.label)
        elif taken.isdisjoint(hits):
            tp.append(mention.label)
        taken.update(hits)
    return tp, fp, list((Counter(gold.label for gold in golds) - Counter(tp)).elements())


def count(golds: Sequence[Sequence[Mention]], predictions: Sequence[Sequence[Mention]], match: Match) -> Counts:
    """Compare notes one by one.

    golds, predictions (Sequence[Sequence[Mention]]): The mentions of the same notes in the same order.
    match (Match): The definition of a match.
    """
    labels = sorted({mention.label for side in (golds, predictions) for note in side for mention in note})
    place = {label: i for i, label in enumerate(labels)}
    table = np.zeros((len(golds), len(labels), 3), dtype=np.int64)
    for i, (gold, predicted) in enumerate(zip(golds, predictions, strict=True)):
        for column, found in enumerate(match(gold, predicted)):
            for label in found:
                table[i, place[label], column] += 1
    return Counts(labels, table)


# Tokens


def token_accuracy(golds: Sequence[Doc], predictions: Sequence[Doc]) -> float:
    """Share of tokens whose IOB2 tag is right, O included, blanks left out.

    golds, predictions (Sequence[Doc]): The same notes, with the same tokens, in the same order.
    """
    pairs = [pair for gold, predicted in zip(golds, predictions, strict=True) for pair in tag_pairs(gold, predicted)]
    return sum(a == b for a, b in pairs) / max(len(pairs), 1)


def tag_pairs(gold: Doc, predicted: Doc) -> list[tuple[str, str]]:
    """The gold and predicted tag of each token that is not blank."""
    return [(iob_tag(a), iob_tag(b)) for a, b in zip(gold, predicted, strict=True) if not a.is_space]


def seqeval_scores(golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, float]:
    """P, R, F (micro average) and accuracy as seqeval gives them in its default mode; of no token 0."""
    pairs = [tag_pairs(gold, predicted) for gold, predicted in zip(golds, predictions, strict=True)]
    true, found = [[a for a, _ in note] for note in pairs], [[b for _, b in note] for note in pairs]
    scores: Any = precision_recall_fscore_support(true, found, average="micro", zero_division=0)  # type: ignore[arg-type]
    return {name: float(score) for name, score in zip("prf", scores, strict=False)} | {
        "accuracy": float(accuracy_score(true, found)) if any(true) else 0.0
    }
