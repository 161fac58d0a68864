"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts.runtime import architectures, fork, ner, stream, tokenizer
from scripts.train import readers

__all__ = ["architectures", "fork", "ner", "readers", "stream", "tokenizer"]
