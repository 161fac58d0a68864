"""Scores: hand-made cases and the laws that hold for all."""

from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from scripts.docs import create_nlp
from scripts.scorers import Score, iob_tag, micro, score_strict, token_accuracy

VOCAB = create_nlp().vocab
WORDS = "She had acute chest pain so an EKG was done and aspirin 81 given .".split()  # noqa: SIM905


def make_doc(*mentions: tuple[int, int, str], words: list[str] = WORDS) -> Doc:
    doc = Doc(VOCAB, words=words)
    doc.set_ents([Span(doc, start, end, label) for start, end, label in mentions])
    return doc


def test_a_mention_counts_only_with_equal_ends_and_label():
    gold = make_doc((2, 5, "problem"), (7, 8, "test"), (11, 12, "treatment"), (13, 14, "treatment"))
    predicted = make_doc((3, 5, "problem"), (7, 8, "problem"), (11, 12, "treatment"))
    scores = score_strict([gold], [predicted])
    assert scores == {"problem": Score(0, 2, 1), "test": Score(0, 0, 1), "treatment": Score(1, 0, 1)}
    overall = micro(scores.values())
    assert overall == Score(1, 2, 3) and overall.support == 4
    assert (overall.precision, overall.recall, overall.f1) == (1 / 3, 1 / 4, 2 / 7)


def test_counts_are_summed_over_notes_and_notes_are_kept_apart():
    one, other = make_doc((0, 1, "person")), make_doc((7, 8, "test"))
    assert micro(score_strict([one, other], [one, other]).values()) == Score(2, 0, 0)
    assert micro(score_strict([one, other], [other, one]).values()) == Score(0, 2, 2)


def test_without_mentions_all_scores_are_zero():
    assert score_strict([make_doc()], [make_doc()]) == {}
    assert micro([]).f1 == micro([]).precision == micro([]).recall == 0.0


def test_token_accuracy_counts_the_o_tags_and_leaves_blanks_out():
    words = ["acute", "pain", "\n", "now"]
    gold, predicted = make_doc((0, 2, "problem"), words=words), make_doc((0, 1, "problem"), words=words)
    assert token_accuracy([gold], [predicted]) == 2 / 3
    assert token_accuracy([], []) == 0.0


def test_tags_are_iob2():
    doc = make_doc((2, 4, "problem"), (4, 5, "problem"))
    assert [iob_tag(token) for token in doc[1:6]] == ["O", "B-problem", "I-problem", "B-problem", "O"]


@st.composite
def docs(draw) -> Doc:
    starts = draw(st.lists(st.integers(0, len(WORDS) - 2), unique=True, max_size=6))
    labels = st.sampled_from(["problem", "test"])
    return make_doc(*((start, start + 1, draw(labels)) for start in starts))


@given(st.lists(st.tuples(docs(), docs()), max_size=4))
@settings(max_examples=60, deadline=None)
def test_laws_of_the_scores(pairs):
    golds, predictions = [gold for gold, _ in pairs], [predicted for _, predicted in pairs]
    scores = score_strict(golds, predictions)
    overall = micro(scores.values())
    assert overall.support == sum(len(gold.ents) for gold in golds)
    assert overall.tp + overall.fp == sum(len(predicted.ents) for predicted in predictions)
    assert 0 <= overall.f1 <= 1
    swapped = micro(score_strict(predictions, golds).values())
    assert (swapped.precision, swapped.recall) == (overall.recall, overall.precision)
    itself = micro(score_strict(golds, golds).values())
    assert itself.f1 == (1.0 if itself.support else 0.0)
