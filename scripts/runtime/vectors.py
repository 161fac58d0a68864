"""The vectors of tokens, in the form in which spacy-transformers' component hands them on."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy_transformers.data_classes import TransformerData, WordpieceBatch
from thinc.types import Floats2d, Ragged
from transformers.utils.generic import ModelOutput


class TokenVectors:
    """What the encoder gives to spacy-transformers' component.

    find (Callable): Waits for the cores that compute, and returns tokens x width for each Doc.
    """

    def __init__(self, find: Callable[[], list[Floats2d]]) -> None:
        self._find = find
        self._vectors: list[Floats2d] | None = None

    @property
    def vectors(self) -> list[Floats2d]:
        """Tokens x width for each Doc. Not a cached_property: before Python 3.12 all of these wait for one lock."""
        if self._vectors is None:
            self._vectors = self._find()
        return self._vectors

    @property
    def doc_data(self) -> list[TransformerData]:
        """As if every token were one wordpiece."""
        return [wrap(vectors, TokenData) for vectors in self.vectors]

    def unsplit_by_doc(self, gradients: list[list[Any]]) -> list[Floats2d]:
        """The component's gradients, 1 x tokens x width for each Doc, as the encoder takes them."""
        return [gradient[0] for (gradient,) in gradients]


class TokenData(TransformerData):
    """The vectors of a Doc's tokens, and of the Doc where those who ask expect that of a pooler."""

    readers = 1  # listeners that have not read them; then they are dropped, as they are far larger than the note

    @property
    def tensors(self) -> tuple[Any, Any]:  # type: ignore[override]
        """Of the tokens, 1 x tokens x width, and their mean, 1 x width, without those that have no wordpieces."""
        vectors: Any = unwrap(self)
        seen = vectors[vectors.any(axis=1)]
        return self.model_output.last_hidden_state, seen.sum(axis=0, keepdims=True) / max(1, len(seen))  # type: ignore[attr-defined]


def wrap(vectors: Floats2d, kind: type[TransformerData] = TransformerData) -> TransformerData:
    """The vectors of a Doc, tokens x width, as if every token were one wordpiece."""
    places: Any = np.arange(len(vectors), dtype="i")
    align = Ragged(places, np.ones_like(places))
    output = ModelOutput(last_hidden_state=vectors[None])  # type: ignore[index]
    return kind(WordpieceBatch.empty(), output, align)


def unwrap(data: TransformerData) -> Any:
    """The vectors that were wrapped."""
    return data.model_output.last_hidden_state[0]  # type: ignore[attr-defined]
