"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts.runtime import architectures, assertion, component, fork, ner, tokenizer
from scripts.train import readers

__all__ = ["architectures", "assertion", "component", "fork", "ner", "readers", "tokenizer"]
