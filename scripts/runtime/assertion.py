"""The component after the recognizer: of each mention, whether the note says that it is there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate

from . import CODE, registered, versioned
from .calibration import calibrate
from .cut import annotate_batches
from .extensions import install_extensions
from .settings import keeping_settings

FACTORY = registered("medner_assertion")
SCORER = "medner.AssertionScorer.v1"
DEFAULT_MODEL = f"""
[model]
@architectures = "{versioned("medner.MentionClassifier.v1", CODE)}"
nO = null

[model.tok2vec]
@architectures = "{versioned("medner.TransformerListener.v1", CODE)}"
upstream = "*"
keep_output = false
"""


class Assertion(NamedTuple):
    """What is said of a mention.

    value (str): One of the component's labels.
    raw (float): The probability that the model gives it.
    probability (float | None): The same, calibrated; None if the component is not.
    """

    value: str
    raw: float
    probability: float | None


def create_classifier(
    nlp: Language, name: str, model: Model, weight: float, balance: float, scorer: Callable | None
) -> "AssertionClassifier":
    """The factory "medner_assertion".

    model (Model): As `medner.MentionClassifier.v1` makes it.
    weight (float): How much its loss counts in training, beside 1 for the recognizer's.
    balance (float): How much rare values count in training: each by (the mean number of mentions / its own) to this
        power; 0 for all alike, 1 for all values alike.
    """
    return AssertionClassifier(nlp.vocab, model, name, weight=weight, balance=balance, scorer=scorer)


def score_assertions(examples: Iterable[Example], **settings: Any) -> dict[str, float | None]:
    """Precision, recall and F of mentions found with label, both ends and assertion right, of those that have one; and
    `assertion_acc`, the share of right assertions among the mentions that were found."""
    gold, found = Counter[tuple](), Counter[tuple]()
    for number, example in enumerate(examples):
        gold.update(_keys(number, example.reference))
        found.update(_keys(number, example.predicted))
    if not gold:
        return dict.fromkeys(("assertion_p", "assertion_r", "assertion_f", "assertion_acc"))
    right = (gold & found).total()
    paired = ({key[:-1] for key in gold} & {key[:-1] for key in found}) or {()}
    return {
        "assertion_p": right / max(1, found.total()),
        "assertion_r": right / gold.total(),
        "assertion_f": 2 * right / (gold.total() + found.total()),
        "assertion_acc": right / len(paired),
    }


def _keys(number: int, doc: Doc) -> list[tuple]:
    return [(number, ent.label_, ent.start_char, ent.end_char, ent._.assertion) for ent in doc.ents if ent._.assertion]


@registry.scorers(registered(SCORER))
def create_scorer() -> Callable:
    """The scores of dev notes during training and of `spacy evaluate`, as `score_assertions` gives them."""
    return score_assertions


if not Language.has_factory(FACTORY):  # the same code may have come with another package before
    Language.factory(
        FACTORY,
        requires=["doc.ents"],
        assigns=["span._.assertion", "span._.assertion_probability"],
        default_config={
            "model": Config().from_str(DEFAULT_MODEL)["model"],
            "weight": 3.0,
            "balance": 0.0,
            "scorer": {"@scorers": versioned(SCORER, CODE)},
        },
        default_score_weights={"assertion_f": 1.0, "assertion_p": 0.0, "assertion_r": 0.0, "assertion_acc": None},
        func=create_classifier,
    )
install_extensions()


class AssertionClassifier(TrainablePipe):
    """Gives the mentions of `doc.ents` whose labels had assertions in training one of their values, as
    `ent._.assertion`, and how likely it is right, as `ent._.assertion_probability`.

    It learns from the gold mentions of the train notes, not from those that are found.
    """

    def __init__(
        self, vocab: Vocab, model: Model, name: str, *, weight: float, balance: float, scorer: Callable | None
    ) -> None:
        self.vocab, self.model, self.name, self.scorer = vocab, model, name, scorer
        # `counts` are the mentions of each value in training, `calibration` slope and intercept of a logistic curve.
        self.cfg: dict[str, Any] = {"counts": {}, "mentions": [], "calibration": None}
        self.weight, self.balance = weight, balance

    @property
    def labels(self) -> tuple[str, ...]:
        """The values."""
        return tuple(self.cfg["counts"])

    @property
    def label_data(self) -> dict[str, Any]:
        return {"counts": self.cfg["counts"], "mentions": self.cfg["mentions"]}

    def add_label(self, label: str) -> int:
        """RAISES (ValueError): Always; values come from the train notes."""
        raise ValueError(f"The value '{label}' cannot be added: train the component with mentions that have it.")

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, Any] | None = None,
    ) -> None:
        """Find the values, and the labels of the mentions that have some.

        RAISES (ValueError): No mention has one.
        """
        validate_get_examples(get_examples, "AssertionClassifier.initialize")
        if labels is None:
            stated = [ent for eg in get_examples() for ent in eg.reference.ents if ent._.assertion]
            counts = Counter(ent._.assertion for ent in stated)
            labels = {"counts": dict(sorted(counts.items())), "mentions": sorted({ent.label_ for ent in stated})}
        if not labels["counts"]:
            raise ValueError("No train note has a mention with an assertion: leave the component out.")
        self.cfg.update(labels)
        sample = [eg.reference for eg in _some(get_examples(), 10)]
        bounds = [_bounds(doc.ents) for doc in sample]
        self.model.initialize((sample, bounds), self.model.ops.alloc2f(sum(map(len, bounds)), len(self.labels)))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """As spaCy's, in batches of `cut.TOKENS` tokens at most."""
        return annotate_batches(self, stream, batch_size)

    def find_spans(self, spans: Iterable[Span]) -> list[Span]:
        """Those that can have an assertion."""
        return [span for span in spans if span.label_ in self.cfg["mentions"]]

    def predict(self, docs: Sequence[Doc]) -> list[list[tuple[Span, Assertion]]]:
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        spans = [self.find_spans(doc.ents) for doc in docs]
        return [
            list(zip(of_doc, found, strict=True))
            for of_doc, found in zip(spans, self.classify(docs, spans), strict=True)
        ]

    def classify(self, docs: Sequence[Doc], spans: Sequence[Sequence[Span]]) -> list[list[Assertion]]:
        """What is said of some mentions.

        docs (Sequence[Doc]): With their vectors.
        spans (Sequence[Sequence[Span]]): Mentions of each.
        RETURNS (list[list[Assertion]]): One for each mention.
        """
        scores = self.model.ops.to_numpy(self.model.predict((docs, list(map(_bounds, spans)))))
        best = scores.argmax(axis=1) if len(scores) else np.zeros(0, dtype=int)
        raw = scores[np.arange(len(scores)), best]
        probabilities = calibrate(raw, self.cfg["calibration"])
        rows = zip(best.tolist(), raw.tolist(), probabilities, strict=True)
        found = iter(Assertion(self.labels[value], given, probability) for value, given, probability in rows)
        return [[next(found) for _ in of_doc] for of_doc in spans]

    def set_annotations(self, docs: Sequence[Doc], scores: Any) -> None:
        for pairs in scores:
            for span, assertion in pairs:
                span._.assertion = assertion.value
                span._.assertion_probability = assertion.probability

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        self.cfg["calibration"] = None  # it was fitted to other weights
        examples = list(examples)
        validate_examples(examples, "AssertionClassifier.update")
        set_dropout_rate(self.model, drop)
        targets = [_targets(example, self.labels) for example in examples]
        docs = [example.predicted for example in examples]
        # Without a mention too, since the encoder waits for the gradients of all that listen to it
        scores, backprop = self.model.begin_update((docs, [bounds for bounds, _ in targets]))
        loss, gradient = self._find_loss(scores, np.concatenate([values for _, values in targets]))
        backprop(gradient)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """The loss of the mentions of some Examples, and its gradient, mentions x values."""
        return self._find_loss(scores, np.concatenate([_targets(example, self.labels)[1] for example in examples]))

    def _find_loss(self, scores: Any, values: np.ndarray) -> tuple[float, Any]:
        """Cross-entropy, by `weight` and `balance`; as the recognizer's the sum over the batch."""
        counts = np.array([*self.cfg["counts"].values()], dtype="f")
        weights = (counts.mean() / counts) ** self.balance
        weights *= self.weight * counts.sum() / (weights * counts).sum()  # on average `weight`
        truth = self.model.ops.asarray2f(np.eye(len(counts), dtype="f")[values])  # type: ignore[arg-type]
        of_mention = self.model.ops.asarray2f(weights[values][:, None].astype("f"))  # type: ignore[arg-type]
        right = (scores * truth).sum(axis=1, keepdims=True)
        loss = -(of_mention * self.model.ops.xp.log(right + 1e-10)).sum()
        return float(loss), (scores - truth) * of_mention

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "AssertionClassifier":
        with keeping_settings(self.model):
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "AssertionClassifier":
        with keeping_settings(self.model):
            super().from_disk(path, exclude=exclude)
        return self


def _bounds(spans: Iterable[Span]) -> np.ndarray:
    """Start and end tokens, mentions x 2."""
    return np.array([(span.start, span.end) for span in spans], dtype="i").reshape(-1, 2)


def _targets(example: Example, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The gold mentions as tokens of the Doc that is learnt on, mentions x 2, and the numbers of their values."""
    gold = [ent for ent in example.reference.ents if ent._.assertion in labels]
    numbers = {(ent.start_char, ent.end_char): labels.index(ent._.assertion) for ent in gold}
    spans = example.get_aligned_spans_y2x(gold) if gold else []
    exact = [span for span in spans if (span.start_char, span.end_char) in numbers]
    values = [numbers[span.start_char, span.end_char] for span in exact]
    return _bounds(exact), np.array(values, dtype=int)


def _some(examples: Iterable[Example], number: int) -> list[Example]:
    return [example for example, _ in zip(examples, range(number), strict=False)]
