"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts.runtime import architectures, component, fork, ner, tokenizer
from scripts.train import readers

__all__ = ["architectures", "component", "fork", "ner", "readers", "tokenizer"]
