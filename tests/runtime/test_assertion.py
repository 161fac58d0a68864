"""The component for assertions: what it learns, what it gives, and how that is kept."""

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam

from scripts.runtime.assertion import score_assertions
from scripts.runtime.calibration import calibrate
from scripts.runtime.mentions import find_tokens
from tests.assertions import CUES, NOTES, add_classifier, classifier_of, learn, make_examples, make_gold, say
from tests.pipelines import SEED, build


@pytest.fixture(scope="module")
def learnt(bert) -> Language:
    nlp = build(bert, ner="medner_ner")
    add_classifier(nlp)
    learn(nlp)
    classifier_of(nlp).cfg["calibration"] = [1.0, 0.0]
    return nlp


@pytest.fixture
def nlp(learnt: Language) -> Iterator[Language]:
    before = copy.deepcopy(classifier_of(learnt).cfg)
    yield learnt
    classifier_of(learnt).cfg.update(before)


def test_it_learns_what_is_said_of_mentions(bert):
    nlp = build(bert, ner="medner_ner")
    classifier = add_classifier(nlp)
    losses = learn(nlp)
    assert losses[-1] < 0.1 * losses[0]
    assert [value for value, _ in say(nlp)] == list(NOTES.values())
    assert classifier.labels == ("absent", "associated_with_someone_else", "present")
    assert classifier.cfg["counts"] == {"absent": 2, "associated_with_someone_else": 1, "present": 1}
    assert classifier.cfg["mentions"] == ["problem"]


def test_the_encoder_learns_from_it(bert):
    nlp = build(bert, ner="medner_ner")
    add_classifier(nlp)
    before = nlp.get_pipe("transformer").model.to_bytes()  # type: ignore[attr-defined]
    optimizer = Adam(0.01)
    with nlp.select_pipes(disable="ner"):
        for _ in range(3):  # the layer's weights begin as zeros, and the encoder learns one update late
            nlp.update(make_examples(nlp), sgd=optimizer)
    assert nlp.get_pipe("transformer").model.to_bytes() != before  # type: ignore[attr-defined]


def test_a_batch_without_an_assertion_can_be_learnt_from(bert):
    nlp = build(bert, ner="medner_ner")
    add_classifier(nlp)
    text, start, _ = CUES[0]
    plain = [
        Example(nlp.make_doc(text), make_gold(nlp, text, start, None)),
        Example(nlp.make_doc(""), nlp.make_doc("")),
    ]
    losses: dict[str, float] = {}
    for _ in range(2):
        nlp.update(plain, sgd=Adam(0.01), losses=losses)
    assert losses["assertion"] == 0 and losses["ner"] > 0


def test_labels_without_assertions_get_none(nlp):
    (doc,) = nlp.pipe([make_gold(nlp, *CUES[0][:2], None)], disable=["ner"])
    assert [(ent.label_, ent._.assertion, ent._.assertion_probability is None) for ent in doc.ents] == [
        ("person", None, True),
        ("problem", "present", False),
    ]


def test_notes_without_mentions_or_words_pass(nlp):
    docs = [nlp.make_doc(text) for text in ("she walks .", "", "\n", " ")]
    with nlp.select_pipes(disable="ner"):
        assert [doc.ents for doc in nlp.pipe(docs)] == [(), (), (), ()]
    assert nlp("").ents == ()


def test_the_same_alone_in_a_stream_and_in_processes(nlp):
    given_notes = [make_gold(nlp, text, start, None) for text, start, _ in CUES * 5]
    known = say(nlp, [doc.copy() for doc in given_notes])
    assert all(value and probability for value, probability in known)
    with nlp.select_pipes(disable="ner"):
        for options in ({"batch_size": 1}, {"batch_size": 3}, {"n_process": 2, "batch_size": 4}):
            docs = list(nlp.pipe([doc.copy() for doc in given_notes], **options))
            found = [(doc.ents[-1]._.assertion, doc.ents[-1]._.assertion_probability) for doc in docs]
            assert [value for value, _ in found] == [value for value, _ in known]
            assert np.allclose([p for _, p in found], [p for _, p in known], atol=1e-5)


def test_what_is_said_is_kept_with_the_doc(nlp):
    (doc,) = nlp.pipe([make_gold(nlp, *CUES[1][:2], None)], disable=["ner"])
    said = (doc.ents[-1]._.assertion, doc.ents[-1]._.assertion_probability)
    assert said[0] == "absent"
    (stored,) = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    for other in (
        stored,
        doc.copy(),
        copy.deepcopy(doc),
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        pickle.loads(pickle.dumps(doc)),
    ):
        assert (other.ents[-1]._.assertion, other.ents[-1]._.assertion_probability) == said


def test_copies_of_the_pipeline_say_the_same(nlp, tmp_path):
    known = say(nlp)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, config={"components": {"assertion": {"balance": 0.3}}})
    from_bytes = spacy.util.load_model_from_config(nlp.config, auto_fill=True).from_bytes(nlp.to_bytes())
    for other in (loaded, from_bytes, pickle.loads(pickle.dumps(nlp)), copy.deepcopy(nlp)):
        assert say(other) == known
    assert classifier_of(loaded).labels == classifier_of(nlp).labels


def test_balance_gives_rare_values_more_weight(bert):
    nlp = build(bert, ner="medner_ner")
    classifier = add_classifier(nlp, weight=7.0)
    classifier.cfg["counts"] = {"absent": 1, "associated_with_someone_else": 10, "present": 100}
    values, scores = np.array([0, 1, 2]), np.full((3, 3), 1 / 3, dtype="f")
    truth = np.eye(3, dtype="f")
    for balance, weights in ((0.0, [1, 1, 1]), (0.5, [10, 10**0.5, 1]), (1.0, [100, 10, 1])):
        classifier.balance = balance
        loss, gradient = classifier._find_loss(scores, values)
        found = gradient[np.arange(3), values] / (scores - truth)[np.arange(3), values]
        assert np.allclose(found / found[2], weights, rtol=1e-4)
        # On average over the mentions of training the weight, so that the learning rate fits
        assert np.isclose((found * np.array([1, 10, 100])).sum() / 111, 7, rtol=1e-4)
        assert np.isclose(loss, -np.log(1 / 3) * found.sum(), rtol=1e-4)


def test_the_gradient_is_that_of_the_loss(bert):
    nlp = build(bert, ner="medner_ner")
    classifier = add_classifier(nlp, balance=0.5)
    logits = np.random.default_rng(SEED).normal(size=(4, 3))
    values = np.array([0, 2, 1, 0])

    def loss_of(logits: np.ndarray) -> tuple[float, Any]:
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return classifier._find_loss(scores.astype("f"), values)

    _, gradient = loss_of(logits)
    for place in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[place] = 1e-2
        numeric = (loss_of(logits + step)[0] - loss_of(logits - step)[0]) / 2e-2
        assert np.isclose(numeric, gradient[place], atol=2e-3)


def test_training_without_assertions_is_refused_and_values_cannot_be_added(bert):
    nlp = build(bert, ner="medner_ner")
    nlp.add_pipe("medner_assertion", name="assertion")
    text, start, _ = CUES[0]
    with pytest.raises(ValueError, match="No train note has a mention with an assertion"):
        nlp.initialize(lambda: [Example(nlp.make_doc(text), make_gold(nlp, text, start, None))])
    with pytest.raises(ValueError, match="cannot be added"):
        classifier_of(nlp).add_label("maybe")


def test_labels_can_be_given(bert, nlp):
    other = build(bert, ner="medner_ner")
    other.add_pipe("medner_assertion", name="assertion")
    labels = classifier_of(nlp).label_data
    other.initialize(lambda: [Example(doc, doc) for doc in [make_gold(other, *CUES[0])]])
    assert classifier_of(other).labels == ("present",)
    classifier_of(other).initialize(lambda: make_examples(other), nlp=other, labels=labels)
    assert classifier_of(other).label_data == labels


def test_gold_mentions_are_found_again_in_other_tokens(nlp):
    text, start, value = CUES[1]
    gold = make_gold(nlp, text, start, value)
    words = Doc(nlp.vocab, words=["she", "den", "ies", "pain", "."], spaces=[True, False, True, True, False])
    scores = np.full((1, 3), 1 / 3, dtype="f")
    loss, gradient = classifier_of(nlp).get_loss([Example(words, gold)], scores)
    assert words.text == text and loss == pytest.approx(3 * np.log(3), rel=1e-4)  # 3 is the weight by default
    assert gradient[0].argmin() == classifier_of(nlp).labels.index(value)
    split = Doc(nlp.vocab, words=["she", "denies", "pain."], spaces=[True, True, False])
    assert classifier_of(nlp).get_loss([Example(split, gold)], scores[:0])[0] == 0  # not a mention of whole tokens


def test_mentions_of_unseen_characters_alone_and_long_ones(nlp):
    doc = nlp.make_doc("she has \u200b pain " + "pain " * 500)
    doc.set_ents([Span(doc, 2, 3, "problem"), Span(doc, 3, len(doc), "problem")])
    ((doc),) = nlp.pipe([doc], disable=["ner"])
    assert all(ent._.assertion for ent in doc.ents)


# Scores


def scored(golds: list[list[tuple]], found: list[list[tuple]]) -> dict[str, Any]:
    nlp = spacy.blank("en")

    def make(mentions: list[tuple]) -> Doc:
        doc = Doc(nlp.vocab, words=["w"] * 6)
        doc.set_ents([Span(doc, start, end, label) for start, end, label, _ in mentions])
        for ent, (*_, value) in zip(doc.ents, mentions, strict=True):
            ent._.assertion = value
        return doc

    return score_assertions([Example(make(b), make(a)) for a, b in zip(golds, found, strict=True)])


def test_a_mention_counts_if_label_ends_and_assertion_are_right():
    gold = [[(0, 1, "problem", "absent"), (1, 3, "problem", "present"), (4, 5, "person", None)], []]
    found = [[(0, 1, "problem", "absent"), (1, 3, "problem", "absent"), (4, 5, "problem", "present")], []]
    assert scored(gold, found) == {
        "assertion_p": 1 / 3,
        "assertion_r": 1 / 2,
        "assertion_f": 2 / 5,
        "assertion_acc": 1 / 2,
    }
    assert scored(gold, gold) == dict.fromkeys(("assertion_p", "assertion_r", "assertion_f", "assertion_acc"), 1.0)
    nothing = scored(gold, [[], []])
    assert nothing["assertion_f"] == nothing["assertion_p"] == nothing["assertion_acc"] == 0


def test_of_notes_without_assertions_scores_are_undefined():
    assert set(scored([[(0, 1, "problem", None)]], [[(0, 1, "problem", "present")]]).values()) == {None}


# Calibration and pooling


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0.01, 10), st.floats(-5, 5))
def test_calibrated_values_are_probabilities_in_the_same_order(raw, slope, intercept):
    found = calibrate(np.array(raw), [slope, intercept])
    assert all(p is not None and 0 <= p <= 1 for p in found)
    assert np.all(np.diff(np.array(found)[np.argsort(raw)]) >= 0) if raw else found == []


def test_without_a_curve_there_is_no_probability():
    assert calibrate(np.array([0.2, 0.9]), None) == [None, None]
    assert np.allclose(calibrate(np.array([0.2, 0.9]), [1, 0]), [0.2, 0.9])  # type: ignore[arg-type]


bounds = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=4)


@given(st.lists(st.tuples(st.integers(9, 12), bounds), max_size=4), st.randoms(use_true_random=False))
def test_the_tokens_of_all_mentions_come_one_after_another(docs, random):
    sizes = [size for size, _ in docs]
    spans = [
        np.array([(start, start + length) for start, length in each], dtype="i").reshape(-1, 2) for _, each in docs
    ]
    seen = np.array([random.random() < 0.7 for _ in range(sum(sizes))], dtype=bool)
    tokens, lengths = find_tokens(sizes, spans, seen)
    expected = []
    for shift, each in zip(np.cumsum([0, *sizes]), spans, strict=False):
        for start, end in each:
            places = [shift + token for token in range(start, end)]
            expected.append([place for place in places if seen[place]] or places)
    assert lengths.tolist() == [len(each) for each in expected]
    assert tokens.tolist() == [token for each in expected for token in each]
