"""Evaluated models are compared: whether a difference is real, and what goes wrong, in one report to read."""
