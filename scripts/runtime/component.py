"""The component in front of all others: spacy-transformers' own with our encoder, which reads streams ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy_transformers.pipeline_component import Transformer, install_extensions
from thinc.api import Model

from . import CODE, registered, versioned
from .cut import cut, split
from .libc import give_back_memory
from .settings import keeping_settings

AHEAD = 2  # batches that are with the encoder when one before them is handed on
FACTORY = registered("medner_transformer")


def create_component(
    nlp: Language, name: str, model: Model, set_extra_annotations: Callable, max_batch_items: int
) -> "TokenTransformer":
    """The factory "medner_transformer", in place of spacy-transformers' "transformer", with the same settings."""
    return TokenTransformer(nlp.vocab, model, set_extra_annotations, name=name, max_batch_items=max_batch_items)


if not Language.has_factory(FACTORY):  # the same code may have come with another package before
    Language.factory(
        FACTORY,
        assigns=["doc._.trf_data"],
        default_config={
            "max_batch_items": 16384,
            "set_extra_annotations": {"@annotation_setters": "spacy-transformers.null_annotation_setter.v1"},
            "model": {
                "@architectures": versioned("medner.TransformerModel.v1", CODE),
                "name": "bert-base-uncased",
                "window": 128,
                "precision": "auto",
                "tokenizer_config": {"use_fast": True},
                "transformer_config": {},
            },
        },
        func=create_component,
    )


class TokenTransformer(Transformer):
    """spacy-transformers' Transformer: some notes of a stream are encoded while the components behind work on those
    before. What comes out, and in which order, stays the same.
    """

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Encode notes, together until they have `max_batch_items` tokens.

        batch_size (int): So many notes come back before more are taken. Of these, at most three times
            `max_batch_items` tokens are taken before the first comes back.
        """
        install_extensions()
        limit = self.cfg["max_batch_items"]
        begun: deque[tuple[list[Doc], Any]] = deque()
        for part in split(stream, batch_size):
            for docs in cut(part, count_tokens, limit):
                begun.append((docs, self._begin(docs)))
                if len(begun) > AHEAD:
                    yield from self._finish(*begun.popleft())
            while begun:
                yield from self._finish(*begun.popleft())

    def set_annotations(self, docs: Iterable[Doc], predictions: Any) -> None:
        docs, readers = list(docs), len(self.listeners)
        super().set_annotations(docs, predictions)
        for doc in docs:
            doc._.trf_data.readers = readers

    def _begin(self, docs: list[Doc]) -> Any:
        """What `set_annotations` takes."""
        begin = getattr(self.model, "begin", self.predict)  # another layer's vectors are there at once
        return begin(docs) if any(map(len, docs)) else self.predict(docs)

    def _finish(self, docs: list[Doc], vectors: Any) -> list[Doc]:
        self.set_annotations(docs, vectors)
        if sum(map(count_tokens, docs)) >= self.cfg["max_batch_items"]:  # not after each note of a live stream
            give_back_memory()
        return docs

    @contextmanager
    def _keeping_settings(self) -> Iterator[None]:
        settings = dict(self.cfg)
        with keeping_settings(self.model):
            yield
        self.cfg.update(settings)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "TokenTransformer":
        with self._keeping_settings():
            super().from_bytes(bytes_data, exclude=exclude)
        return self

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "TokenTransformer":
        with self._keeping_settings():
            super().from_disk(path, exclude=exclude)
        return self


def count_tokens(doc: Doc) -> int:
    """The tokens of a note; one without any counts as one, so that not all of these are read at once."""
    return max(1, len(doc))
