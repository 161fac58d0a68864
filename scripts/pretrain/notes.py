"""Notes as wordpieces."""

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

HASHES = 2**64


class EncodedNote(NamedTuple):
    """A note's wordpieces, without special ones, and the hash of its text, below 2**64."""

    ids: np.ndarray
    hash: int


def encode_notes(texts: Iterable[str], tokenizer: Any) -> Iterator[EncodedNote]:
    """Cut each text into wordpieces; nothing is kept on disk."""
    backend = copy.deepcopy(tokenizer.backend_tokenizer)  # the tokenizer is saved as it came
    backend.no_truncation()
    backend.no_padding()
    stream = iter(texts)
    while batch := list(islice(stream, 256)):
        for text, encoding in zip(batch, backend.encode_batch(batch, add_special_tokens=False), strict=True):
            digest = hashlib.sha256(text.encode("utf8")).digest()
            yield EncodedNote(np.array(encoding.ids, dtype=np.int32), int.from_bytes(digest[:8], "big"))


def hash_notes(notes: Sequence[EncodedNote]) -> str:
    """One hash of all texts, in their order."""
    return hashlib.sha256(b"".join(note.hash.to_bytes(8, "big") for note in notes)).hexdigest()
