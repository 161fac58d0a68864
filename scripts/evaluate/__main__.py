"""Evaluate a trained pipeline on the test notes.

python -m scripts.evaluate training/sample/bert/model-best corpus/sample metrics/sample/bert
"""

import time
from pathlib import Path
from typing import Annotated

import srsly
import typer
from wasabi import msg

from scripts import cli
from scripts.corpus.note import NOTE
from scripts.corpus.terms import CONVERSION, read_terms
from scripts.files import hash_file, read_json, whole_file

LIBRARIES = ("spacy", "spacy-transformers", "transformers", "torch", "tokenizers")


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the trained pipeline")],
    corpus: Annotated[Path, typer.Argument(help="Folder with test.spacy, and train.spacy to know what was seen")],
    output: Annotated[Path, typer.Argument(help="Path of the results, without .json and .spacy")],
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Predict the test notes of CORPUS with MODEL; write the scores and the predicted notes."""
    # Imported here, so that --help does not wait for spaCy and torch
    import torch
    from spacy.tokens import DocBin

    from scripts.corpus.copies import count_shared, say_shared
    from scripts.corpus.docs import DOCBIN_ATTRS, read_docs
    from scripts.corpus.pipelines import count_words, encoder_name, load_pipeline
    from scripts.evaluate.assertions import evaluate_assertions
    from scripts.evaluate.confidence import score_confidence
    from scripts.evaluate.errors import mention_keys
    from scripts.evaluate.evaluation import evaluate
    from scripts.evaluate.official import official_scores
    from scripts.evaluate.predictions import predict, read_golds, warn_of_unseen_labels
    from scripts.evaluate.report import print_scores
    from scripts.machine import describe_machine, describe_versions

    cli.use_gpu(gpu)
    terms = read_terms(corpus)
    nlp = load_pipeline(model)
    test = corpus / "test.spacy"
    golds = read_golds(test, nlp)
    train = read_docs(corpus / "train.spacy", nlp.vocab)
    seen, in_train = mention_keys(train), count_shared((doc.text for doc in golds), (doc.text for doc in train))
    start = time.perf_counter()
    predictions = predict(nlp, golds)
    seconds = time.perf_counter() - start
    conversion = read_json(corpus / CONVERSION, "convert the corpus")
    metrics = evaluate(golds, predictions, seen) | {
        "official": official_scores(conversion.get("format", ""), golds, predictions),
        "confidence": score_confidence(golds, predictions),
        "assertions": evaluate_assertions(nlp, golds, predictions),
        "model": output.name,
        "corpus": terms.corpus,
        "unit": conversion.get("unit", NOTE),
        "in_train": in_train,
        "test_sha256": hash_file(test),
        "encoder": encoder_name(nlp),
        "seed": nlp.config["system"]["seed"],
        "words_per_second": round(count_words(golds) / seconds),
        "machine": describe_machine(torch.device("cpu" if gpu < 0 else f"cuda:{gpu}")),
        "versions": describe_versions(LIBRARIES),
    }
    with whole_file(output.with_suffix(".spacy")) as path:
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=predictions).to_disk(path)
    with whole_file(output.with_suffix(".json")) as path:
        srsly.write_json(path, metrics)
    print_scores(metrics)
    warn_of_unseen_labels(nlp, golds)
    if in_train:
        msg.warn(f"{say_shared(in_train, len(golds), metrics['unit'])}.")
    msg.good(f"Scored {len(golds):,} {metrics['unit']}s, see {output.with_suffix('.json')}")


if __name__ == "__main__":
    cli.run(main)
