"""The fields of a package's meta.json, from which spaCy also writes its README."""

from typing import Any

from scripts.corpus.terms import closed_sources

# Installed with the package: from the oldest versions that were tried together, with Python 3.11, up to the next minor
# version after the newest, 3.8.18, 1.4.0, 4.53.2 and 2.14.1, tried with Python 3.11, 3.12 and 3.13. In November 2026
# both found the same mentions; how to try them again is in RELEASING.md. Below them nothing was tried.
RANGES = {
    "spacy": ">=3.7.5,<3.9",  # medspaCy 1.3 needs one below 3.8
    "spacy-transformers": ">=1.3.8,<1.5",
    "transformers": ">=4.48.0,<4.54",  # the first with ModernBERT; spacy-transformers 1.4.0 needs one below 4.53.3
    "torch": ">=2.4.0,<2.15",  # the first with a fused Adam for CPUs
}
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
    undefined = "" if metrics["support"] else ", so recall and F1 are undefined"
    return {
        "description": f"Medical named entities: {encoder} fine-tuned on {corpus['name']} with medner.",
        "author": "medner",
        "license": closed[0]["license"] if closed else "MIT",
        "sources": [corpus, {"name": encoder, "license": "see the encoder"}, *adapted],
        "performance": {key: metrics[key] for key in SCORES}
        | confidence_scores(metrics.get("confidence"))
        | assertion_scores(metrics.get("assertions")),
        "notes": (
            f"The code is under the MIT licence; the notes of {corpus['name']} that it was trained on:"
            f" {corpus['license']}. Scores are strict matches on {metrics['notes']} test notes of {metrics['corpus']},"
            f" {metrics['support']:,} mentions{undefined}. The wheel was searched for words and 3-grams of the"
            " notes, and none was found; what the weights may have memorised, no such search can tell."
        ),
        "requirements": [name + versions for name, versions in RANGES.items()],
    }


def confidence_scores(confidence: dict[str, Any] | None) -> dict[str, Any]:
    """How far the confidences of mentions can be trusted, as the package states it.

    confidence (dict[str, Any] | None): As `evaluate` writes it; None where a model gives none.
    """
    return {f"confidence_{name}": confidence[name] for name in ("ece", "brier", "auroc")} if confidence else {}


def assertion_scores(assertions: dict[str, Any] | None) -> dict[str, Any]:
    """The scores of assertions as the package states them: of given mentions, overall and by value, and end to end.

    assertions (dict[str, Any] | None): As `evaluate` writes them; None where a model gives none.
    """
    if assertions is None:
        return {}
    given, end_to_end = assertions["given"], assertions["end_to_end"]
    return {
        "assertion_given_f": given["micro"]["f"],
        "assertion_given_per_value": given["per_value"],
        **{f"assertion_{name}": end_to_end["micro"][name] for name in "prf"},
    }
