"""The parts of a converted corpus in another format, by the writers that `annotate` has as well."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from spacy.tokens import Doc

from scripts.corpus import brat
from scripts.corpus.con import ConWriter
from scripts.corpus.docs import NOTE_ID
from scripts.corpus.mentions import written_mentions
from scripts.corpus.split import named_split
from scripts.corpus.texts import Text
from scripts.corpus.writers import WRITERS, ConllWriter, Writer
from scripts.export.losses import count_losses


def write_part(docs: Iterable[Doc], path: Path, to: str, assertions: bool) -> Counter[str]:
    """Write a part: a file of that name with the format's suffix, or a folder.

    docs (Iterable[Doc]): Its notes.
    assertions (bool): Whether conll has a column of these.
    RETURNS (Counter[str]): What the format cannot hold.
    """
    writer = _create_writer(to, assertions)
    losses = Counter[str]()
    for doc in docs:
        writer.add(Text(_name(doc, path.name), doc.text, ""), doc)
        losses += count_losses(doc, to, assertions)
    if not writer.suffix:
        path.mkdir()
    writer.save(path.with_name(path.name + writer.suffix))
    return losses


def write_config(docs: Sequence[Doc], folder: Path) -> None:
    """Write the annotation.conf without which brat does not know labels and attributes."""
    types: set[str] = set()
    values: dict[str, set[str]] = {}
    for mention in (mention for doc in docs for mention in written_mentions(doc)):
        types.add(brat.brat_type(mention.span.label_))
        said = [*mention.attributes, *([(brat.ASSERTION, mention.assertion)] if mention.assertion else [])]
        for name, value in said:
            values.setdefault(brat.brat_type(name), set()).update([" ".join(value.split())] if value else [])
    config = brat.write_config(sorted(types), {name: sorted(values[name]) for name in sorted(values)})
    (folder / "annotation.conf").write_text(config, encoding="utf8")


def _create_writer(to: str, assertions: bool) -> Writer:
    if to == "conll":
        return ConllWriter(assertions)
    return ConWriter() if to == "con" else WRITERS[to]()


def _name(doc: Doc, split: str) -> str:
    """The note's name, in one piece if a folder in it states another part."""
    name = str(doc.user_data[NOTE_ID])
    return name if named_split(PurePosixPath(name).parts[:-1]) in ("", split) else name.replace("/", "_")
