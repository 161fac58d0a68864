"""Choose the notes whose correction would teach a model most, and write them for brat, annotated by it.

python -m scripts.review en_medner_bert /data/notes review --notes 50

The same command goes on: it counts what is reviewed, asks for no note twice, and fills up what is open.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.note import DOUBTFUL
from scripts.corpus.texts import Columns, Failure, Text, read_texts


def main(
    model: Annotated[str, typer.Argument(help="Folder of a trained pipeline, or name of an installed one")],
    input: Annotated[Path, typer.Argument(help="Notes: .txt, .jsonl, .csv or .parquet file, archive, or folder")],
    output: Annotated[Path, typer.Argument(help="Folder for brat, in which notes are corrected, or to go on in")],
    notes: Annotated[int, typer.Option(help="How many notes are to be open for review", min=1)] = 50,
    text_column: Annotated[str, typer.Option(help="Column of the text in tables")] = "text",
    id_column: Annotated[str, typer.Option(help="Column of the ids; by default 'id', or row numbers")] = "",
    max_chars: Annotated[int, typer.Option(help="Longest note taken", min=1)] = 100_000,
    n_process: Annotated[int, typer.Option(help="Processes to compute with", min=1)] = 1,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Write the notes of INPUT that MODEL is least sure of into OUTPUT, doubtful mentions marked."""
    if input.is_dir() and output.resolve().is_relative_to(input.resolve()):
        raise InputError(f"{output} lies in {input}, whose notes are read: name a folder elsewhere.")
    # Imported here, so that --help does not wait for spaCy and torch
    from tqdm import tqdm

    from scripts.corpus.brat import brat_config
    from scripts.corpus.pipelines import check_confidence, load_pipeline
    from scripts.corpus.processes import annotate
    from scripts.review.folder import ReviewFolder
    from scripts.review.selection import choose, read_candidates, sign

    folder = ReviewFolder(output)
    reviewed, before = folder.count()
    if before >= notes:
        msg.info(
            f"{reviewed:,} notes in {output} are reviewed, {before:,} are open: correct these first, and take the mark"
            f" {DOUBTFUL} away from each mention that is right."
        )
        return
    columns, counts, unused = Columns(text_column, id_column, max_chars), Counter[str](), Counter[str]()
    next(read_texts(input, columns, unused))  # fails now if there are none, not after the pipeline is loaded

    def read_new() -> Iterator[Text | Failure]:
        for item in read_texts(input, columns, unused):
            counts["read"] += 1
            if isinstance(item, Text) and folder.is_asked(item.id):
                counts["asked"] += 1
            else:
                yield item

    cli.use_gpu(gpu)
    nlp = load_pipeline(model)
    check_confidence(nlp, "review with another one")
    candidates = []
    with tqdm(desc="Reading", unit="word", unit_scale=True) as bar:
        for found in read_candidates(nlp, read_new(), n_process, bar.update):
            if isinstance(found, Failure):
                counts["failed"] += 1
            else:
                candidates.append(found)
    choice = choose(candidates, notes - before, map(sign, folder.texts()))
    chosen = {candidate.id: candidate for candidate in choice.notes}
    msg.info(
        f"Read {counts['read']:,} notes: {counts['asked']:,} asked before, {counts['failed']:,} failed,"
        f" {choice.sure:,} without doubt, {choice.copies:,} near copies passed over"
    )
    if not chosen:
        raise InputError(f"No note of {input} is left to be reviewed.")
    folder.begin(brat_config(nlp, for_review=True))
    wanted = [item for item in read_texts(input, columns, Counter()) if isinstance(item, Text) and item.id in chosen]
    written = []
    for note, doc in annotate(nlp, wanted):
        if not isinstance(doc, Failure):
            found = chosen[note.id]
            line = {"errors": round(found.errors, 3), "mentions": found.mentions, "words": found.words}
            folder.add(note, doc, {"model": f"{nlp.meta['name']} {nlp.meta['version']}", **line})
            written.append(found)
    errors, words = (sum(getattr(each, name) for each in written) for name in ("errors", "words"))
    msg.good(
        f"Wrote {len(written):,} notes of {words:,} words to {output}; {errors:,.0f} of their mentions are expected to"
        f" be wrong. {reviewed:,} notes are reviewed, {before + len(written):,} open"
    )


if __name__ == "__main__":
    cli.run(main)
