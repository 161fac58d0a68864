"""spaCy's greedy search for entities, over all tokens of a batch at once.

The same weights, actions and entities: outside of entities the scores of a token depend on it alone, so that only the
inside of entities is left to go through step by step. spaCy's own search goes through every token, and its wheels for
Python before 3.12 ask for the interpreter's lock some fifty times at each.
"""

from collections.abc import Generator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc
from spacy.training import remove_bilu_prefix
from thinc.api import Model

FEATURES = 3  # of a state: the token, the first one of the open entity, the one before the token in it
NONE = -1  # in place of a token


class Entity(NamedTuple):
    """Tokens from `start` up to, not including, `end`."""

    start: int
    end: int
    label: str


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
    outside = choose_outside(scores, docs, ends, actions)
    (opening,) = np.nonzero(outside != actions.index("O"))
    walks = [
        walk([(token, actions[int(outside[token])]) for token in tokens.tolist()])
        for tokens in np.split(opening, np.searchsorted(opening, ends[:-1]))
    ]
    entities: list[list[Entity]] = [[] for _ in docs]
    answers: dict[int, Any] = dict.fromkeys(range(len(docs)))  # to the walks that go on
    while answers:
        states = {}
        for place, answer in answers.items():
            try:
                states[place] = walks[place].send(answer)
            except StopIteration as stop:
                shift = int(ends[place]) - lengths[place]
                entities[place] = [Entity(start - shift, end - shift, label) for start, end, label in stop.value]
        answers = dict(zip(states, choose_inside(scores, list(states.values()), ends[[*states]], actions), strict=True))
    return entities


def walk(opening: Sequence[tuple[int, str]]) -> Generator[Entity, bool, list[Entity]]:
    """Go through a Doc from one token that opens an entity to the next.

    opening (Sequence[tuple[int, str]]): These tokens, each with the best action, B- or U- and the label, if no entity
        is open there.
    YIELDS (Entity): One that is open, up to a token of which is to be sent whether it is the last.
    RETURNS (list[Entity]): All entities.
    """
    entities: list[Entity] = []
    end = 0  # of the last entity
    for start, action in opening:
        if start < end:
            continue
        end, label = start + 1, remove_bilu_prefix(action)
        if action.startswith("B"):
            while not (yield Entity(start, end, label)):
                end += 1
            end += 1
        entities.append(Entity(start, end, label))
    return entities


def choose_outside(scores: Scores, docs: Sequence[Doc], ends: np.ndarray, actions: Sequence[str]) -> np.ndarray:
    """The number of the best action at each token of the batch if no entity is open there; of equals, the first."""
    allowed = [number for number, action in enumerate(actions) if action[0] in "BUO" and action != "U-"]
    kinds = np.array([actions[number][0] for number in allowed])
    found = scores.find(np.arange(ends[-1]), NONE, NONE)[:, allowed]
    blank = np.concatenate([doc.to_array(IS_SPACE) for doc in docs]).astype(bool)
    found[np.ix_(blank, kinds != "O")] = -np.inf
    found[np.ix_(ends - 1, kinds == "B")] = -np.inf  # nothing comes behind
    return np.array(allowed)[found.argmax(1)]


def choose_inside(scores: Scores, states: Sequence[Entity], ends: np.ndarray, actions: Sequence[str]) -> Sequence[bool]:
    """Of open entities, each up to a token: whether that token is the last one; of equal actions the first counts.

    ends (np.ndarray): Of the Doc of each.
    """
    if not states:
        return []
    first, token = np.array([(state.start, state.end) for state in states]).T
    found = scores.find(token, first, token - 1)
    going_on, last = ([actions.index(f"{kind}-{state.label}") for state in states] for kind in "IL")
    rows = np.arange(len(states))
    more, less = found[rows, going_on], found[rows, last]
    return ((token == ends - 1) | (less > more) | ((less == more) & np.less(last, going_on))).tolist()
