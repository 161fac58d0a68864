"""What every stage speaks of: notes, their parts and terms, Docs and pipelines."""
