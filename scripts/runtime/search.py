"""spaCy's greedy search for entities, over all tokens of a batch at once.

The same weights, actions and entities: outside of entities the scores of a token depend on it alone, so that only the
inside of entities is left to go through step by step. spaCy's own search goes through every token, and its wheels for
Python before 3.12 ask for the interpreter's lock some fifty times at each.
"""

from collections.abc import Generator, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc
from spacy.training import remove_bilu_prefix
from thinc.api import Model

FEATURES = 3  # of a state: the token, the first one of the open entity, the one before the token in it
NONE = -1  # in place of a token


class Entity(NamedTuple):
    """Tokens from `start` up to, not including, `end`.

    probability (float): That of the actions that make it, one after the other: the product of the softmax over the
        scores of the actions that are allowed in each state.
    """

    start: int
    end: int
    label: str
    probability: float


class Scores:
    """The scores of all actions in states of a batch.

    model (Model): spaCy's TransitionBasedParser.
    docs (Sequence[Doc]): The batch; its tokens are numbered through.
    """

    def __init__(self, model: Model, docs: Sequence[Doc]) -> None:
        lower = model.get_ref("lower")
        to_numpy = lower.ops.to_numpy
        self._features = to_numpy(lower.predict(model.get_ref("tok2vec").predict(docs)))
        self._bias = to_numpy(lower.get_param("b"))
        self._upper = model.get_ref("upper") if model.attrs["has_upper"] else None

    def find(self, token: Any, first: Any, before: Any) -> np.ndarray:
        """RETURNS (np.ndarray): States x actions.

        token, first, before (np.ndarray | int): The features of each state, tokens of the batch or `NONE`.
        """
        places = (np.add(token, 1), np.add(first, 1), np.add(before, 1))  # what stands for none comes first
        # Summed in spaCy's order, for the same result to the last bit
        pieces = reduce(np.add, (self._features[place, feature] for feature, place in enumerate(places))) + self._bias
        hidden = reduce(np.maximum, np.moveaxis(pieces, -1, 0))
        return hidden if self._upper is None else self._upper.predict(np.ascontiguousarray(hidden))


def has_all_actions(actions: Sequence[str]) -> bool:
    """Whether there are the actions out, begin, in, last and unit of each label."""
    labels = {remove_bilu_prefix(action) for action in actions if action not in ("O", "U-")}
    return set(actions) >= {"O", *(f"{kind}-{label}" for kind in "BILU" for label in labels)}


def search(scores: Scores, docs: Sequence[Doc], actions: Sequence[str]) -> list[list[Entity]]:
    """The entities that spaCy's greedy search finds, which takes the best allowed action at each token.

    scores (Scores): Of these Docs.
    actions (Sequence[str]): Names of the actions, such as B-problem; all of each label.
    """
    lengths = [len(doc) for doc in docs]
    ends = np.cumsum(lengths)
    opening, chosen, probabilities = choose_outside(scores, docs, ends, actions)
    steps = [
        (token, actions[int(action)], probability)
        for token, action, probability in zip(opening.tolist(), chosen.tolist(), probabilities.tolist(), strict=True)
    ]
    places = [0, *np.searchsorted(opening, ends).tolist()]
    walks = [walk(steps[low:high]) for low, high in pairwise(places)]
    entities: list[list[Entity]] = [[] for _ in docs]
    answers: dict[int, Any] = dict.fromkeys(range(len(docs)))  # to the walks that go on
    while answers:
        states = {}
        for place, answer in answers.items():
            try:
                states[place] = walks[place].send(answer)
            except StopIteration as stop:
                shift = int(ends[place]) - lengths[place]
                entities[place] = [each._replace(start=each.start - shift, end=each.end - shift) for each in stop.value]
        answers = dict(zip(states, choose_inside(scores, list(states.values()), ends[[*states]], actions), strict=True))
    return entities


def walk(opening: Sequence[tuple[int, str, float]]) -> Generator[Entity, tuple[bool, float], list[Entity]]:
    """Go through a Doc from one token that opens an entity to the next.

    opening (Sequence[tuple[int, str, float]]): These tokens, each with the best action, B- or U- and the label, if no
        entity is open there, and with its probability.
    YIELDS (Entity): One that is open, up to a token of which is to be sent whether it is the last, and how probable
        that is.
    RETURNS (list[Entity]): All entities.
    """
    entities: list[Entity] = []
    end = 0  # of the last entity
    for start, action, probability in opening:
        if start < end:
            continue
        end, label = start + 1, remove_bilu_prefix(action)
        is_last = not action.startswith("B")
        while not is_last:
            is_last, step = yield Entity(start, end, label, probability)
            end, probability = end + 1, probability * step
        entities.append(Entity(start, end, label, probability))
    return entities


def choose_outside(
    scores: Scores, docs: Sequence[Doc], ends: np.ndarray, actions: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best action at each token of the batch if no entity is open there; of equals, the first.

    RETURNS (tuple[np.ndarray, np.ndarray, np.ndarray]): The tokens at which it opens an entity, the numbers of these
        actions, and their probabilities.
    """
    allowed = [number for number, action in enumerate(actions) if action[0] in "BUO" and action != "U-"]
    kinds = np.array([actions[number][0] for number in allowed])
    found = scores.find(np.arange(ends[-1]), NONE, NONE)[:, allowed]
    blank = np.concatenate([doc.to_array(IS_SPACE) for doc in docs]).astype(bool)
    found[np.ix_(blank, kinds != "O")] = -np.inf
    found[np.ix_(ends - 1, kinds == "B")] = -np.inf  # nothing comes behind
    best = found.argmax(1)
    (opening,) = np.nonzero(kinds[best] != "O")
    rows = found[opening].astype("d")
    probabilities = 1 / np.exp(rows - rows.max(1, keepdims=True)).sum(1)
    return opening, np.array(allowed)[best[opening]], probabilities


def choose_inside(
    scores: Scores, states: Sequence[Entity], ends: np.ndarray, actions: Sequence[str]
) -> Sequence[tuple[bool, float]]:
    """Of open entities, each up to a token: whether that token is the last one, and how probable that is; of equal
    actions the first counts.

    ends (np.ndarray): Of the Doc of each.
    """
    if not states:
        return []
    first, token = np.array([(state.start, state.end) for state in states]).T
    found = scores.find(token, first, token - 1)
    going_on, last = ([actions.index(f"{kind}-{state.label}") for state in states] for kind in "IL")
    rows = np.arange(len(states))
    more, less = found[rows, going_on], found[rows, last]
    only = token == ends - 1  # nothing comes behind
    is_last = only | (less > more) | ((less == more) & np.less(last, going_on))
    probabilities = np.where(only, 1, 1 / (1 + np.exp(-np.abs(less - more))))
    return list(zip(is_last.tolist(), probabilities.tolist(), strict=True))
