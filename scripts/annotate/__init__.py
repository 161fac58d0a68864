"""Notes in bulk are annotated into files for brat, spaCy and other tools."""
