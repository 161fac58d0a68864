"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts import readers, tokenizer

__all__ = ["readers", "tokenizer"]
