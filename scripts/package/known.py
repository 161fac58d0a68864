"""What may stand in a wheel, for no note put it there, and the notes whose words may not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.split import SPLITS
from scripts.package.audit import read_leaves
from scripts.package.build import code_files
from scripts.runtime.shim import encoder_shim

CONFIGS = Path(__file__).parents[2] / "configs"


def general_text(model: Path, meta: Path) -> Iterator[str]:
    """What may stand in the wheel, for no note put it there.

    These are the encoder's tokenizer, the names of settings and layers, spaCy's strings, our code, configs and card.
    """
    nlp = load_pipeline(model)
    transformer, ner = (cast(Any, nlp.get_pipe(name)) for name in ("transformer", "ner"))
    shim = encoder_shim(transformer.model)
    tokenizer: Any = shim.tokenizer
    yield from (leaf.text for leaf in read_leaves(tokenizer.backend_tokenizer.to_str().encode()))
    yield from (*tokenizer.init_kwargs, *shim.encoder.config.to_dict(), *ner.cfg)
    for layer in (node for pipe in (transformer, ner) for node in pipe.model.walk()):
        yield from (layer.name, *layer.param_names, *layer.dim_names, *layer.ref_names, *layer.attrs)
    yield from create_nlp().vocab.strings
    yield from (path.read_text(encoding="utf8") for path in (*code_files(), *CONFIGS.glob("*.cfg")))
    yield from (leaf.text for leaf in read_leaves(meta.read_bytes()))


def read_notes(corpus: Path) -> Iterator[str]:
    """The text of all notes of a corpus."""
    for split in SPLITS:
        yield from (doc.text for doc in read_docs(corpus / f"{split}.spacy", create_nlp().vocab))
