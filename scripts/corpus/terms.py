"""Under what terms notes stand: `convert` writes them down, and what is shown or shared later hangs on them alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scripts.cli import InputError
from scripts.corpus.corpora import CORPORA
from scripts.files import read_json

YES, NO = "yes", "no"
CONVERSION = "conversion.json"  # in the folder of a converted corpus


class Terms(NamedTuple):
    """The terms of a corpus.

    corpus (str): What `convert` was told to call it; the folder it lies in may have another name.
    licence (str): Its licence, or whose terms they are.
    open (bool): Whether anyone may be shown the notes, and be given what was trained on them.
    """

    corpus: str
    licence: str
    open: bool

    def to_source(self) -> dict[str, str]:
        """As one of the `sources` in a pipeline's meta.json, where spaCy takes strings only."""
        return {"name": self.corpus, "license": self.licence, "open": YES if self.open else NO}


def terms_of(corpus: str) -> Terms:
    """The terms of a corpus by its name; notes that are not known by name are their owner's."""
    known = CORPORA.get(corpus)
    return Terms(corpus, known.licence, known.open) if known else Terms(corpus, f"the terms of {corpus}", False)


def read_terms(corpus: Path) -> Terms:
    """The terms of a converted corpus.

    corpus (Path): Its folder.
    RAISES (InputError): `convert` did not write them there.
    """
    header = read_json(corpus / CONVERSION, "convert the corpus")
    try:
        return Terms(*(header[name] for name in Terms._fields))
    except KeyError:
        raise InputError(f"{corpus / CONVERSION} does not state the terms of the notes: convert it again.") from None


def closed_sources(sources: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Of the notes that a model learnt from, those that it must not be shared with: all that are not stated to be open.

    sources (Iterable[dict[str, str]]): Notes as in a pipeline's meta.json, each with `name`, `license` and `open`.
    """
    return [source for source in sources if source.get("open") != YES]
