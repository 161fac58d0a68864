"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts import readers, threads, tokenizer

__all__ = ["readers", "threads", "tokenizer"]
