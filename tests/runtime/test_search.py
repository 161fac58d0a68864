"""Our search finds what spaCy's own search finds, whatever the weights and the texts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from scripts.runtime.search import NONE, Entity, Scores, choose_inside, choose_outside, has_all_actions, search
from tests.recognizers import WORDS, annotate, build, recognizer_of, shuffle, spacys, trim

TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=[(False, 2), (False, 1), (True, 3)], ids=str)
def nlp(request: pytest.FixtureRequest) -> Language:
    return build(*request.param)


def assert_found_as_by_spacy(nlp: Language, texts: list[str]) -> int:
    """RETURNS (int): How many entities there are."""
    docs, same = ([nlp.make_doc(text) for text in texts] for _ in range(2))
    found = annotate(recognizer_of(nlp), docs)
    expected = [trim(doc, ents) for doc, ents in zip(same, annotate(spacys(nlp), same), strict=True)]
    assert found == expected
    return sum(map(len, found))


@settings(max_examples=150)
@given(texts=TEXTS, seed=SEEDS)
def test_the_entities_are_those_of_spacy(nlp: Language, texts: list[str], seed: int):
    shuffle(nlp, seed)
    assert_found_as_by_spacy(nlp, texts)


@settings(max_examples=50)
@given(texts=TEXTS, seed=SEEDS)
def test_the_probability_of_an_entity_is_that_of_its_actions(nlp: Language, texts: list[str], seed: int):
    shuffle(nlp, seed)
    recognizer, docs = recognizer_of(nlp), [doc for doc in map(nlp.make_doc, texts) if len(doc)]
    if not docs:
        return
    actions = [recognizer.moves.get_class_name(number) for number in range(recognizer.moves.n_moves)]
    scores = Scores(recognizer.model, docs)
    shift = 0
    for doc, entities in zip(docs, search(scores, docs, actions), strict=True):
        for start, end, label, probability in entities:
            expected = 1.0
            for token in range(start, end):
                if token == start:
                    allowed = [
                        action for action in actions
                        if (action[0] in "OU" and action != "U-") or (action[0] == "B" and token + 1 < len(doc))
                    ]  # fmt: skip
                    taken, state = f"{'U' if end == start + 1 else 'B'}-{label}", (shift + token, NONE, NONE)
                else:
                    allowed = [f"L-{label}", *([f"I-{label}"] if token + 1 < len(doc) else [])]
                    taken, state = f"{'L' if token + 1 == end else 'I'}-{label}", (
                        shift + token, shift + start, shift + token - 1,
                    )  # fmt: skip
                row = scores.find(*(np.array([place]) for place in state))[0].astype("d")
                exponents = {action: np.exp(row[actions.index(action)] - row.max()) for action in allowed}
                expected *= exponents[taken] / sum(exponents.values())
            assert probability == pytest.approx(expected, rel=1e-4)
            assert 0 < probability <= 1
        shift += len(doc)


OUTPUTS = {("W", 4): 1, ("pad", 4): 2, ("b", 2): 0, ("W", 2): 0, ("b", 1): 0}  # axis by name and dimensions


def make_ties(nlp: Language, seed: int) -> None:
    """Let the actions have three different scores, so that in nearly every state the best ones are equal."""
    random = np.random.default_rng(seed)
    model = recognizer_of(nlp).model
    layer = model.get_ref("upper" if model.attrs["has_upper"] else "lower")
    kinds = random.integers(0, 3, layer.get_dim("nO"))
    for name in layer.param_names:
        weights = layer.get_param(name)
        layer.set_param(name, np.take(weights, kinds, OUTPUTS[name, weights.ndim]))


def test_of_equal_actions_the_first_is_taken_as_by_spacy(nlp: Language):
    found = 0
    for seed in range(60):
        shuffle(nlp, seed)
        make_ties(nlp, seed)
        found += assert_found_as_by_spacy(nlp, [" ".join(WORDS * 2), "pain " * 20])
    assert found > 300


def make_sums_depend_on_their_order(nlp: Language, seed: int) -> None:
    """Let large numbers, which take the last digits from small ones, be added before others or after."""
    random = np.random.default_rng(seed)
    layer = recognizer_of(nlp).model.get_ref("lower")
    for name in ("pad", "b"):
        weights = layer.get_param(name)
        layer.set_param(name, weights + random.choice([0, 2**24, -(2**24)], weights.shape).astype("f"))


def test_scores_are_summed_in_spacys_order(nlp: Language):
    found = 0
    for seed in range(60):
        shuffle(nlp, seed)
        make_sums_depend_on_their_order(nlp, seed)
        found += assert_found_as_by_spacy(nlp, [" ".join(WORDS * 3), "pain chest . " * 9])
    assert found > 300


class Equal:
    """Scores that are the same for all actions."""

    def __init__(self, actions: int) -> None:
        self.actions = actions

    def find(self, token: np.ndarray, first: Any, before: Any) -> np.ndarray:
        return np.zeros((len(token), self.actions), dtype="f")


@pytest.mark.parametrize(
    ("actions", "last"),
    [(["B-x", "I-x", "L-x", "U-x", "O"], False), (["O", "U-x", "L-x", "I-x", "B-x"], True)],
)
def test_of_equal_actions_inside_an_entity_the_first_is_taken(actions: list[str], last: bool):
    states, scores, ends = [Entity(0, 1, "x", 1), Entity(2, 3, "x", 1)], Equal(len(actions)), np.array([9, 4])
    # The second one is at the end of its Doc.
    assert choose_inside(scores, states, ends, actions) == [(last, 0.5), (True, 1.0)]


@pytest.mark.parametrize("actions", [["B-x", "I-x", "L-x", "U-x", "O"], ["U-", "O", "U-x", "L-x", "I-x", "B-x"]])
def test_of_equal_actions_outside_the_first_that_is_allowed_is_taken(actions: list[str]):
    nlp = build()
    docs = [nlp.make_doc("chest pain"), nlp.make_doc("pain \n pain")]
    opening, chosen, probabilities = choose_outside(Equal(len(actions)), docs, np.array([2, 5]), actions)
    found = dict(zip(opening.tolist(), chosen.tolist(), strict=True))
    first = next(action for action in actions if action in ("B-x", "U-x", "O"))
    at_end, at_blank = next(action for action in actions if action in ("U-x", "O")), "O"
    best = [actions[found[token]] if token in found else "O" for token in range(5)]
    assert best == [first, at_end, first, at_blank, at_end]
    # Of as many actions as are allowed there
    assert probabilities.tolist() == [1 / (2 if token in (1, 4) else 3) for token in opening.tolist()]


def test_all_actions_of_each_label_are_needed():
    whole = ["B-a-b", "I-a-b", "L-a-b", "U-a-b", "U-", "O"]
    assert has_all_actions(whole)
    for action in whole:
        assert has_all_actions([other for other in whole if other != action]) is (action == "U-")
