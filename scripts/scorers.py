"""Scores of predicted against gold mentions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spacy.tokens import Doc


class Score(NamedTuple):
    """Counts of a comparison, from which precision, recall and F follow.

    tp, fp, fn (int): Mentions found, invented and missed.
    """

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return self.tp / max(self.tp + self.fp, 1)

    @property
    def recall(self) -> float:
        return self.tp / max(self.support, 1)

    @property
    def f1(self) -> float:
        return 2 * self.tp / max(2 * self.tp + self.fp + self.fn, 1)

    @property
    def support(self) -> int:
        return self.tp + self.fn

    def to_json(self) -> dict[str, float]:
        """The scores under spaCy's names p, r and f, with the gold mentions as support."""
        return {"p": self.precision, "r": self.recall, "f": self.f1, "support": self.support}


def score_strict(golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Score]:
    """Strict match by label: a mention counts if label, start and end are equal, summed over notes.

    golds, predictions (Sequence[Doc]): The same notes in the same order, compared by `doc.ents`.
    RETURNS (dict[str, Score]): A Score for each label that occurs on either side.
    """
    tp, fp, fn = Counter[str](), Counter[str](), Counter[str]()
    for gold, predicted in zip(golds, predictions, strict=True):
        expected, found = _mentions(gold), _mentions(predicted)
        tp.update(label for label, *_ in expected & found)
        fp.update(label for label, *_ in found - expected)
        fn.update(label for label, *_ in expected - found)
    return {label: Score(tp[label], fp[label], fn[label]) for label in sorted({*tp, *fp, *fn})}


def micro(scores: Iterable[Score]) -> Score:
    """The score of all labels together: their counts summed."""
    scores = list(scores)
    return Score(*(sum(counts) for counts in zip(*scores, strict=True))) if scores else Score(0, 0, 0)


def token_accuracy(golds: Sequence[Doc], predictions: Sequence[Doc]) -> float:
    """Share of tokens whose IOB2 tag is right, O included, blanks left out.

    golds, predictions (Sequence[Doc]): The same notes, with the same tokens, in the same order.
    """
    right = total = 0
    for gold, predicted in zip(golds, predictions, strict=True):
        pairs = [(iob_tag(a), iob_tag(b)) for a, b in zip(gold, predicted, strict=True) if not a.is_space]
        right += sum(a == b for a, b in pairs)
        total += len(pairs)
    return right / max(total, 1)


def iob_tag(token) -> str:
    """The IOB2 tag of a token, e.g. "B-problem"."""
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"


def _mentions(doc: Doc) -> set[tuple[str, int, int]]:
    return {(ent.label_, ent.start_char, ent.end_char) for ent in doc.ents}
