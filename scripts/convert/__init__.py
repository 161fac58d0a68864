"""Annotated notes in their own format become train, dev and test parts of spaCy Docs, with a ledger."""
