"""Export a converted corpus for other tools: as CoNLL text, brat pairs, JSON Lines, or i2b2 concepts.

python -m scripts.export corpus/sample exports/sample --to brat
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.split import SPLITS
from scripts.files import whole_folder

FORMATS = ("conll", "brat", "jsonl", "con")


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    output: Annotated[Path, typer.Argument(help="Folder for a file or a folder of each part")],
    to: Annotated[str, typer.Option(help=", ".join(FORMATS))] = FORMATS[0],
    assertions: Annotated[bool, typer.Option("--assertions", help="Of conll: a column of the assertions")] = False,
) -> None:
    """Write the parts of CORPUS in another format, and say what that cannot hold."""
    check_options(to, assertions)
    # Imported here, so that --help does not wait for spaCy and torch.
    import spacy
    from tqdm import tqdm

    from scripts.corpus.docs import read_docs
    from scripts.export.parts import write_config, write_part

    vocab, losses, docs = spacy.blank("en").vocab, Counter[str](), []
    with whole_folder(output) as folder:
        for split in SPLITS:
            part = read_docs(corpus / f"{split}.spacy", vocab)
            bar = tqdm(part, desc=f"Exporting {split}", unit="note")
            losses += write_part(bar, folder / split, to, assertions)
            docs += part if to == "brat" else []
        if docs:
            write_config(docs, folder)
    for what, count in losses.items():
        msg.warn(f"{count:,} {what}: {to} cannot hold them")
    msg.good(f"Exported {corpus} to {output}")


def check_options(to: str, assertions: bool) -> None:
    """RAISES (InputError): There is no such format, or it has no column of assertions."""
    if to not in FORMATS:
        raise InputError(f"No format is called '{to}': there are {', '.join(FORMATS)}.")
    if assertions and to != "conll":
        raise InputError(f"--assertions adds a column to conll; {to} holds assertions without it: leave it out.")


if __name__ == "__main__":
    cli.run(main)
