"""The parts of a corpus as DocBins: notes become Docs, and what became of each mention goes into the ledger."""

from collections.abc import Sequence
from pathlib import Path

from spacy.tokens import DocBin
from tqdm import tqdm

from scripts.convert.ledger import Ledger
from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, to_doc
from scripts.corpus.note import Note
from scripts.corpus.split import SPLITS


def write_docbins(notes: Sequence[Note], folder: Path) -> Ledger:
    """Write train.spacy, dev.spacy and test.spacy.

    notes (Sequence[Note]): All notes, each with its split.
    """
    nlp, ledger = create_nlp(), Ledger()
    bins = {split: DocBin(attrs=DOCBIN_ATTRS, store_user_data=True) for split in SPLITS}
    for note in tqdm(notes, desc="Converting", unit="note"):
        conversion = to_doc(nlp, note)
        bins[note.split].add(conversion.doc)
        ledger.add(note, conversion)
    for split, docs in bins.items():
        docs.to_disk(folder / f"{split}.spacy")
    return ledger
