"""Characters that nobody sees: control characters, byte-order marks, soft hyphens and their like.

The normalizers of BERT's and ALBERT's tokenizers take most of them away, and then a token of nothing else has a zero
vector. By whichever encoder, the recognizer and the reader of training notes leave such tokens out. That all characters
without wordpieces are among them is tested; others are as well, such as accents of their own and unassigned ones.
"""

import unicodedata
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, SENT_START
from spacy.tokens import Doc

from .extensions import install_extensions
from .vectors import TokenData, unwrap, wrap

install_extensions()
REPLACEMENT = "\ufffd"  # which normalizers take away as well
GOES_ON, BEGINS = 1, 3  # spaCy's numbers for I and B
UNSEEN = "CM"  # first letters of Unicode's categories: control, format, private, unassigned; accents of their own


class Seen(NamedTuple):
    """A Doc without the tokens that nobody sees.

    doc (Doc): The Doc itself if it has none.
    tokens (np.ndarray): The number that each token that is left has in the Doc itself.
    """

    doc: Doc
    tokens: np.ndarray


@cache
def is_invisible(character: str) -> bool:
    """Whether nothing is left of a character when it is decomposed; a blank is none of these."""
    parts = unicodedata.normalize("NFKD", character)
    return not character.isspace() and all(
        part.isspace() or part == REPLACEMENT or unicodedata.category(part)[0] in UNSEEN for part in parts
    )


def see(doc: Doc) -> Seen:
    """Leave out the tokens of invisible characters, with their share of entities, sentences and vectors."""
    everything = np.arange(len(doc))
    if not any(map(is_invisible, set(doc.text))):
        return Seen(doc, everything)
    tokens = np.array([token.i for token in doc if not all(map(is_invisible, token.text))], dtype=everything.dtype)
    return Seen(doc if len(tokens) == len(doc) else _take(doc, tokens), tokens)


def _take(doc: Doc, tokens: np.ndarray) -> Doc:
    """A Doc of some tokens of another one; a blank behind one that is left out stays."""
    blanks = np.cumsum([0, *(bool(token.whitespace_) for token in doc)])
    until = np.append(tokens[1:], len(doc))
    taken = Doc(doc.vocab, [doc[int(i)].text for i in tokens], spaces=(blanks[until] > blanks[tokens]).tolist())
    attributes = [ENT_IOB, ENT_TYPE, *([SENT_START] if doc.has_annotation("SENT_START") else [])]
    entities, *others = doc.to_array(attributes).reshape(-1, len(attributes)).T
    number = np.cumsum(entities == BEGINS)  # of the entity that a token is in
    lost_begin = (entities[tokens] == GOES_ON) & (np.diff(number[tokens], prepend=-1) > 0)
    begins = np.where(lost_begin, BEGINS, entities[tokens])
    rows: Any = np.array([begins, *(values[tokens] for values in others)]).T
    taken.from_array(attributes, rows)
    for ent in doc.ents:
        if ent._.assertion:
            start, end = np.searchsorted(tokens, (ent.start, ent.end)).tolist()
            if start < end:
                taken[start:end]._.assertion = ent._.assertion
    if Doc.has_extension("trf_data") and doc._.trf_data is not None:
        taken._.trf_data = wrap(unwrap(doc._.trf_data)[tokens], TokenData)
    return taken
