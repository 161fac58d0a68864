"""The model card: what the hub shows of a published package."""

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from scripts.corpus.note import NOTE

TEMPLATE = Path(__file__).parent / "templates" / "card.md.jinja"
TAGS = ["spacy", "token-classification", "medical", "clinical"]
# As spaCy's own models on the hub name their scores.
METRICS = {"p": ("precision", "NER Precision"), "r": ("recall", "NER Recall"), "f": ("f_score", "NER F Score")}


def render_card(meta: dict[str, Any], ledger: dict[str, Any], audit: dict[str, Any], url: str) -> str:
    """The card as Markdown with front matter.

    meta (dict): The package's meta.json.
    ledger (dict): The conversion.json of its corpus.
    audit (dict): The result of the search for text of the notes that lies beside the wheel.
    url (str): Where the wheel will be.
    """
    corpus, encoder, *_ = meta["sources"]
    card = ModelCard.from_template(
        front_matter(meta),
        template_str=TEMPLATE.read_text(encoding="utf8"),
        package=f"{meta['lang']}_{meta['name']}",
        meta=meta,
        corpus=corpus,
        encoder=encoder,
        splits=ledger["splits"],
        unit=ledger.get("unit", NOTE),
        scores=meta["performance"],
        audit=audit,
        url=url,
    )
    return card.content


def front_matter(meta: dict[str, Any]) -> ModelCardData:
    """What the hub reads: language, licence, tags, and the scores on the corpus's test notes."""
    corpus, mit = meta["sources"][0], meta["license"] == "MIT"
    results = [
        EvalResult(
            task_type="token-classification",
            task_name="NER",
            dataset_type=corpus["name"],
            dataset_name=corpus["name"],
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=meta["performance"][f"ents_{key}"],
        )
        for key, (kind, name) in METRICS.items()
    ]
    return ModelCardData(
        language=meta["lang"],
        license="mit" if mit else "other",
        license_name=None if mit else meta["license"].lower().replace(" ", "-"),
        tags=TAGS,
        library_name="spacy",
        model_name=f"{meta['lang']}_{meta['name']}",
        eval_results=results,
    )
