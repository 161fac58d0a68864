"""Everything registered with spaCy, in one import: the file given to `spacy train --code`."""

from scripts import architectures, callbacks, readers, recognizer, threads, tokenizer

__all__ = ["architectures", "callbacks", "readers", "recognizer", "threads", "tokenizer"]
