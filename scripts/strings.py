"""The string store of a saved pipeline: spaCy adds every token that it reads, so the training notes' words as well."""

from pathlib import Path
from typing import Any

import srsly

from scripts.docs import create_nlp
from scripts.output import whole_file


def reset_strings(pipeline: Path) -> None:
    """Leave only the strings that a saved pipeline needs: its labels and those of an empty one.

    pipeline (Path): A folder that `nlp.to_disk` wrote, with our tokenizer.
    """
    labels: Any = srsly.read_json(pipeline / "meta.json")["labels"]  # type: ignore[index]
    needed = {*create_nlp().vocab.strings, *(label for of_component in labels.values() for label in of_component)}
    with whole_file(pipeline / "vocab" / "strings.json") as path:
        srsly.write_json(path, sorted(needed))
