"""Evaluate a trained pipeline on the test notes.

python -m scripts.evaluate training/sample/bert/model-best corpus/sample metrics/sample/bert
"""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, cast

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from tqdm import tqdm
from wasabi import msg

from scripts import cli, functions  # noqa: F401  (registers our functions)
from scripts.docs import DOCBIN_ATTRS, NOTE_ID, read_docs
from scripts.errors import analyse, mention_keys
from scripts.note import InputError
from scripts.output import whole_file
from scripts.scorers import (
    Counts,
    all_mentions,
    count,
    flat_mentions,
    match_exact,
    match_lenient,
    match_strict,
    seqeval_scores,
    token_accuracy,
)

LIBRARIES = ("spacy", "spacy-transformers", "transformers", "torch", "tokenizers")


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the trained pipeline")],
    corpus: Annotated[Path, typer.Argument(help="Folder with test.spacy, and train.spacy to know what was seen")],
    output: Annotated[Path, typer.Argument(help="Path of the results, without .json and .spacy")],
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Predict the test notes of CORPUS with MODEL; write the scores and the predicted notes."""
    cli.use_gpu(gpu)
    nlp = load_model(model)
    test = corpus / "test.spacy"
    golds = read_golds(test, nlp)
    seen = mention_keys(read_docs(corpus / "train.spacy", nlp.vocab))
    start = time.perf_counter()
    predictions = predict(nlp, golds)
    seconds = time.perf_counter() - start
    metrics = evaluate(golds, predictions, seen) | {
        "model": output.name,
        "corpus": corpus.name,
        "test_sha256": hashlib.sha256(test.read_bytes()).hexdigest(),
        "encoder": encoder_name(nlp),
        "seed": nlp.config["system"]["seed"],
        "words_per_second": round(count_words(golds) / seconds),
        "machine": describe_machine(gpu),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }
    with whole_file(output.with_suffix(".spacy")) as path:
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=predictions).to_disk(path)
    with whole_file(output.with_suffix(".json")) as path:
        srsly.write_json(path, metrics)
    report(metrics)
    tell_unseen_labels(nlp, golds)
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


def evaluate(golds: Sequence[Doc], predictions: Sequence[Doc], seen: set[tuple[str, str]]) -> dict[str, Any]:
    """The scores of predicted notes.

    golds, predictions (Sequence[Doc]): The same notes in the same order.
    seen (set[tuple[str, str]]): The mentions of the training notes, as `mention_keys` gives them.
    RETURNS (dict[str, Any]): Under spaCy's names `ents_p`, `ents_r`, `ents_f` (strict match, micro average, gold of
        `doc.ents`), `ents_per_type` (p, r, f and support a label); `support`, `token_accuracy`, `notes`, `words`;
        `scores` by definition, each with its averages; `ceiling`, what a perfect flat NER would score; `per_note`, the
        strict counts from which intervals and tests are made; `errors` as `analyse` gives them. No text of a note.
    RAISES (InputError): They are not the same notes.
    """
    if [doc.text for doc in golds] != [doc.text for doc in predictions]:
        raise InputError("The predicted notes are not the gold notes: evaluate the model again.")
    flat, every = [flat_mentions(doc) for doc in golds], [all_mentions(doc) for doc in golds]
    found = [flat_mentions(doc) for doc in predictions]
    strict = count(flat, found, match_exact)
    overall = strict.micro()
    return {
        **{f"ents_{name}": value for name, value in overall.to_json().items() if name in "prf"},
        "support": overall.support,
        "token_accuracy": token_accuracy(golds, predictions),
        "ents_per_type": {label: score.to_json() for label, score in strict.per_label().items()},
        "notes": len(golds),
        "words": count_words(golds),
        "scores": {
            "strict": averages(strict),
            "lenient": averages(count(flat, found, match_lenient)),
            "strict_all": averages(count(every, found, match_strict)),
            "lenient_all": averages(count(every, found, match_lenient)),
            "class_exact_all": averages(count(every, found, match_exact)),
            "seqeval": {"micro": seqeval_scores(golds, predictions)},
        },
        "ceiling": {
            name: count(every, flat, match).micro().to_json()
            for name, match in (("strict_all", match_strict), ("lenient_all", match_lenient),
                                ("class_exact_all", match_exact))
        },
        "per_note": {
            "notes": [doc.user_data[NOTE_ID] for doc in golds],
            "labels": strict.labels,
            "counts": strict.table.tolist(),
        },
        "errors": analyse(golds, predictions, seen),
    }  # fmt: skip


def averages(counts: Counts) -> dict[str, Any]:
    """All averages of one definition."""
    return {
        "micro": counts.micro().to_json(),
        "macro": counts.macro(),
        "per_document": counts.per_document(),
        "per_label": {label: score.to_json() for label, score in counts.per_label().items()},
    }


def describe_machine(gpu: int) -> str:
    """What the speed was measured on."""
    if gpu >= 0:
        return torch.cuda.get_device_name(gpu)
    threads = torch.get_num_threads()
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def tell_unseen_labels(nlp: Language, golds: Sequence[Doc]) -> None:
    """Warn of labels that the test notes have and the model was never shown; it can only miss them."""
    unknown = {ent.label_ for doc in golds for ent in doc.ents} - set(nlp.get_pipe("ner").labels)
    if unknown:
        msg.warn(f"The model never saw the label {', '.join(sorted(unknown))}: all such mentions are missed.")


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
    # srsly reads 0.0537124803 as 0.053712480300000004.
    return cast(dict[str, Any], json.loads(path.read_text(encoding="utf8")))


def row(scores: dict[str, Any]) -> list[str]:
    return [*(f"{100 * scores[name]:.2f}" for name in "prf"), f"{scores['support']:,}"]


if __name__ == "__main__":
    cli.run(main)
