"""Unannotated notes chosen for a person to correct: those that would teach a model most, annotated by it already."""
