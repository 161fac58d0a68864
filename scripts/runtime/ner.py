"""spaCy's entity recognizer with a faster search, and mentions that neither begin nor end in a blank."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB, SENT_START
from spacy.language import Language
from spacy.pipeline.ner import DEFAULT_NER_MODEL, EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Model

from . import registered
from .calibration import calibrate
from .cut import annotate_batches
from .extensions import install_extensions
from .invisible import Seen, see
from .listener import count_reader
from .search import FEATURES, Scores, has_all_actions, search
from .settings import keeping_settings

FACTORY = registered("medner_ner")


class Mention(NamedTuple):
    """Tokens from `start` up to, not including, `end`; `confidence` as in `ent._.confidence`."""

    start: int
    end: int
    label: str
    confidence: float | None


class Found(NamedTuple):
    """What `BatchRecognizer` predicts of a Doc."""

    mentions: list[Mention]


def create_recognizer(
    nlp: Language,
    name: str,
    model: Model,
    moves: Any,
    update_with_oracle_cut_size: int,
    incorrect_spans_key: str | None,
    scorer: Callable | None,
) -> "BatchRecognizer":
    """The factory "medner_ner", in place of spaCy's "ner", with the same settings."""
    return BatchRecognizer(
        nlp.vocab,
        model,
        name,
        moves=moves,
        update_with_oracle_cut_size=update_with_oracle_cut_size,
        incorrect_spans_key=incorrect_spans_key,
        scorer=scorer,
    )


if not Language.has_factory(FACTORY):  # the same code may have come with another package before
    Language.factory(
        FACTORY,
        assigns=["doc.ents", "token.ent_iob", "token.ent_type", "span._.confidence"],
        default_config={
            "moves": None,
            "update_with_oracle_cut_size": 100,
            "model": DEFAULT_NER_MODEL,
            "incorrect_spans_key": None,
            "scorer": {"@scorers": "spacy.ner_scorer.v1"},
        },
        default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
        func=create_recognizer,
    )
    # As what spaCy's `evaluate` and `debug data` look for it
    Language.get_factory_meta(FACTORY).factory = "ner"
install_extensions()


class BatchRecognizer(EntityRecognizer):
    """spaCy's EntityRecognizer with a faster `predict`, which it leaves to spaCy's where an annotation is there before
    that the entities have to respect, and with models of another shape than that of our configs.

    Blanks at the ends of the mentions that it adds are taken away, and tokens that nobody sees are left out: mentions
    go on over them, but neither begin nor end with one.

    A mention's `ent._.confidence` is how likely it is right, label and both ends: the probability of its actions, put
    through the curve that `cfg["calibration"]` holds. It is None without one, and where the search is spaCy's.
    """

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 256) -> Iterator[Doc]:
        """As spaCy's, in batches of `cut.TOKENS` tokens at most."""
        return annotate_batches(self, docs, batch_size)

    def predict(self, docs: Sequence[Doc]) -> Any:
        """RETURNS (list): What `set_annotations` takes, one for each Doc."""
        docs = list[Doc]([docs] if isinstance(docs, Doc) else docs)
        seen = [see(doc) for doc in docs]
        parts = {place: part for place, part in enumerate(seen) if part.doc is not docs[place]}
        if not parts:
            return self._predict(docs)
        whole = iter(self._predict([doc for place, doc in enumerate(docs) if place not in parts]))
        taken = [part.doc for part in parts.values()]
        self.set_annotations(taken, self._predict(taken))
        for place, part in parts.items():
            if Doc.has_extension("trf_data") and part.doc._.trf_data is None:
                count_reader(docs[place])
        return [find_whole(parts[place]) if place in parts else next(whole) for place in range(len(docs))]

    def _predict(self, docs: list[Doc]) -> Any:
        if not any(len(doc) for doc in docs) or not all(map(has_no_annotations, docs)):
            return super().predict(docs)
        actions = [self.moves.get_class_name(number) for number in range(self.moves.n_moves)]
        model: Model = self.model
        other = model.get_ref("lower").get_dim("nF") != FEATURES or model.attrs["unseen_classes"]
        if other or not has_all_actions(actions):
            return super().predict(docs)
        found = search(Scores(model, docs), docs, actions)
        confidences = iter(calibrate([ent.probability for ents in found for ent in ents], self.cfg.get("calibration")))
        return [Found([Mention(*ent[:3], next(confidences)) for ent in ents]) for ents in found]

    def set_annotations(self, docs: Sequence[Doc], states_or_beams: Any) -> None:
        pairs = list(zip(docs, states_or_beams, strict=True))
        for doc, found in pairs:
            if isinstance(found, Found):
                annotate(doc, found.mentions)
        theirs = [(doc, state) for doc, state in pairs if not isinstance(state, Found)]
        if not theirs:
            return
        docs = [doc for doc, _ in theirs]
        starts_before = [{ent.start for ent in doc.ents} for doc in docs]
        super().set_annotations(docs, [state for _, state in theirs])
        for doc, starts in zip(docs, starts_before, strict=True):
            new = [ent for ent in doc.ents if ent.start not in starts]
            doc.set_ents([], outside=[doc[find_end(doc, ent.end) : ent.end] for ent in new], default="unmodified")

    # What changes the weights drops the curve, which was fitted to others.

    def initialize(self, get_examples: Callable, nlp: Language | None = None, labels: Any = None) -> None:
        self.cfg["calibration"] = None
        super().initialize(get_examples, nlp=nlp, labels=labels)

    def update(self, examples: Iterable[Example], **settings: Any) -> dict[str, float]:
        self.cfg["calibration"] = None
        return super().update(examples, **settings)

    def rehearse(self, examples: Iterable[Example], **settings: Any) -> dict[str, float] | None:
        self.cfg["calibration"] = None
        return super().rehearse(examples, **settings)

    def from_bytes(self, bytes_data: bytes, exclude: Iterable[str] = ()) -> "BatchRecognizer":
        self.cfg["calibration"] = None
        with keeping_settings(self.model):
            return super().from_bytes(bytes_data, exclude=exclude)

    def from_disk(self, path: str | Path, exclude: Iterable[str] = ()) -> "BatchRecognizer":
        self.cfg["calibration"] = None
        with keeping_settings(self.model):
            return super().from_disk(path, exclude=exclude)


def annotate(doc: Doc, mentions: Sequence[Mention]) -> None:
    """Add mentions to those that are there, which they do not overlap; what is unknown becomes outside."""
    before = {token.i for ent in doc.ents for token in ent}
    free = [mention for mention in mentions if before.isdisjoint(range(mention.start, mention.end))]
    spans = [Span(doc, mention.start, find_end(doc, mention.end), mention.label) for mention in free]
    if has_no_annotations(doc):
        doc.set_ents(spans, default="outside")
    else:
        inside = {token.i for span in spans for token in span}
        unknown = [doc[token.i : token.i + 1] for token in doc if token.i not in inside and not token.ent_iob_]
        doc.set_ents(spans, outside=unknown, default="unmodified")
    for span, mention in zip(spans, free, strict=True):
        # None, too, where an earlier reading has left a number
        if mention.confidence is not None or span._.confidence is not None:
            span._.confidence = mention.confidence


def find_whole(part: Seen) -> Found:
    """All mentions of a Doc without invisible tokens, by the tokens of the whole Doc."""
    tokens = part.tokens.tolist()
    return Found(
        [Mention(tokens[ent.start], tokens[ent.end - 1] + 1, ent.label_, ent._.confidence) for ent in part.doc.ents]
    )


def find_end(doc: Doc, end: int) -> int:
    """The end of a mention without the blanks at its end; it never begins with one, as spaCy's search sees to that."""
    while doc[end - 1].is_space:
        end -= 1
    return end


def has_no_annotations(doc: Doc) -> bool:
    """Whether no entity and no start of a sentence is set; the first token is always one."""
    iob, starts = doc.to_array([ENT_IOB, SENT_START]).reshape(-1, 2).T
    return bool(np.isin(iob, (0, 2)).all() and (starts[1:] != 1).all())
