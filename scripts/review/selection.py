"""Which notes to review: those with most expected errors a word, and no near copies among them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.pipelines import count_words
from scripts.corpus.processes import annotate_items, count_chars
from scripts.corpus.texts import Failure, Text
from scripts.runtime.cut import cut

NEAR = 0.5  # of the shingles of two texts together that both have: from there on they are near copies
SHINGLE = 3  # words
HASHES = 128  # of a signature; its similarity is off by 0.04 or so
CHUNK_NOTES, CHUNK_CHARS = 1000, 10_000_000  # annotated before spaCy forgets their words
_WORD = re.compile(r"\w+")
_MULTIPLIERS = np.random.default_rng(42).integers(1, 2**63, HASHES, dtype=np.uint64) | np.uint64(1)


class Candidate(NamedTuple):
    """A note that might be reviewed.

    id (str): Its name.
    errors (float): How many of its mentions are wrong, by their confidences.
    mentions, rated, words (int): How many there are; rated are mentions with a confidence.
    signature (np.ndarray): By which copies are known.
    """

    id: str
    errors: float
    mentions: int
    rated: int
    words: int
    signature: np.ndarray

    @property
    def worth(self) -> float:
        """Expected errors a word."""
        return self.errors / self.words if self.words else 0.0


class Choice(NamedTuple):
    """What was chosen.

    notes (list[Candidate]): Those with most expected errors a word, in this order.
    copies (int): Notes passed over because they nearly equal one that was chosen or reviewed before.
    sure (int): Notes passed over because they have no mention, or are sure of all.
    unrated (int): Notes passed over because none of their mentions has a confidence.
    """

    notes: list[Candidate]
    copies: int
    sure: int
    unrated: int


def read_candidates(
    nlp: Language, items: Iterable[Text | Failure], n_process: int, count: Callable[[int], Any]
) -> Iterator[Candidate | Failure]:
    """Annotate notes and weigh them.

    items (Iterable[Text | Failure]): Notes of any number.
    count (Callable[[int], Any]): Is called with the number of words of each note.
    YIELDS (Candidate | Failure): Each note in order.
    """
    for chunk in cut(items, count_chars, CHUNK_CHARS, CHUNK_NOTES):
        for item, found in annotate_items(nlp, chunk, n_process):
            if isinstance(found, Doc):
                found = weigh(item.id, found)
                count(found.words)
            yield found


def weigh(note_id: str, doc: Doc) -> Candidate:
    """A note as a candidate; mentions without a confidence are no errors."""
    mentions = doc.ents
    confidences = [ent._.confidence for ent in mentions if ent._.confidence is not None]
    errors = len(confidences) - sum(confidences)
    return Candidate(note_id, errors, len(mentions), len(confidences), count_words([doc]), sign(doc.text))


def choose(candidates: Iterable[Candidate], number: int, known: Iterable[np.ndarray] = ()) -> Choice:
    """Choose from candidates.

    number (int): How many at most.
    known (Iterable[np.ndarray]): Signatures of notes that were chosen before.
    """
    doubted, sure, unrated = [], 0, 0
    for candidate in candidates:
        if candidate.errors > 0:
            doubted.append(candidate)
        elif candidate.mentions and not candidate.rated:
            unrated += 1
        else:
            sure += 1
    chosen, signatures, copies = list[Candidate](), [*known], 0
    for candidate in sorted(doubted, key=lambda each: (-each.worth, each.id)):
        if len(chosen) == number:
            break
        if is_near_copy(candidate.signature, signatures):
            copies += 1
        else:
            chosen.append(candidate)
            signatures.append(candidate.signature)
    return Choice(chosen, copies, sure, unrated)


def sign(text: str) -> np.ndarray:
    """The MinHash signature of a text (Broder 1997): the share of equal numbers in two estimates how much of their
    shingles, three words each in small letters, both have.

    RETURNS (np.ndarray): `HASHES` numbers.
    """
    words = _WORD.findall(text.lower())
    shingles = {" ".join(words[place : place + SHINGLE]) for place in range(max(1, len(words) - SHINGLE + 1))}
    hashes = np.array([_hash(shingle) for shingle in shingles], dtype=np.uint64)
    # Products modulo 2^64; their upper halves mix best
    return ((hashes[:, None] * _MULTIPLIERS) >> np.uint64(32)).min(axis=0).astype(np.uint32)


def is_near_copy(signature: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Whether a text shares at least `NEAR` of the shingles with one of others, as far as signatures tell."""
    return bool(len(others)) and bool(((np.array(others) == signature).mean(axis=1) >= NEAR).any())


def _hash(shingle: str) -> int:
    return int.from_bytes(blake2b(shingle.encode("utf8", "surrogatepass"), digest_size=8).digest(), "little")
