"""Draw test notes with displaCy: the gold mentions above those that each model predicted, on one page.

python -m scripts.visualize corpus/sample/test.spacy metrics/sample/notes.html \
    metrics/sample/bert.spacy metrics/sample/albert.spacy

The page shows text of notes, which is its purpose.
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.terms import CONVERSION, read_terms
from scripts.files import whole_file
from scripts.visualize.server import serve_page


def main(
    gold: Annotated[Path, typer.Argument(help="The gold notes, .spacy")],
    output: Annotated[Path, typer.Argument(help="The page to write, .html")],
    predicted: Annotated[list[Path], typer.Argument(help="Notes that `evaluate` predicted, .spacy, one file a model")],
    notes: Annotated[int, typer.Option(help="How many notes to draw, the first by id")] = 5,
    serve: Annotated[bool, typer.Option("--serve", help="Show the page on this machine until Ctrl-C")] = False,
    port: Annotated[int, typer.Option(help="Port for --serve, 0 for any that is free")] = 5000,
) -> None:
    """Draw the first notes of GOLD above what each model PREDICTED, and write the page."""
    # Imported here, so that --help does not wait for spaCy and torch
    from scripts.pages.passages import read_sides
    from scripts.visualize.page import render_page

    if notes < 1:
        raise InputError(f"--notes {notes} would draw nothing: give 1 or more.")
    if output.suffix != ".html":
        raise InputError(f"{output} is no .html file: name the page to write before the predicted notes.")
    page = render_page(corpus_name(gold), read_sides(gold, predicted), notes)
    with whole_file(output) as path:
        path.write_text(page, encoding="utf8")
    msg.good(f"Wrote {output}, which holds text of notes")
    if serve:
        serve_page(page.encode("utf8"), port)


def corpus_name(gold: Path) -> str:
    """What the corpus of a .spacy file is called: as `convert` stated it beside the file, else like its folder."""
    folder = gold.resolve().parent
    return read_terms(folder).corpus if (folder / CONVERSION).exists() else folder.name


if __name__ == "__main__":
    cli.run(main)
