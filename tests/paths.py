"""Where the project is, and what a developer may have beside it."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"  # open corpora and samples; a user of the project has none
