"""Scores of mentions as the releases of i2b2 2009, 2012 and 2014 define them, each by its own name.

What needs more than mentions with labels is left out: entries of several fields (2009), links and values (2012),
and that a pair of events whose type, polarity and modality are all wrong is none (2012): models find no modality. The
gold mentions are all that were annotated, nested ones too; equal ones count once.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from spacy.tokens import Doc

from scripts.evaluate.scorers import Counts, Mention, all_mentions, count, flat_mentions

GROUPS_2014 = {"NAME", "LOCATION", "CONTACT", "ID"}  # labels that are no types
# As the official script has it: IDNUM is in its README, but the pattern in the code ends in a blank and never fits.
HIPAA_2014 = {"PATIENT", "CITY", "STREET", "ZIP", "ORGANIZATION", "DATE", "AGE", "PHONE", "FAX", "EMAIL", "SSN",
              "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID"}  # fmt: skip
TIMES_2012 = {"DATE", "TIME", "DURATION", "FREQUENCY", "TIMEX3"}
_FURTHEST_END = 2  # characters by which relaxed ends may differ
_PUNCTUATION = re.compile(r"[^\w\s]+")

Labels = tuple[list[str], list[str], list[str]]


def official_scores(format: str, golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Any]:
    """The scores of a corpus in one of these formats by the names of its definitions; of others none.

    format (str): As `convert` has read it.
    golds, predictions (Sequence[Doc]): The same notes in the same order.
    """
    score = {"i2b2-2009": _score_2009, "i2b2-2012": _score_2012, "i2b2-2014": _score_2014}.get(format)
    texts = [doc.text for doc in golds]
    every, found = ([_once(mentions(doc)) for doc in docs] for mentions, docs in
                    ((all_mentions, golds), (flat_mentions, predictions)))  # fmt: skip
    return score(texts, every, found) if score else {}


def _once(mentions: Iterable[Mention]) -> list[Mention]:
    return sorted(set(mentions), key=lambda mention: (mention.start, mention.end, mention.label))


def _only(notes: Iterable[Iterable[Mention]], is_wanted: Callable[[str], bool]) -> list[list[Mention]]:
    """The mentions of some labels."""
    return [[mention for mention in note if is_wanted(mention.label)] for note in notes]


def match_sets(golds: Sequence[Mention], predicted: Sequence[Mention]) -> Labels:
    """Equal in label and both ends, as sets."""
    one, other = set(golds), set(predicted)
    tp, fp, fn = ([mention.label for mention in side] for side in (one & other, other - one, one - other))
    return tp, fp, fn


# 2009: medication (Uzuner, JAMIA 17:514)


def _score_2009(texts: Sequence[str], golds: list[list[Mention]], found: list[list[Mention]]) -> dict[str, Any]:
    """Exact: whole mentions; inexact: their words. Vertical: each field; system: all notes; patient: their mean."""
    words, others = (_cut(texts, side, r"\S+") for side in (golds, found))
    counts = {"exact": count(golds, found, match_sets), "inexact": count(words, others, match_sets)}
    return {
        name: {
            "system": each.micro().to_json(),
            "patient": each.per_document(),
            "vertical": {label: score.to_json() for label, score in each.per_label().items()},
        }
        for name, each in counts.items()
    }


def _cut(texts: Sequence[str], notes: Sequence[Sequence[Mention]], pattern: str) -> list[list[Mention]]:
    """The parts of mentions that fit a pattern, each once."""
    part = re.compile(pattern)
    return [
        _once(
            Mention(mention.label, *match.span())
            for mention in note
            for match in part.finditer(text, mention.start, mention.end)
        )
        for text, note in zip(texts, notes, strict=True)
    ]


# 2014: identifiers (the official evaluate.py)


def _score_2014(texts: Sequence[str], golds: list[list[Mention]], found: list[list[Mention]]) -> dict[str, Any]:
    """Strict; relaxed: the ends may differ by two characters; token: runs of letters and digits; likewise of HIPAA."""
    are_groups = any(mention.label in GROUPS_2014 for mention in chain(*golds))
    scores = _three_2014(texts, golds, found)
    if not are_groups:
        some, others = (_only(side, lambda label: label in HIPAA_2014) for side in (golds, found))
        scores |= {f"hipaa_{name}": score for name, score in _three_2014(texts, some, others).items()}
    return scores


def _three_2014(texts: Sequence[str], golds: list[list[Mention]], found: list[list[Mention]]) -> dict[str, Any]:
    runs, others = (_cut(texts, side, "[A-Za-z0-9]+") for side in (golds, found))
    counts = {
        "strict": count(golds, found, match_sets),
        "relaxed": count(golds, found, match_relaxed),
        "token": count(runs, others, match_sets),
    }
    return {name: {"micro": each.micro().to_json(), "macro": _macro_2014(each)} for name, each in counts.items()}


def match_relaxed(golds: Sequence[Mention], predicted: Sequence[Mention]) -> Labels:
    """Equal in label and start, the ends at most two characters apart; one to one, the nearest ends first."""
    pairs = sorted(
        (abs(gold.end - other.end), i, j)
        for i, gold in enumerate(golds)
        for j, other in enumerate(predicted)
        if (gold.label, gold.start) == (other.label, other.start) and abs(gold.end - other.end) <= _FURTHEST_END
    )
    left, right = dict(enumerate(golds)), dict(enumerate(predicted))
    tp = [left.pop(i).label for _, i, j in pairs if i in left and right.pop(j, None)]
    return tp, [mention.label for mention in right.values()], [mention.label for mention in left.values()]


def _macro_2014(counts: Counts) -> dict[str, float]:
    """Mean precision and recall over notes, and F from these."""
    means = counts.per_document()
    p, r = means["p"], means["r"]
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0}


# 2012: events and times (the official eventEvaluation.py and timexEvaluation.py)


def _score_2012(texts: Sequence[str], golds: list[list[Mention]], found: list[list[Mention]]) -> dict[str, Any]:
    """Spans by overlap and exact, whatever their type, and how many of those found have the right one."""
    scores = {}
    kinds: list[tuple[str, Pair, Callable[[str], bool]]] = [
        ("event", _pair_events, lambda label: label not in TIMES_2012),
        ("timex", _pair_times, lambda label: label in TIMES_2012),
    ]
    for name, pair, is_wanted in kinds:
        some, others = (_only(side, is_wanted) for side in (golds, found))
        for kind, fits in (("overlap", _overlap), ("exact", _same_words)):
            scores[f"{name}_{kind}"] = _two_runs(texts, some, others, pair, fits)
    return scores


Fits = Callable[[str, Mention, Mention], bool]
Pair = Callable[[str, Sequence[Mention], Sequence[Mention], Fits], list[tuple[Mention, Mention]]]


def _two_runs(
    texts: Sequence[str], golds: list[list[Mention]], found: list[list[Mention]], pair: Pair, fits: Fits
) -> dict[str, float]:
    """Recall and precision are two runs with the roles swapped."""
    recalled = [each for args in zip(texts, golds, found, strict=True) for each in pair(*args, fits)]
    precise = [each for args in zip(texts, found, golds, strict=True) for each in pair(*args, fits)]
    support, predicted = sum(map(len, golds)), sum(map(len, found))
    p, r = len(precise) / max(predicted, 1), len(recalled) / max(support, 1)
    right = sum(one.label == other.label for one, other in recalled)
    f = 2 * p * r / (p + r) if p + r else 0.0
    return {"p": p, "r": r, "f": f, "support": support, "type_accuracy": right / max(len(recalled), 1)}


def _pair_events(
    text: str, ones: Sequence[Mention], others: Sequence[Mention], fits: Fits
) -> list[tuple[Mention, Mention]]:
    """One to one; exact pairs go first, then those of one type."""
    ranked = sorted(
        (not _same_words(text, one, other), one.label != other.label, i, j)
        for i, one in enumerate(ones)
        for j, other in enumerate(others)
        if fits(text, one, other)
    )
    left, right, pairs = dict(enumerate(ones)), dict(enumerate(others)), []
    for _, _, i, j in ranked:
        if i in left and j in right:
            pairs.append((left.pop(i), right.pop(j)))
    return pairs


def _pair_times(
    text: str, ones: Sequence[Mention], others: Sequence[Mention], fits: Fits
) -> list[tuple[Mention, Mention]]:
    """Each with the first that fits, which others may have as well."""
    firsts = ((one, next((other for other in others if fits(text, one, other)), None)) for one in ones)
    return [(one, other) for one, other in firsts if other]


def _overlap(text: str, one: Mention, other: Mention) -> bool:
    """One character in common is enough if the first begins first, else it takes two."""
    common = min(one.end, other.end) - max(one.start, other.start)
    return common >= (1 if one.start <= other.start else 2)


def _same_words(text: str, one: Mention, other: Mention) -> bool:
    """Overlapping, with the same words when lone punctuation marks are left out."""
    if not _overlap(text, one, other):
        return False
    words = [[word for word in text[each.start : each.end].split() if not _PUNCTUATION.fullmatch(word)]
             for each in (one, other)]  # fmt: skip
    return words[0] == words[1]
