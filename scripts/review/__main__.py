"""Choose the notes whose correction would teach a model most, and write them for brat, annotated by it.

python -m scripts.review en_medner_bert /data/notes review --notes 50

The same command goes on: it counts what is reviewed, asks for no note twice, and fills up what is open.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.note import TO_REVIEW
from scripts.corpus.texts import Columns, Failure, Text, read_texts
from scripts.files import locked

if TYPE_CHECKING:
    from spacy.language import Language

    from scripts.review.folder import ReviewFolder


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
    from scripts.corpus.pipelines import check_confidence, load_pipeline
    from scripts.review.folder import ReviewFolder

    columns = Columns(text_column, id_column, max_chars)
    next(read_texts(input, columns, Counter()))  # fails now if there are none, not after the pipeline is loaded
    ReviewFolder(output)  # the same
    cli.use_gpu(gpu)
    nlp = load_pipeline(model)
    check_confidence(nlp, "review with another one")
    output.mkdir(parents=True, exist_ok=True)
    with locked(output):
        fill(nlp, lambda: read_texts(input, columns, Counter()), ReviewFolder(output), notes, n_process)


def fill(
    nlp: "Language",
    read: Callable[[], Iterator[Text | Failure]],
    folder: "ReviewFolder",
    number: int,
    n_process: int,
) -> None:
    """Fill a folder up to a number of open notes.

    read (Callable[[], Iterator[Text | Failure]]): Reads all notes from the first on.
    RAISES (InputError): There is none to add.
    """
    from tqdm import tqdm

    from scripts.corpus.brat import brat_config
    from scripts.corpus.failures import failure_of
    from scripts.corpus.processes import annotate
    from scripts.review.folder import CONFIG
    from scripts.review.selection import choose, read_candidates, sign

    reviewed, before = folder.count()
    if before >= number:
        msg.info(
            f"{reviewed:,} notes in {folder.folder} are reviewed, {before:,} are open: correct these first, and take"
            f" the mark {TO_REVIEW} away from each mention that is right."
        )
        return
    counts = Counter[str]()

    def read_new() -> Iterator[Text | Failure]:
        for item in read():
            counts["read"] += 1
            if isinstance(item, Text) and folder.is_asked(item.text):
                counts["asked"] += 1
            else:
                yield item

    candidates, failures = [], []
    with tqdm(desc="Reading", unit="word", unit_scale=True) as bar:
        for found in read_candidates(nlp, read_new(), n_process, bar.update):
            (failures if isinstance(found, Failure) else candidates).append(found)
    choice = choose(candidates, number - before, map(sign, folder.texts()))
    chosen = {candidate.id: candidate for candidate in choice.notes}
    msg.info(
        f"Read {counts['read']:,} notes: {counts['asked']:,} asked before, {len(failures):,} failed,"
        f" {choice.sure:,} without doubt, {choice.copies:,} near copies passed over"
    )
    if choice.unrated:
        msg.warn(f"{choice.unrated:,} notes are passed over, for none of their mentions has a confidence")
    lacking = folder.begin(brat_config(nlp, for_review=True)) if chosen else []
    if lacking:
        msg.warn(f"The {CONFIG} that is there lacks what this pipeline gives: {', '.join(lacking)}")
    written = []
    wanted = [item for item in read() if isinstance(item, Text) and item.id in chosen] if chosen else []
    for note, doc in annotate(nlp, wanted):
        found = chosen[note.id]
        line = {"errors": round(found.errors, 3), "mentions": found.mentions, "words": found.words}
        try:
            if isinstance(doc, Failure):
                failures.append(doc)
            else:
                folder.add(note, doc, {"model": f"{nlp.meta['name']} {nlp.meta['version']}", **line})
                written.append(found)
        except ValueError as error:
            failures.append(failure_of(note, "it cannot be written", error))
    for (reason, file), times in Counter((failure.reason, failure.file) for failure in failures).most_common(5):
        msg.warn(f"{times:,} x {reason}, in {file}")
    if not written:
        raise InputError("No note is left to be reviewed.")
    errors, words = (sum(getattr(each, name) for each in written) for name in ("errors", "words"))
    msg.good(
        f"Wrote {len(written):,} notes of {words:,} words to {folder.folder}; {errors:,.0f} of their mentions are"
        f" expected to be wrong. {reviewed:,} notes are reviewed, {before + len(written):,} open"
    )


if __name__ == "__main__":
    cli.run(main)
