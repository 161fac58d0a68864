"""What a run is asked to do, and what came of it, whatever engine does it."""

from collections import Counter
from typing import Any, NamedTuple

from scripts.annotate.shards import Totals
from scripts.corpus.tables import Columns


class Run(NamedTuple):
    """What notes are annotated with, and into what.

    model (str): Folder or name of a pipeline.
    input, output (str): Where notes come from and go to.
    to (str): The format to write.
    columns (Columns): What to take of tables.
    min_confidence (float): Mentions that are less sure are left out; those without a confidence are not.
    """

    model: str
    input: str
    output: str
    to: str
    columns: Columns
    min_confidence: float

    def settings(self) -> dict[str, Any]:
        """What the output depends on, beside the notes and the pipeline."""
        return {
            "to": self.to,
            "text_column": self.columns.text,
            "id_column": self.columns.id,
            "max_chars": self.columns.max_chars,
            "min_confidence": repr(self.min_confidence),  # srsly reads 0.95 as another number
        }


class Result(NamedTuple):
    """What is in the output.

    totals (Totals): The counts.
    reasons (Counter[str]): Why how many notes failed.
    """

    totals: Totals
    reasons: Counter[str]
