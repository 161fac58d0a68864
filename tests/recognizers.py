"""Entity recognizers with random weights, ours and spaCy's with the same, for tests of our search."""

from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline.ner import EntityRecognizer
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from scripts.corpus.docs import create_nlp
from scripts.runtime.ner import BatchRecognizer  # with it medner_ner is registered

LABELS = ("problem", "treatment", "side-effect")
WORDS = ("chest", "pain", "denies", "aspirin", ".", "fever", "\n", "  ", "\n\n", "\t", " \r\n ", "\xa0")
Ents = list[tuple[int, int, str]]


def build(upper: bool = False, pieces: int = 2) -> Language:
    """A pipeline that only recognizes entities of `LABELS`.

    upper (bool): Whether there is a layer of its own for the scores.
    pieces (int): Of maxout in the layer below.
    """
    fix_random_seed(0)
    nlp = create_nlp()
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 16, "depth": 1, "embed_size": 100, "window_size": 1,
        "maxout_pieces": 2, "subword_features": False, "pretrained_vectors": None}  # fmt: skip
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "extra_state_tokens": False,
        "hidden_width": 8, "maxout_pieces": pieces, "use_upper": upper, "nO": None, "tok2vec": tok2vec}  # fmt: skip
    nlp.add_pipe("medner_ner", name="ner", config={"model": model})
    doc = nlp.make_doc(" ".join(["pain"] * len(LABELS)))
    doc.ents = [Span(doc, place, place + 1, label) for place, label in enumerate(LABELS)]
    nlp.initialize(lambda: [Example(doc.copy(), doc)])
    return nlp


def recognizer_of(nlp: Language) -> Any:
    ner = nlp.get_pipe("ner")
    assert isinstance(ner, BatchRecognizer)
    return ner


def shuffle(nlp: Language, seed: int) -> EntityRecognizer:
    """Random weights that make many entities, long ones among them; RETURNS spaCy's recognizer with the same."""
    ner = recognizer_of(nlp)
    random = np.random.default_rng(seed)
    for node in ner.model.walk():
        for name in node.param_names:
            if node.has_param(name):
                node.set_param(name, random.normal(size=node.get_param(name).shape).astype("f"))
    return spacys(nlp)


def spacys(nlp: Language) -> EntityRecognizer:
    """spaCy's recognizer with the weights of ours."""
    ner = recognizer_of(nlp)
    return EntityRecognizer(nlp.vocab, ner.model, "ner", moves=ner.moves)


def annotate(ner: Any, docs: list[Doc]) -> list[Ents]:
    ner.set_annotations(docs, ner.predict(docs))
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]


def trim(doc: Doc, ents: Ents) -> Ents:
    """Entities without the blanks at both ends."""
    trimmed = []
    for start, end, label in ents:
        words = [place for place in range(start, end) if not doc[place].text.isspace()]
        trimmed.append((words[0], words[-1] + 1, label))
    return trimmed
