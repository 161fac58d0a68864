"""Scores of assertions: of mentions that are given, the official task, and of those that the model itself finds."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from scripts.corpus.assertions import VALUES
from scripts.corpus.given import Given, classify_given, get_classifier, stated_mentions
from scripts.evaluate.confidence import score_probabilities
from scripts.evaluate.scorers import Counts, Mention, count, match_exact


def evaluate_assertions(nlp: Language, golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Any] | None:
    """All scores of a pipeline's assertions.

    nlp (Language): The pipeline.
    golds, predictions (Sequence[Doc]): The same notes in the same order.
    RETURNS (dict[str, Any] | None): `given` and `end_to_end`; None if the gold notes have no assertion, or, with a
        warning, if the pipeline gives none.
    """
    stated = sum(len(stated_mentions(doc)) for doc in golds)
    if stated and get_classifier(nlp) is None:
        msg.warn(f"The model says nothing of assertions, which {stated:,} mentions of the test notes have.")
    if not stated or get_classifier(nlp) is None:
        return None
    return {
        "given": score_given([*classify_given(nlp, golds)]),
        "end_to_end": score_end_to_end(golds, predictions),
    }


def score_given(notes: Sequence[Sequence[Given]]) -> dict[str, Any]:
    """The official task of i2b2 2010: micro F over all problems, which are given, and F of each value.

    notes (Sequence[Sequence[Given]]): The gold mentions of each note, with what was predicted of them.
    RETURNS (dict[str, Any]): `micro` (of mentions that all have a prediction the three scores equal the accuracy),
        `per_value`, `confusion` (pairs of gold and predicted, the right ones too), `per_note`, `calibration`.
    """
    # By their numbers, as two mentions may be at one place
    golds = [[Mention(each.gold, i, i + 1) for i, each in enumerate(note)] for note in notes]
    found = [[Mention(each.found.value, i, i + 1) for i, each in enumerate(note) if each.found] for note in notes]
    counts = count(golds, found, match_exact)
    pairs = Counter((each.gold, each.found.value if each.found else "") for note in notes for each in note)
    return {
        **_scores(counts),
        "confusion": [
            {"gold": gold, "predicted": predicted, "count": number}
            for (gold, predicted), number in sorted(pairs.items(), key=lambda item: _order(*item[0]))
        ],
        "calibration": _score_given([each for note in notes for each in note]),
    }


def score_end_to_end(golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Any]:
    """Mentions found with label, both ends and assertion right, of those of `doc.ents` that have an assertion.

    golds, predictions (Sequence[Doc]): The same notes in the same order.
    RETURNS (dict[str, Any]): `micro`, `per_value` and `per_note`.
    """
    return _scores(count([_state(doc) for doc in golds], [_state(doc) for doc in predictions], match_exact))


def _score_given(given: Sequence[Given]) -> dict[str, Any] | None:
    """How far the calibrated probabilities of what is said of gold mentions can be trusted."""
    pairs = [
        (each.found.probability, each.found.value == each.gold)
        for each in given
        if each.found and each.found.probability is not None
    ]
    probability, right = np.array(pairs, dtype=float).reshape(-1, 2).T
    return score_probabilities(probability, right.astype(bool))


def _scores(counts: Counts) -> dict[str, Any]:
    return {
        "micro": counts.micro().to_json(),
        "per_value": {value: score.to_json() for value, score in counts.per_label().items()},
        "per_note": {"labels": counts.labels, "counts": counts.table.tolist()},
    }


def _state(doc: Doc) -> list[Mention]:
    return [
        Mention(f"{ent.label_}, {ent._.assertion}", ent.start_char, ent.end_char) for ent in doc.ents if ent._.assertion
    ]


def _order(gold: str, predicted: str) -> tuple[int, int]:
    return VALUES.index(gold), VALUES.index(predicted) if predicted else len(VALUES)
