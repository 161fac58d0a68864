"""Under what terms notes stand: `convert` writes them down, and what is shown or shared later hangs on them alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from scripts.cli import InputError
from scripts.corpus.corpora import CORPORA
from scripts.files import read_json

YES, NO = "yes", "no"
ASSETS = Path(__file__).parents[2].resolve() / "assets"  # of the project
CONVERSION = "conversion.json"  # in the folder of a converted corpus


class Terms(NamedTuple):
    """The terms of a corpus.

    corpus (str): The name that `convert` was given; the folder it lies in may have another name.
    licence (str): Its licence, or whose terms they are.
    open (bool): Whether anyone may be shown the notes, and be given what was trained on them.
    """

    corpus: str
    licence: str
    open: bool

    def to_source(self) -> dict[str, str]:
        """As one of the `sources` in a pipeline's meta.json, where spaCy takes strings only."""
        return {"name": self.corpus, "license": self.licence, "open": YES if self.open else NO}


def terms_of(corpus: str, source: Path) -> Terms:
    """The terms of a corpus by its name and place; all other notes are their owner's.

    source (Path): Where it is read from; only the project's own assets hold open notes, whatever others are called.
    """
    known = CORPORA.get(corpus)
    if known is None or (known.open and source.resolve() != ASSETS):
        return Terms(corpus, f"the terms of {corpus}", False)
    return Terms(corpus, known.licence, known.open)


def read_terms(corpus: Path) -> Terms:
    """The terms of a converted corpus.

    corpus (Path): Its folder.
    RAISES (InputError): `convert` did not write them there.
    """
    header = read_json(corpus / CONVERSION, "convert the corpus")
    name, licence, is_open = (header.get(field) for field in Terms._fields)
    if not (isinstance(name, str) and isinstance(licence, str) and isinstance(is_open, bool)):
        raise InputError(f"{corpus / CONVERSION} does not state the terms of the notes: convert the corpus again.")
    return Terms(name, licence, is_open)


def are_sources(value: Any) -> TypeGuard[list[dict[str, str]]]:
    """Whether a value is a list of at least one source, as `Terms.to_source` makes them."""
    return bool(value) and isinstance(value, list) and all(
        isinstance(source, dict) and {"name", "license"} <= source.keys() for source in value
    )


def closed_sources(sources: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Of the notes that a model learnt from, those that it must not be shared with: all that are not stated to be open.

    sources (Iterable[dict[str, str]]): Notes as in a pipeline's meta.json, each with `name`, `license` and `open`.
    """
    return [source for source in sources if source.get("open") != YES]
