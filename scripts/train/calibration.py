"""Probabilities of a trained pipeline, of mentions and of assertions, fitted to how often it is right on dev notes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import srsly
from sklearn.linear_model import LogisticRegression
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from scripts.corpus.docs import read_docs
from scripts.corpus.given import COMPONENT, classify_given
from scripts.corpus.pairs import find_right
from scripts.corpus.pipelines import load_pipeline
from scripts.files import whole_file
from scripts.runtime.calibration import IDENTITY, log_odds
from scripts.runtime.ner import BatchRecognizer

FEWEST = 50  # dev mentions that a curve is fitted to


class Answers(NamedTuple):
    """What a component predicts of dev notes.

    raw (np.ndarray): The probability that it gives to each prediction, before any curve.
    right (np.ndarray): Whether that is right, bool.
    """

    raw: np.ndarray
    right: np.ndarray


def calibrate(pipeline: Path, dev: Path) -> None:
    """Fit a trained pipeline's confidences in mentions and probabilities of assertions, and save the curves.

    pipeline (Path): Its folder; for a component that it lacks nothing is done.
    dev (Path): The dev notes, .spacy.
    """
    nlp = load_pipeline(pipeline)
    golds = read_docs(dev, nlp.vocab)
    for name, component in nlp.pipeline:
        if isinstance(component, BatchRecognizer):
            _keep_curve(nlp, pipeline, name, "confidence of mentions", answer_mentions(nlp, golds, name))
    if COMPONENT in nlp.pipe_names:
        _keep_curve(nlp, pipeline, COMPONENT, "probability of assertions", answer_assertions(nlp, golds))


def answer_mentions(nlp: Language, golds: Sequence[Doc], name: str = "ner") -> Answers:
    """The mentions that a recognizer finds in notes, but for those of which it cannot say how probable they are.

    name (str): Of the recognizer in the pipeline.
    """
    recognizer: Any = nlp.get_pipe(name)
    curve, recognizer.cfg["calibration"] = recognizer.cfg.get("calibration"), IDENTITY
    after = nlp.pipe_names[nlp.pipe_names.index(name) + 1 :]
    pairs = [
        (ent._.confidence, is_right)
        for doc, gold in nlp.pipe(((gold.text, gold) for gold in golds), as_tuples=True, disable=after)
        for ent, is_right in zip(doc.ents, find_right(gold, doc), strict=True)
        if ent._.confidence is not None
    ]
    recognizer.cfg["calibration"] = curve
    return _answers(pairs)


def answer_assertions(nlp: Language, golds: Sequence[Doc]) -> Answers:
    """What the component for assertions says of the gold mentions of notes."""
    return _answers(
        [(given.found.raw, given.found.value == given.gold)
         for note in classify_given(nlp, golds) for given in note if given.found]
    )  # fmt: skip


def _answers(pairs: Sequence[tuple[float, bool]]) -> Answers:
    raw, right = np.array(pairs, dtype=float).reshape(-1, 2).T
    return Answers(raw, right.astype(bool))


def _keep_curve(nlp: Language, pipeline: Path, name: str, what: str, answers: Answers) -> None:
    component: Any = nlp.get_pipe(name)
    component.cfg["calibration"] = fit_curve(*answers)
    if component.cfg["calibration"] is None:
        msg.warn(
            f"There will be no {what}: it cannot be calibrated, for of {len(answers.right):,} on the dev notes"
            f" {int((~answers.right).sum()):,} are wrong, and it takes {FEWEST} with right and wrong ones among them,"
            " the surer ones more often right."
        )
    with whole_file(pipeline / name / "cfg") as path:
        srsly.write_json(path, component.cfg)


def fit_curve(raw: np.ndarray, right: np.ndarray) -> list[float] | None:
    """Fit a logistic curve to how often a model is right (Platt 1999), its slope held back as scikit-learn does, so
    that a few wrong ones do not make it a step.

    raw (np.ndarray): The probability that it gives to what it predicts.
    right (np.ndarray): Whether that was right, bool.
    RETURNS (list[float] | None): Slope and intercept on log-odds; None for fewer than `FEWEST` predictions, if all are
        right or all wrong, or if they are right the less often the surer the model is.
    """
    if len(raw) < FEWEST or right.all() or not right.any():
        return None
    model: Any = LogisticRegression().fit(log_odds(raw)[:, None], right)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    return [slope, intercept] if slope > 0 else None
