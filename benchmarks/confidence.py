"""Which curve makes the best confidences of raw probabilities, and how far a calibration carries to other notes.

python -m benchmarks.confidence training/sample/bert/model-best --shift ../shared/data/maccrobat.tar.xz

Curves are chosen on the dev notes alone, by cross-validation over notes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import srsly
import torch
import typer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from scripts import cli
from scripts.archives import read_files
from scripts.cli import InputError
from scripts.convert.formats import brat
from scripts.corpus.docs import create_nlp, read_docs, to_doc
from scripts.corpus.pairs import find_right
from scripts.corpus.pipelines import load_pipeline
from scripts.evaluate.confidence import score_probabilities
from scripts.machine import describe_machine
from scripts.runtime.calibration import EDGE, IDENTITY, calibrate, log_odds
from scripts.train.calibration import fit_curve

RESULTS = Path(__file__).parent / "results" / "confidence.jsonl"
FOLDS, REPEATS = 5, 5
# MACCROBAT's types that come nearest to the sample's labels; the others are left out, as are persons and pronouns.
SHIFTED = {
    "Sign_symptom": "problem",
    "Disease_disorder": "problem",
    "Diagnostic_procedure": "test",
    "Medication": "treatment",
    "Therapeutic_procedure": "treatment",
}
OWN_NOTES = 30  # of the other notes, on which a new curve is fitted


class Mentions(NamedTuple):
    """What a pipeline finds in notes, each column an array with an element a mention.

    raw (np.ndarray): Probabilities before any curve.
    right (np.ndarray): Whether label and both ends are right.
    note, length, label (np.ndarray): Number of its note, its tokens, its label.
    """

    raw: np.ndarray
    right: np.ndarray
    note: np.ndarray
    length: np.ndarray
    label: np.ndarray

    def take(self, chosen: np.ndarray) -> "Mentions":
        return Mentions(*(column[chosen] for column in self))


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a pipeline trained on the corpus")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    shift: Annotated[Path | None, typer.Option(help="MACCROBAT's archive or folder")] = None,
) -> None:
    """Compare curves on the dev notes of CORPUS, and score MODEL's calibration on its test notes and on others."""
    nlp = load_pipeline(model)
    recognizer: Any = nlp.get_pipe("ner")
    recognizer.cfg["calibration"] = IDENTITY
    dev, test = (find_mentions(nlp, read_docs(corpus / f"{part}.spacy", nlp.vocab)) for part in ("dev", "test"))
    curve = fit_curve(dev.raw, dev.right)
    if curve is None:
        raise InputError(f"The dev notes of {corpus} do not suffice for a curve.")
    curves = {name: cross_validate(dev, name) for name in FEATURES}
    report(["curve, by cross-validation on dev", "log loss", "Brier", "calibration error", "AUROC"], curves)
    scores = {"test, raw": score(test, None), "test": score(test, curve)}
    if shift:
        other = find_mentions(nlp, read_shifted(shift), {*SHIFTED.values()})
        own = other.note < OWN_NOTES
        new = fit_curve(other.raw[own], other.right[own])
        rest = other.take(~own)
        ways = {"raw": None, "curve of dev": curve, **({f"curve of {OWN_NOTES} of its notes": new} if new else {})}
        scores |= {f"{shift.name.partition('.')[0]}, {name}": score(rest, each) for name, each in ways.items()}
    report(["notes", "mentions", "right", "Brier", "calibration error", "AUROC", "right from 0.9", "share"], scores)
    row = {"model": model.parent.name, "corpus": corpus.name, "curve": curve, "curves": curves, "scores": scores}
    RESULTS.parent.mkdir(exist_ok=True)
    machine = describe_machine(torch.device("cpu"))
    srsly.write_jsonl(RESULTS, [{**row, "machine": machine}], append=True, append_new_line=False)


def find_mentions(nlp: Language, golds: Sequence[Doc], labels: set[str] | None = None) -> Mentions:
    """Have a pipeline read gold notes; with `labels`, mentions of others are no matter."""
    rows = [
        (ent._.confidence, is_right, number, len(ent), ent.label_)
        for number, (gold, doc) in enumerate(zip(golds, nlp.pipe([gold.text for gold in golds]), strict=True))
        for ent, is_right in zip(doc.ents, find_right(gold, doc), strict=True)
        if labels is None or ent.label_ in labels
    ]
    raw, right, note, length, label = map(np.array, zip(*rows, strict=True))
    return Mentions(raw.astype("d"), right.astype(bool), note, length, label)


def read_shifted(path: Path) -> list[Doc]:
    """MACCROBAT's notes with mentions under the sample's labels."""
    nlp, docs = create_nlp(), []
    for note in brat.read(list(read_files(path)), skip_unpaired=True):
        entities = tuple(
            entity._replace(label=SHIFTED[entity.label]) for entity in note.entities if entity.label in SHIFTED
        )
        docs.append(to_doc(nlp, note._replace(entities=entities)).doc)
    return docs


# Curves: what they are fitted to


def _labels(mentions: Mentions) -> np.ndarray:
    return (mentions.label[:, None] == np.array(["person", "problem", "pronoun", "test", "treatment"])).astype("d")


def _raw(mentions: Mentions) -> np.ndarray:
    return log_odds(mentions.raw)[:, None]


def _each(mentions: Mentions) -> np.ndarray:
    return np.hstack([_raw(mentions), _labels(mentions), _labels(mentions) * _raw(mentions)])


FEATURES: dict[str, Callable[[Mentions], np.ndarray]] = {
    "logistic": _raw,
    "isotonic": _raw,
    "logistic with a square": lambda mentions: np.hstack([_raw(mentions), _raw(mentions) ** 2]),
    "logistic with the length": lambda mentions: np.hstack([_raw(mentions), np.log(mentions.length)[:, None]]),
    "logistic with the label": lambda mentions: np.hstack([_raw(mentions), _labels(mentions)]),
    "a logistic curve a label, held back": _each,
}


def cross_validate(mentions: Mentions, name: str) -> list[float]:
    """Log loss, Brier score, calibration error and AUROC of a curve, means over repeats; each note is predicted by
    curves of other notes."""
    found = []
    for seed in range(REPEATS):
        fold = np.random.default_rng(seed).permutation(mentions.note.max() + 1)[mentions.note] % FOLDS
        predicted = np.zeros(len(mentions.raw))
        for number in range(FOLDS):
            held_out = fold == number
            predicted[held_out] = _fit(name, mentions.take(~held_out))(mentions.take(held_out))
        scores = score_probabilities(predicted, mentions.right)
        assert scores
        loss = float(log_loss(mentions.right, predicted))
        found.append([loss, *(scores[key] for key in ("brier", "ece", "auroc"))])
    return np.mean(found, axis=0).round(4).tolist()


def _fit(name: str, mentions: Mentions) -> Callable[[Mentions], np.ndarray]:
    features, model = FEATURES[name], None
    if name == "isotonic":
        model = IsotonicRegression(out_of_bounds="clip", y_min=EDGE, y_max=1 - EDGE)
        model.fit(features(mentions)[:, 0], mentions.right)
        return lambda others: model.predict(features(others)[:, 0])
    logistic: Any = LogisticRegression(max_iter=1000).fit(features(mentions), mentions.right)
    return lambda others: logistic.predict_proba(features(others))[:, 1]


def score(mentions: Mentions, curve: Sequence[float] | None) -> list[float | None]:
    """Mentions, share of right ones, Brier score, calibration error, AUROC, and from 0.9 on the share of right ones
    and of mentions."""
    sure = np.array(calibrate(mentions.raw, curve or IDENTITY), dtype="d")
    scores, high = score_probabilities(sure, mentions.right), sure >= 0.9
    assert scores
    above = float(mentions.right[high].mean()) if high.any() else None
    values = [scores["brier"], scores["ece"], scores["auroc"], above, float(high.mean())]
    rounded = [None if value is None else round(value, 4) for value in values]
    return [len(mentions.raw), round(float(mentions.right.mean()), 4), *rounded]


def report(header: Sequence[str], rows: dict[str, list[Any]]) -> None:
    table = [[name, *("-" if value is None else str(value) for value in values)] for name, values in rows.items()]
    msg.table(table, header=header, divider=True, aligns=["l", *"r" * (len(header) - 1)])


if __name__ == "__main__":
    cli.run(main)
