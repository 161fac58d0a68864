"""The fields of a package's meta.json, from which spaCy also writes its README."""

from importlib.metadata import version
from typing import Any

from packaging.version import Version

from scripts.corpus.terms import closed_sources

# Installed with the package, each in the range that was tried: this version and its later patches.
REQUIREMENTS = ("spacy", "spacy-transformers", "transformers", "torch")
SCORES = ("ents_p", "ents_r", "ents_f", "token_accuracy", "ents_per_type")
FROM_METRICS = (*SCORES, "encoder", "corpus", "notes", "support")


def meta_fields(metrics: dict[str, Any], sources: list[dict[str, str]]) -> dict[str, Any]:
    """What is known of a model beyond what spaCy writes itself.

    metrics (dict[str, Any]): As `evaluate` writes it.
    sources (list[dict[str, str]]): The notes that the model learnt from, with their terms, as `train` states them: the
        corpus, then those that its encoder was adapted to.
    RETURNS (dict[str, Any]): Description, licence, sources, scores on the test notes, requirements.
    """
    corpus, *adapted = ({key: value for key, value in source.items() if key != "sha256"} for source in sources)
    encoder = metrics["encoder"]
    closed = closed_sources(sources)
    return {
        "description": f"Medical named entities: {encoder} fine-tuned on {corpus['name']} with medner.",
        "author": "medner",
        "license": closed[0]["license"] if closed else "MIT",
        "sources": [corpus, {"name": encoder, "license": "see the encoder"}, *adapted],
        "performance": {key: metrics[key] for key in SCORES},
        "notes": (
            f"The code is under the MIT licence; the notes of {corpus['name']} that it was trained on:"
            f" {corpus['license']}. Scores are strict matches on {metrics['notes']} test notes of {metrics['corpus']},"
            f" {metrics['support']:,} mentions. The wheel was searched for words and 3-grams of the notes, and none was"
            " found; what the weights may have memorised, no such search can tell."
        ),
        "requirements": [tried_range(name) for name in REQUIREMENTS],
    }


def tried_range(name: str) -> str:
    """A requirement on the installed version of a library and its later patches."""
    tried = Version(version(name))
    return f"{name}>={tried.base_version},<{tried.major}.{tried.minor + 1}.0"
