"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts import architectures, readers, threads, tokenizer

__all__ = ["architectures", "readers", "threads", "tokenizer"]
