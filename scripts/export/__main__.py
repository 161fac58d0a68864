"""Export a converted corpus as CoNLL text for other tools.

python -m scripts.export corpus/sample exports/sample
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.corpus.conll import rows
from scripts.corpus.split import SPLITS
from scripts.files import whole_folder


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    output: Annotated[Path, typer.Argument(help="Folder for train.conll, dev.conll, test.conll")],
    assertions: Annotated[bool, typer.Option("--assertions", help="Add a column of the mentions' assertions")] = False,
) -> None:
    """Write token and IOB2 tag a line, a blank line after each line of a note, -DOCSTART- before it."""
    # Imported here, so that --help does not wait for spaCy and torch.
    import spacy
    from tqdm import tqdm

    from scripts.corpus.docs import NOTE_ID, read_docs

    vocab = spacy.blank("en").vocab
    with whole_folder(output) as folder:
        for split in SPLITS:
            docs = read_docs(corpus / f"{split}.spacy", vocab)
            with (folder / f"{split}.conll").open("w", encoding="utf8", newline="") as file:
                for doc in tqdm(docs, desc=f"Exporting {split}", unit="note"):
                    file.writelines(f"{row}\n" for row in rows(doc, doc.user_data[NOTE_ID], assertions))
    msg.good(f"Exported {corpus} to {output}")


if __name__ == "__main__":
    cli.run(main)
