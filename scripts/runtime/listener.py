"""The listener: what hands the vectors of the tokens to a component after the transformer."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from spacy_transformers.layers.listener import TransformerListener
from thinc.api import Model
from thinc.types import Floats2d

from .vectors import TokenData, unwrap, wrap


class TokenListener(TransformerListener):
    """spacy-transformers' listener, for vectors that are the tokens' own.

    upstream (str): Name of the transformer component, or "*".
    keep_output (bool): Whether the vectors stay in `doc._.trf_data` after prediction; else they go once all components
        that listen have read them.
    """

    def __init__(self, upstream: str, keep_output: bool) -> None:
        super().__init__(upstream)
        self._func = listen
        self.attrs["keep_output"] = keep_output
        self.sample: list[Doc] = []

    def initialize(self, X: Any = None, Y: Any = None) -> Model:
        self.sample = list(X or [])
        return super().initialize(X, Y)


def listen(model: TokenListener, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    if is_train and model._outputs is not None:
        model.verify_inputs(docs)
        vectors = [_check(doc, unwrap(data)) for doc, data in zip(docs, model._outputs, strict=True)]
        return vectors, lambda gradients: _pass_back(model, gradients)
    # Trained with a transformer that is frozen and annotates, or predicting
    starting = not is_train and all(any(doc is one for one in model.sample) for doc in docs)
    model.sample = model.sample if starting else []
    vectors = [_blank(model, doc) if starting or not len(doc) else _read(doc) for doc in docs]
    if not is_train and not model.attrs["keep_output"]:
        for doc in {id(doc): doc for doc in docs}.values():
            count_reader(doc)
    return vectors, lambda gradients: []


def count_reader(doc: Doc) -> None:
    """Drop a Doc's vectors if the reader is the last one; vectors that were stored with it stay."""
    data = doc._.trf_data
    if isinstance(data, TokenData):
        data.readers -= 1
        if data.readers <= 0:
            doc._.trf_data = None


def _pass_back(model: TokenListener, gradients: list[Floats2d]) -> Any:
    return model.backprop_and_clear([wrap(gradient) for gradient in gradients])


def _blank(model: TokenListener, doc: Doc) -> Floats2d:
    """When a component is initialized it asks for the width, maybe twice, with Docs that no transformer has seen."""
    return model.ops.alloc2f(len(doc), model.get_dim("nO"))


def _read(doc: Doc) -> Floats2d:
    if doc._.trf_data is None:
        raise ValueError(
            "A Doc has no vectors: the transformer did not run before, is frozen but none of the annotating components,"
            " or they were dropped when those had read them that listen since the pipeline was loaded: exclude"
            " components at loading or select them afterwards, or set keep_output = true."
        )
    return _check(doc, unwrap(doc._.trf_data))


def _check(doc: Doc, vectors: Floats2d) -> Floats2d:
    if len(vectors) != len(doc):
        raise ValueError(
            "A Doc's vectors are not one for each token: this listener needs a transformer of medner's, not one of"
            " spacy-transformers."
        )
    return vectors
