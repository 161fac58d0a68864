"""All scores of predicted notes, by every definition, as the metrics file holds them."""

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc

from scripts.cli import InputError
from scripts.corpus.docs import NOTE_ID
from scripts.corpus.pipelines import count_words
from scripts.evaluate.errors import analyse
from scripts.evaluate.scorers import (
    Counts,
    all_mentions,
    count,
    flat_mentions,
    match_exact,
    match_lenient,
    match_strict,
    seqeval_scores,
    token_accuracy,
)

# Definitions that count all gold mentions, nested ones too, which a flat model cannot find
ALL_GOLD = {"strict_all": match_strict, "lenient_all": match_lenient, "class_exact_all": match_exact}


def evaluate(golds: Sequence[Doc], predictions: Sequence[Doc], seen: set[tuple[str, str]]) -> dict[str, Any]:
    """The scores of predicted notes.

    golds, predictions (Sequence[Doc]): The same notes in the same order.
    seen (set[tuple[str, str]]): The mentions of the training notes, as `mention_keys` gives them.
    RETURNS (dict[str, Any]): Under spaCy's names `ents_p`, `ents_r`, `ents_f` (strict match, micro average, gold of
        `doc.ents`), `ents_per_type` (p, r, f and support a label); `support`, `token_accuracy`, `notes`, `words`;
        `scores` by definition, each with its averages; `ceiling`, what a perfect flat NER would score; `per_note`, the
        strict counts from which intervals and tests are made; `errors` as `analyse` gives them. No text of a note.
    RAISES (InputError): They are not the same notes.
    """
    if [doc.text for doc in golds] != [doc.text for doc in predictions]:
        raise InputError("The predicted notes are not the gold notes: evaluate the model again.")
    flat, every = [flat_mentions(doc) for doc in golds], [all_mentions(doc) for doc in golds]
    found = [flat_mentions(doc) for doc in predictions]
    strict = count(flat, found, match_exact)
    overall = strict.micro()
    return {
        **{f"ents_{name}": value for name, value in overall.to_json().items() if name in "prf"},
        "support": overall.support,
        "token_accuracy": token_accuracy(golds, predictions),
        "ents_per_type": {label: score.to_json() for label, score in strict.per_label().items()},
        "notes": len(golds),
        "words": count_words(golds),
        "scores": {
            "strict": averages(strict),
            "lenient": averages(count(flat, found, match_lenient)),
            **{name: averages(count(every, found, match)) for name, match in ALL_GOLD.items()},
            "seqeval": {"micro": seqeval_scores(golds, predictions)},
        },
        "ceiling": {name: count(every, flat, match).micro().to_json() for name, match in ALL_GOLD.items()},
        "per_note": {
            "notes": [doc.user_data[NOTE_ID] for doc in golds],
            "labels": strict.labels,
            "counts": strict.table.tolist(),
        },
        "errors": analyse(golds, predictions, seen),
    }


def averages(counts: Counts) -> dict[str, Any]:
    """All averages of one definition."""
    return {
        "micro": counts.micro().to_json(),
        "macro": counts.macro(),
        "per_document": counts.per_document(),
    }
