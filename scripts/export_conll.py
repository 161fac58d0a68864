"""Export a converted corpus as CoNLL text for other tools.

python -m scripts.export_conll corpus/sample exports/sample
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from scripts import cli
from scripts.docs import NOTE_ID, read_docs
from scripts.formats.conll import DOCSTART
from scripts.output import whole_folder
from scripts.scorers import iob_tag
from scripts.split import SPLITS


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder of a converted corpus")],
    output: Annotated[Path, typer.Argument(help="Folder for train.conll, dev.conll, test.conll")],
) -> None:
    """Write token and IOB2 tag a line, a blank line after each line of a note, -DOCSTART- before it."""
    vocab = spacy.blank("en").vocab
    with whole_folder(output) as folder:
        for split in SPLITS:
            docs = read_docs(corpus / f"{split}.spacy", vocab)
            with (folder / f"{split}.conll").open("w", encoding="utf8", newline="") as file:
                for doc in tqdm(docs, desc=f"Exporting {split}", unit="note"):
                    file.writelines(f"{row}\n" for row in rows(doc))
    msg.good(f"Exported {corpus} to {output}")


def rows(doc: Doc) -> Iterator[str]:
    """The lines of a note; blanks are no tokens here, and a line end inside an entity ends no sentence."""
    yield f"{DOCSTART} ({doc.user_data[NOTE_ID]})\tO"
    yield ""
    open_sentence = False
    for token in doc:
        if not token.is_space:
            yield f"{token.text}\t{iob_tag(token)}"
            open_sentence = True
        elif "\n" in token.text and token.ent_iob_ != "I" and open_sentence:
            yield ""
            open_sentence = False
    if open_sentence:
        yield ""


if __name__ == "__main__":
    cli.run(main)
