"""Probabilities of mentions and of assertions, calibrated on the dev notes after training."""

import shutil
from itertools import chain, cycle, islice

import numpy as np
import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, read_docs, to_doc
from scripts.corpus.note import Entity, Note
from scripts.corpus.pipelines import load_pipeline
from scripts.runtime.calibration import calibrate as apply_curve
from scripts.train.calibration import FEWEST, answer_mentions, calibrate, fit_curve
from tests.assertions import CUES, classifier_of, make_learnt, say


def write_notes(folder, number: int, wrong: int = 0, stated: bool = True, cues=CUES) -> None:
    """Notes of one mention each; of the first `wrong`, all like the first cue, something else is said."""
    docs = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)
    for i, (text, start, value) in enumerate(islice(chain([cues[0]] * wrong, cycle(cues)), number)):
        said = "possible" if i < wrong else value
        mention = Entity("problem", ((start, start + 4),), 1, said if stated else "", int(stated))
        docs.add(to_doc(create_nlp(), Note(str(i), text, (mention,), "a", "a")).doc)
    for name in ("train", "dev"):
        docs.to_disk(folder / f"{name}.spacy")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A folder with a pipeline that has learnt three assertions."""
    nlp = make_learnt(tmp_path_factory.mktemp("bert"))
    folder = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(folder)
    return folder


def curve_of(folder, component: str = "assertion") -> list[float] | None:
    cfg = srsly.read_json(folder / component / "cfg")
    assert isinstance(cfg, dict)
    return cfg["calibration"]  # type: ignore[return-value]


def test_probabilities_are_fitted_to_the_dev_notes_and_kept(pipeline, tmp_path):
    nlp = load_pipeline(pipeline)
    classifier_of(nlp).cfg["calibration"] = [1.0, 0.0]
    sure = [probability or 0.0 for _, probability in say(nlp)]
    least_sure_first = [CUES[i] for i in np.argsort(sure)]
    write_notes(tmp_path, 120, wrong=30, cues=least_sure_first)
    calibrate(pipeline, tmp_path / "dev.spacy")
    nlp = load_pipeline(pipeline)
    assert curve_of(pipeline) == classifier_of(nlp).cfg["calibration"] is not None
    # Of the notes like the least sure one 30 are wrong: on average they are right as often as it says.
    found = np.array([probability or 0.0 for _, probability in say(nlp)])
    assert found.argmin() == np.argmin(sure)
    assert np.average(found[np.argsort(sure)], weights=[53, 23, 22, 22]) == pytest.approx(90 / 120, abs=0.01)


@pytest.mark.parametrize(("notes", "wrong"), [(FEWEST - 1, 12), (120, 0)])
def test_without_enough_mentions_or_errors_there_is_no_probability(pipeline, tmp_path, capsys, notes, wrong):
    write_notes(tmp_path, notes, wrong)
    calibrate(pipeline, tmp_path / "dev.spacy")
    assert curve_of(pipeline) is None
    said = (
        f"no probability of assertions: it cannot be calibrated, for of {notes:,} on the dev notes {wrong:,} are wrong"
    )
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_pipeline_without_components_to_calibrate_is_left_alone(pipeline, tmp_path):
    nlp = load_pipeline(pipeline)
    nlp.remove_pipe("assertion")
    nlp.remove_pipe("ner")
    nlp.to_disk(tmp_path / "model")
    write_notes(tmp_path, 60)
    before = contents(tmp_path / "model")
    calibrate(tmp_path / "model", tmp_path / "dev.spacy")
    assert before == contents(tmp_path / "model")


def contents(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Mentions


def write_found(folder, nlp, number: int, wrong: int) -> None:
    """Dev notes whose gold mentions are those that a pipeline finds, but for the one that it is least sure of in the
    first `wrong` notes, which are all alike."""
    nlp.get_pipe("ner").cfg["calibration"] = [1.0, 0.0]
    found = {text: [(ent._.confidence, ent.label_, ent.start_char, ent.end_char) for ent in nlp(text).ents]
             for text, *_ in CUES}  # fmt: skip
    least = min(found, key=lambda text: min(found[text]))
    docs = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)
    for i, text in enumerate(islice(chain([least] * wrong, cycle(found)), number)):
        mentions = [
            Entity("other" if i < wrong and each == min(found[text]) else each[1], (each[2:],), 1)
            for each in found[text]
        ]
        docs.add(to_doc(create_nlp(), Note(str(i), text, tuple(mentions), "a", "a")).doc)
    docs.to_disk(folder / "dev.spacy")


def test_confidences_are_as_high_on_average_as_the_share_of_right_mentions(pipeline, tmp_path):
    nlp = load_pipeline(pipeline)
    before = [[(ent.text, ent.label_) for ent in nlp(text).ents] for text, *_ in CUES]
    write_found(tmp_path, nlp, 80, 17)
    shutil.copytree(pipeline, tmp_path / "model")
    calibrate(tmp_path / "model", tmp_path / "dev.spacy")
    nlp = load_pipeline(tmp_path / "model")
    golds = read_docs(tmp_path / "dev.spacy", nlp.vocab)
    found = [ent._.confidence for doc in nlp.pipe(gold.text for gold in golds) for ent in doc.ents]
    assert len(found) >= 80
    assert np.mean(found) == pytest.approx(1 - 17 / len(found), abs=1e-3)
    assert [[(ent.text, ent.label_) for ent in nlp(text).ents] for text, *_ in CUES] == before
    answers = answer_mentions(nlp, golds)
    assert (len(answers.right), int((~answers.right).sum())) == (len(found), 17)
    # The raw probabilities, and the curve is as it was
    assert curve_of(tmp_path / "model", "ner") == nlp.get_pipe("ner").cfg["calibration"]
    assert apply_curve(answers.raw, curve_of(tmp_path / "model", "ner")) == pytest.approx(found)


@pytest.mark.parametrize(("notes", "wrong"), [(80, 0), (12, 3)])
def test_without_errors_or_enough_mentions_there_is_no_confidence(pipeline, tmp_path, capsys, notes, wrong):
    write_found(tmp_path, load_pipeline(pipeline), notes, wrong)
    shutil.copytree(pipeline, tmp_path / "model")
    calibrate(tmp_path / "model", tmp_path / "dev.spacy")
    assert curve_of(tmp_path / "model", "ner") is None
    said = " ".join(capsys.readouterr().out.split())
    assert "no confidence of mentions: it cannot be calibrated" in said and f"{wrong} are wrong" in said
    assert all(ent._.confidence is None for text, *_ in CUES for ent in load_pipeline(tmp_path / "model")(text).ents)


# The curve


def test_the_curve_finds_what_made_the_errors():
    random = np.random.default_rng(42)
    raw = random.uniform(0.3, 0.999, 20_000)
    right = random.random(20_000) < np.array(apply_curve(raw, [0.5, -0.3]), dtype=float)
    assert fit_curve(raw, right) == pytest.approx([0.5, -0.3], abs=0.05)


@given(st.lists(st.tuples(st.floats(0.2, 1), st.booleans()), min_size=FEWEST, max_size=120))
def test_a_curve_is_right_on_average_and_rises(rows):
    raw, right = np.array([p for p, _ in rows]), np.array([is_right for _, is_right in rows])
    curve = fit_curve(raw, right)
    if curve is None:
        return
    assert curve[0] > 0
    assert np.mean(np.array(apply_curve(raw, curve), dtype=float)) == pytest.approx(right.mean(), abs=1e-3)


def test_there_is_no_curve_of_few_all_right_all_wrong_or_falling_values():
    raw = np.linspace(0.3, 0.99, 2 * FEWEST)
    some = (raw > 0.6) | (np.arange(len(raw)) % 3 > 0)
    assert fit_curve(raw, some) is not None
    assert fit_curve(raw[: FEWEST - 1], some[: FEWEST - 1]) is None
    assert fit_curve(raw, np.ones(len(raw), dtype=bool)) is None
    assert fit_curve(raw, np.zeros(len(raw), dtype=bool)) is None
    assert fit_curve(raw, raw < 0.6) is None
