"""What a pipeline predicts of the gold notes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from scripts.cli import InputError
from scripts.corpus.docs import NOTE_ID, read_docs


def read_golds(path: Path, nlp: Language) -> list[Doc]:
    """The gold notes of a .spacy file.

    RAISES (InputError): It cannot be read, or holds other tokens than the pipeline makes.
    """
    docs = read_docs(path, nlp.vocab)
    for doc in docs:
        if [token.text for token in nlp.make_doc(doc.text)] != [token.text for token in doc]:
            raise InputError(
                f"{path}: note {doc.user_data[NOTE_ID]} was cut into other tokens than the pipeline"
                " makes: convert the corpus and train again."
            )
    return docs


def predict(nlp: Language, golds: Sequence[Doc]) -> list[Doc]:
    """The pipeline's own reading of the notes, which carry their ids but no gold."""
    texts = ((gold.text, gold.user_data[NOTE_ID]) for gold in golds)
    predictions = []
    for doc, note_id in tqdm(nlp.pipe(texts, as_tuples=True), total=len(golds), desc="Predicting", unit="note"):
        doc.user_data[NOTE_ID] = note_id
        predictions.append(doc)
    return predictions


def warn_of_unseen_labels(nlp: Language, golds: Sequence[Doc]) -> None:
    """Warn of labels that the test notes have and the model was never shown; it can only miss them."""
    counts = Counter(ent.label_ for doc in golds for ent in doc.ents)
    for label in sorted(counts.keys() - set(nlp.pipe_labels["ner"])):
        msg.warn(f"The model never saw the label {label}: all of its {counts[label]:,} mentions are missed.")
