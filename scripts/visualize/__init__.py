"""Test notes are drawn on one page, gold mentions above those of each model."""
