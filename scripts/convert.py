"""Convert a corpus: notes in their own format become train, dev and test parts of spaCy Docs.

python -m scripts.convert sample assets corpus/sample
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from spacy.tokens import DocBin
from tqdm import tqdm
from wasabi import msg

from scripts import cli
from scripts.corpora import CORPORA, check_labels, read_corpus
from scripts.docs import DOCBIN_ATTRS, create_nlp, to_doc
from scripts.formats import FORMATS, detect
from scripts.formats.files import File
from scripts.ledger import Ledger, where
from scripts.note import InputError, Note
from scripts.output import whole_folder
from scripts.split import SPLITS, assign


def main(
    corpus: Annotated[str, typer.Argument(help=f"{', '.join(CORPORA)}, or a name for other notes")],
    source: Annotated[Path, typer.Argument(help="The assets folder; for other notes their folder or archive")],
    output: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy, conversion.json")],
    format: Annotated[str, typer.Option(help=f"auto, {', '.join(FORMATS)}")] = "auto",
    max_dropped: Annotated[float, typer.Option(help="Fail if more annotations are dropped, in %")] = 1.0,
    skip_unpaired: Annotated[bool, typer.Option(help="Leave files without a partner out")] = False,
) -> None:
    """Convert CORPUS to spaCy's format, with a ledger in which every annotation is accounted for."""
    check_name(corpus)
    files = read_corpus(corpus, source)
    format = _format(corpus, format, files)
    notes = assign(_read_notes(corpus, format, files, skip_unpaired))
    counts = _file_counts(files, notes)
    with whole_folder(output) as folder:
        ledger = _write_docs(notes, folder)
        ledger.report()
        for suffix, count in counts["unused_files"].items():
            msg.info(f"{count:,} {suffix} files are no part of a note")
        _check_dropped(ledger, max_dropped)
        header = {"corpus": corpus, "format": format, **counts}
        srsly.write_json(folder / "conversion.json", {**header, **ledger.to_json()})
    msg.good(f"Converted {len(notes):,} notes of {corpus} to {output}")


def check_name(corpus: str) -> None:
    """RAISES (InputError): The name would lead out of the folders that are named after it."""
    if not corpus or "/" in corpus or "\\" in corpus or corpus.startswith("."):
        raise InputError(
            f"'{corpus}' cannot name a corpus: give your notes a plain name with --vars.corpus and"
            " their folder with --vars.source."
        )


def _format(corpus: str, format: str, files: Sequence[File]) -> str:
    if format != "auto" and format not in FORMATS:
        raise InputError(f"No format is called '{format}': there are auto, {', '.join(FORMATS)}.")
    if format != "auto":
        return format
    return CORPORA[corpus].format if corpus in CORPORA else detect(files)


def _read_notes(corpus: str, format: str, files: Sequence[File], skip_unpaired: bool) -> list[Note]:
    notes = list(FORMATS[format].read(files, skip_unpaired))
    if not notes:
        raise InputError(f"The corpus is empty: no notes in {format} format in it.")
    seen: dict[str, str] = {}
    for note in notes:
        if note.id in seen:
            raise InputError(f"{seen[note.id]} and {note.file} both hold a note '{note.id}': rename one.")
        seen[note.id] = note.file
    if corpus in CORPORA:
        return [check_labels(note, CORPORA[corpus].labels) for note in notes]
    return notes


def _write_docs(notes: Sequence[Note], folder: Path) -> Ledger:
    nlp, ledger = create_nlp(), Ledger()
    bins = {split: DocBin(attrs=DOCBIN_ATTRS, store_user_data=True) for split in SPLITS}
    for note in tqdm(notes, desc="Converting", unit="note"):
        conversion = to_doc(nlp, note)
        bins[note.split].add(conversion.doc)
        ledger.add(note, conversion)
    for split, docs in bins.items():
        docs.to_disk(folder / f"{split}.spacy")
    return ledger


def _check_dropped(ledger: Ledger, limit: float) -> None:
    share = 100 * ledger.dropped / max(ledger.read, 1)
    if share > limit:
        first = next(problem for _, problem in ledger.problems if problem.dropped)
        raise InputError(
            f"{ledger.dropped:,} of {ledger.read:,} annotations ({share:.1f} %) would be dropped, the"
            f" first ({first.kind}) in {where(first)}: mend them, or raise --max-dropped ({limit:g} %)."
        )


def _file_counts(files: Sequence[File], notes: Sequence[Note]) -> dict[str, Any]:
    """How many files were read, and by suffix those that no note came from."""
    used = {path for note in notes for path in (note.file, note.text_file)}
    unused = Counter(file.path.suffix or "(none)" for file in files if str(file.path) not in used)
    return {"files": len(files), "unused_files": dict(sorted(unused.items()))}


if __name__ == "__main__":
    cli.run(main)
