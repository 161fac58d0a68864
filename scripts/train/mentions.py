"""The mentions of a corpus: whether there are any to learn from, and to choose the best epoch by."""

from collections import Counter
from pathlib import Path

from wasabi import msg

from scripts.cli import InputError
from scripts.corpus.docs import create_nlp, read_docs


def check_mentions(corpus: Path) -> None:
    """Warn of dev mentions that no epoch can be chosen by.

    corpus (Path): Folder of a converted corpus.
    RAISES (InputError): No train note has a mention.
    """
    train, dev = (count_labels(corpus / f"{split}.spacy") for split in ("train", "dev"))
    if not train:
        raise InputError(f"{corpus / 'train.spacy'} has no mention to learn from: give annotated train notes.")
    for label, number in sorted(dev.items()):
        if label not in train:
            msg.warn(f"No train note has a mention of {label}, but dev has {number:,}: all of them will be missed.")
    if not dev.keys() & train.keys():
        # spaCy 3.8 keeps the latest of equally good epochs.
        msg.warn("The dev notes have no mention that could be found, so the last epoch is taken for the best.")


def has_assertions(corpus: Path) -> bool:
    """Whether a train note has a mention with an assertion, so that there is something to learn."""
    docs = read_docs(corpus / "train.spacy", create_nlp().vocab)
    return any(ent._.assertion for doc in docs for ent in doc.ents)


def count_labels(path: Path) -> Counter[str]:
    """How many mentions each label has in a .spacy file."""
    return Counter(ent.label_ for doc in read_docs(path, create_nlp().vocab) for ent in doc.ents)
