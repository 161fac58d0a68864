"""The vectors of tokens, in the form in which spacy-transformers' component hands them on."""

from collections.abc import Callable
from functools import cached_property
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

    @cached_property
    def vectors(self) -> list[Floats2d]:
        """Tokens x width for each Doc."""
        return self._find()

    @property
    def doc_data(self) -> list[TransformerData]:
        """As if every token were one wordpiece."""
        return [wrap(vectors) for vectors in self.vectors]

    def unsplit_by_doc(self, gradients: list[list[Any]]) -> list[Floats2d]:
        """The component's gradients, 1 x tokens x width for each Doc, as the encoder takes them."""
        return [gradient[0] for (gradient,) in gradients]


def wrap(vectors: Floats2d) -> TransformerData:
    """The vectors of a Doc, tokens x width, as if every token were one wordpiece."""
    places: Any = np.arange(len(vectors), dtype="i")
    align = Ragged(places, np.ones_like(places))
    output = ModelOutput(last_hidden_state=vectors[None])  # type: ignore[index]
    return TransformerData(WordpieceBatch.empty(), output, align)


def unwrap(data: TransformerData) -> Any:
    """The vectors that were wrapped."""
    return data.tensors[0][0]
