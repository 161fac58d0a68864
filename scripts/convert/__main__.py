"""Convert a corpus: notes in their own format become train, dev and test parts of spaCy Docs.

python -m scripts.convert sample assets corpus/sample
"""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.archives import LIMITS, limits_of
from scripts.convert.copies import divide, say_unstated
from scripts.convert.formats import FORMATS
from scripts.convert.formats.columns import Choice
from scripts.convert.source import (
    check_kind,
    choose_annotations,
    choose_format,
    count_files,
    leave_out_unreviewed,
    read_notes,
)
from scripts.corpus.corpora import CORPORA, check_name, read_corpus
from scripts.corpus.terms import terms_of
from scripts.files import whole_folder


def main(
    corpus: Annotated[str, typer.Argument(help=f"{', '.join(CORPORA)}, or a name for other notes")],
    source: Annotated[Path, typer.Argument(help="The assets folder; for other notes their folder or archive")],
    output: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy, conversion.json")],
    format: Annotated[str, typer.Option(help=f"auto, {', '.join(FORMATS)}")] = "auto",
    max_dropped: Annotated[float, typer.Option(help="Fail if more annotations are dropped, in %")] = 1.0,
    labels: Annotated[str, typer.Option(help="type or group, where a format has both")] = "",
    skip_unpaired: Annotated[bool, typer.Option(help="Leave files without a partner out")] = False,
    token_column: Annotated[str, typer.Option(help="Column of the tokens in CoNLL text: number or name")] = "",
    tag_column: Annotated[str, typer.Option(help="Column of the tags in CoNLL text: number or name")] = "",
    annotations: Annotated[str, typer.Option(help="Folder to take, of several that annotate the same texts")] = "",
    drop_copies: Annotated[bool, typer.Option(help="Leave train texts out that dev or test have, too")] = False,
    max_unpacked: Annotated[int, typer.Option(help="MiB of archives that may be unpacked")] = LIMITS.unpacked // 2**20,
    max_ratio: Annotated[int, typer.Option(help="How many times its size a packed file may have")] = LIMITS.ratio,
) -> None:
    """Convert CORPUS to spaCy's format, with a ledger in which every annotation is accounted for."""
    # Imported here, so that --help does not wait for spaCy and torch
    from scripts.convert.docbins import write_docbins

    check_name(corpus)
    files = read_corpus(corpus, source, limits_of(max_unpacked, max_ratio))
    format = choose_format(corpus, format, files)
    chosen = choose_annotations(format, files, annotations)
    read = read_notes(corpus, format, chosen, skip_unpaired, labels, Choice(token_column, tag_column))
    check_kind(read, max_dropped)
    reviewed = leave_out_unreviewed(read)
    notes, copies = divide(reviewed, drop_copies)
    counts = {**count_files(files, read), "unreviewed": len(read) - len(reviewed), "unit": copies.unit}
    with whole_folder(output) as folder:
        ledger = write_docbins(notes, folder)
        ledger.report()
        copies.report()
        if unstated := say_unstated(reviewed):
            msg.info(unstated)
        if counts["unreviewed"]:
            msg.warn(f"{counts['unreviewed']:,} notes are left out, for they have mentions marked ToReview")
        for suffix, count in counts["unused_files"].items():
            msg.info(f"{count:,} {suffix} files are no part of a note")
        ledger.check_dropped(max_dropped)
        ledger.write(
            folder, {**terms_of(corpus, source)._asdict(), "format": format, **counts, "copies": copies.to_json()}
        )
    msg.good(f"Converted {len(notes):,} {copies.unit}s of {corpus} to {output}")


if __name__ == "__main__":
    cli.run(main)
