"""Evaluate a trained pipeline on the test notes.

python -m scripts.evaluate training/sample/bert/model-best corpus/sample/test.spacy metrics/sample/bert
"""

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from tqdm import tqdm
from wasabi import msg

from scripts import cli, functions  # noqa: F401  (registers our functions)
from scripts.docs import DOCBIN_ATTRS, NOTE_ID, read_docs
from scripts.note import InputError
from scripts.output import whole_file
from scripts.scorers import micro, score_strict, token_accuracy


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the trained pipeline")],
    corpus: Annotated[Path, typer.Argument(help="The .spacy file of the test notes")],
    output: Annotated[Path, typer.Argument(help="Path of the results, without .json and .spacy")],
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Predict the notes of CORPUS with MODEL; write the scores and the predicted notes."""
    cli.use_gpu(gpu)
    nlp = load_model(model)
    golds = read_golds(corpus, nlp)
    start = time.perf_counter()
    predictions = predict(nlp, golds)
    seconds = time.perf_counter() - start
    metrics = evaluate(golds, predictions) | {
        "model": output.name,
        "corpus": corpus.parent.name,
        "test_sha256": hashlib.sha256(corpus.read_bytes()).hexdigest(),
        "encoder": encoder_name(nlp),
        "words_per_second": round(count_words(golds) / seconds),
    }
    with whole_file(output.with_suffix(".spacy")) as path:
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=predictions).to_disk(path)
    with whole_file(output.with_suffix(".json")) as path:
        srsly.write_json(path, metrics)
    report(metrics)
    msg.good(f"Scored {len(golds):,} notes, see {output.with_suffix('.json')}")


def load_model(path: Path) -> Language:
    """RAISES (InputError): There is no pipeline at the path."""
    if not (path / "config.cfg").is_file():
        raise InputError(f"{path} holds no trained pipeline: train one first.")
    nlp = spacy.load(path)
    nlp.max_length = sys.maxsize  # as in conversion, a note may be of any length
    return nlp


def encoder_name(nlp: Language) -> str:
    """The name on the hub of the encoder that a pipeline was trained from; of a folder its last part."""
    name = nlp.config["components"]["transformer"]["model"]["name"]
    return Path(name).name if Path(name).exists() or name.startswith(("/", ".")) else name


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


def evaluate(golds: Sequence[Doc], predictions: Sequence[Doc]) -> dict[str, Any]:
    """The scores of predicted notes, named as spaCy names them.

    golds, predictions (Sequence[Doc]): The same notes in the same order.
    RETURNS (dict[str, Any]): `ents_p`, `ents_r`, `ents_f` (strict match, micro average), `support`,
        `ents_per_type` (p, r, f and support a label), `token_accuracy`, `notes` and `words`.
    """
    scores = score_strict(golds, predictions)
    overall = micro(scores.values())
    return {
        **{f"ents_{name}": value for name, value in overall.to_json().items() if name in "prf"},
        "support": overall.support,
        "token_accuracy": token_accuracy(golds, predictions),
        "ents_per_type": {label: score.to_json() for label, score in scores.items()},
        "notes": len(golds),
        "words": count_words(golds),
    }


def count_words(docs: Sequence[Doc]) -> int:
    """Tokens that are not blanks."""
    return sum(not token.is_space for doc in docs for token in doc)


def report(metrics: dict[str, Any]) -> None:
    """Print the scores, in per cent, by label and overall."""
    per_type = metrics["ents_per_type"]
    rows = [[label, *row(scores)] for label, scores in per_type.items()]
    rows.append(["all", *row({name: metrics[f"ents_{name}"] for name in "prf"} | {"support": metrics["support"]})])
    msg.table(rows, header=["", "P", "R", "F", "support"], aligns=["l", *"rrrr"], divider=True)


def read_json(path: Path, step: str) -> dict[str, Any]:
    """What an earlier step wrote.

    RAISES (InputError): It is not there; the sentence tells to do the step first.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: {step} first.")
    return cast(dict[str, Any], srsly.read_json(path))


def row(scores: dict[str, Any]) -> list[str]:
    return [*(f"{100 * scores[name]:.2f}" for name in "prf"), f"{scores['support']:,}"]


if __name__ == "__main__":
    cli.run(main)
