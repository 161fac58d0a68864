"""The component for assertions: left out where there are none, and calibrated on the dev notes once it is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import srsly
from sklearn.linear_model import LogisticRegression
from thinc.api import Config
from wasabi import msg

from scripts.corpus.docs import read_docs
from scripts.corpus.given import COMPONENT, classify_given, get_classifier
from scripts.corpus.pipelines import load_pipeline
from scripts.files import whole_file
from scripts.runtime.calibration import log_odds

FEWEST = 50  # dev mentions that a curve is fitted to


def leave_out(config: Config) -> dict[str, Any]:
    """Overrides for a training without the component; none if the config has no such component."""
    if COMPONENT not in config["nlp"]["pipeline"]:
        return {}
    weights = config["training"]["score_weights"]
    return {
        "nlp.pipeline": [name for name in config["nlp"]["pipeline"] if name != COMPONENT],
        **{f"training.score_weights.{name}": None for name in weights if name.startswith(f"{COMPONENT}_")},
        "training.score_weights.ents_f": 1.0,
    }


def calibrate(pipeline: Path, dev: Path) -> None:
    """Fit the probabilities of a trained pipeline's assertions to the gold mentions of the dev notes, and save that.

    pipeline (Path): Its folder; without the component nothing is done.
    dev (Path): The dev notes, .spacy.
    """
    if not (pipeline / COMPONENT).is_dir():
        return
    nlp = load_pipeline(pipeline)
    classifier = get_classifier(nlp)
    assert classifier is not None
    golds = read_docs(dev, nlp.vocab)
    pairs = [(given.found.raw, given.found.value == given.gold)
             for note in classify_given(nlp, golds) for given in note if given.found]  # fmt: skip
    raw, right = np.array(pairs, dtype=float).reshape(-1, 2).T
    classifier.cfg["calibration"] = fit_curve(raw, right.astype(bool))
    if classifier.cfg["calibration"] is None:
        msg.warn(
            f"The probabilities of assertions are not calibrated, and so not given: of {len(raw):,} dev mentions"
            f" {len(raw) - int(right.sum()):,} are wrong, and it takes {FEWEST} with right and wrong ones among them."
        )
    with whole_file(pipeline / COMPONENT / "cfg") as path:
        srsly.write_json(path, classifier.cfg)


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
