"""Which notes have the same text, whatever their blanks, byte-order marks and composed characters."""

import hashlib
import unicodedata
from collections.abc import Iterable

from scripts.corpus.note import NOTE


def text_key(text: str) -> bytes:
    """Equal for texts that differ in white space, byte-order marks or the normal form of characters (NFC, NFD) only.

    RETURNS (bytes): Empty for a text of blanks, which is nobody's copy.
    """
    squeezed = " ".join(unicodedata.normalize("NFC", text.replace("\ufeff", "")).split())
    return hashlib.sha256(squeezed.encode("utf8")).digest() if squeezed else b""


def count_shared(texts: Iterable[str], others: Iterable[str]) -> int:
    """How many of the texts are among the others as well."""
    known = {text_key(other) for other in others} - {b""}
    return sum(text_key(text) in known for text in texts)


def say_shared(number: int, total: int, unit: str, one: str = "test", other: str = "train") -> str:
    """How many of one part are in another as well, in words that end without a full stop."""
    texts = "texts" if unit == NOTE else f"{unit}s"
    return f"{number:,} of {total:,} {one} {texts} are in {other} as well"
