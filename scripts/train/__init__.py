"""BERT or ALBERT is fine-tuned on the converted notes by spaCy's own training."""
