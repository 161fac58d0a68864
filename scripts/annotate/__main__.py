"""Annotate many notes with a trained pipeline, for brat, spaCy or other tools.

python -m scripts.annotate en_medner_bert /data/notes annotated --to brat
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from scripts import cli, functions  # noqa: F401  (registers our functions)
from scripts.annotate.processes import annotate, cut
from scripts.annotate.shards import ERRORS, Manifest, Totals, check_output, open_manifest
from scripts.annotate.writers import WRITERS, Writer, brat_config
from scripts.cli import InputError
from scripts.corpus.tables import TABLES
from scripts.corpus.texts import Columns, Failure, Text, fingerprint, read_texts
from scripts.evaluate.__main__ import count_words, load_model
from scripts.files import whole_file

SHARD_CHARS = 10_000_000  # a shard is kept in memory until it is whole


def main(
    model: Annotated[str, typer.Argument(help="Folder of a trained pipeline, or name of an installed one")],
    input: Annotated[Path, typer.Argument(help="Notes: .txt, .jsonl, .csv or .parquet file, archive, or folder")],
    output: Annotated[Path, typer.Argument(help="Folder to write to, or in which to go on")],
    to: Annotated[str, typer.Option(help=", ".join(WRITERS))],
    text_column: Annotated[str, typer.Option(help="Column of the text in tables")] = "text",
    id_column: Annotated[str, typer.Option(help="Column of the ids; by default 'id', or row numbers")] = "",
    max_chars: Annotated[int, typer.Option(help="Longest note taken")] = 5_000_000,
    shard_size: Annotated[int, typer.Option(help="Notes a shard; a killed run loses one shard at most")] = 1000,
    n_process: Annotated[int, typer.Option(help="Processes to compute with")] = 1,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
) -> None:
    """Annotate the notes of INPUT with MODEL into OUTPUT, in shards; after an end by force the same command goes on."""
    check_options(to, max_chars, shard_size, n_process, gpu)
    check_output(output, input)
    columns, unused = Columns(text_column, id_column, max_chars), Counter()
    items = _begin(read_texts(input, columns, unused), input)
    cli.use_gpu(gpu)
    nlp = load_pipeline(model)
    settings = {
        "input": str(input.resolve()),
        "input_sha256": fingerprint(input),
        **describe(nlp),
        "to": to,
        "text_column": text_column,
        "id_column": id_column,
        "max_chars": max_chars,
        "shard_size": shard_size,
    }
    with open_manifest(output, settings) as manifest:
        if manifest.finished:
            msg.info(f"Nothing is left to do: all notes of {input} are in {output}")
        else:
            if to == "brat":
                with whole_file(output / "annotation.conf") as path:
                    path.write_text(brat_config(nlp), encoding="utf8")
            annotate_rest(nlp, items, manifest, to, shard_size, n_process)
            tell_unused(unused)
        report(manifest)


def check_options(to: str, max_chars: int, shard_size: int, n_process: int, gpu: int) -> None:
    """RAISES (InputError): An option has a value that makes no sense."""
    if to not in WRITERS:
        raise InputError(f"No format is called '{to}': there are {', '.join(WRITERS)}.")
    if min(max_chars, shard_size, n_process) < 1:
        raise InputError("--max-chars, --shard-size and --n-process take numbers from 1.")
    if n_process > 1 and gpu >= 0:
        raise InputError("Several processes cannot share a GPU: leave --n-process or --gpu out.")


def load_pipeline(model: str) -> Language:
    """RAISES (InputError): There is no such pipeline, or it needs a library that is not there."""
    try:
        if Path(model).is_dir():
            return load_model(Path(model))
        nlp = spacy.load(model)
    except (OSError, ValueError, ImportError) as error:
        if not Path(model).exists() and not spacy.util.is_package(model):
            raise InputError(f"{model} is neither the folder of a trained pipeline nor an installed package.") from None
        raise InputError(f"{model} cannot be loaded: {type(error).__name__}") from None
    nlp.max_length = sys.maxsize
    return nlp


def describe(nlp: Language) -> dict[str, str]:
    """Which pipeline it is: its name and version, and a hash of its files."""
    name = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}"
    return {"model": name, "model_sha256": fingerprint(Path(nlp.path or ""))}


def annotate_rest(
    nlp: Language, items: Iterable[Text | Failure], manifest: Manifest, to: str, shard_size: int, n_process: int
) -> None:
    """Annotate what earlier runs have left, shard by shard.

    nlp (Language): The pipeline.
    items (Iterable[Text | Failure]): All notes of the source.
    manifest (Manifest): Says how many of them are done, and takes the others.
    to (str): A format of WRITERS.
    shard_size (int): Notes a shard.
    n_process (int): Number of processes.
    """
    rest = islice(items, manifest.totals.notes, None)
    with tqdm(desc="Annotating", unit="word", unit_scale=True) as bar:
        for shard in cut(rest, shard_size, SHARD_CHARS):
            writer = WRITERS[to]()
            failures, totals = [], Totals()
            for done in annotate_shard(nlp, shard, writer, n_process):
                failures.extend([done] if isinstance(done, Failure) else [])
                counts = Totals(notes=1, failed=1) if isinstance(done, Failure) else done
                totals = totals.plus(counts)
                bar.update(counts.words)
            manifest.commit(writer, failures, totals, [item.id for item in shard])
            bar.set_postfix(notes=manifest.totals.notes, failed=manifest.totals.failed)
    manifest.finish()


def annotate_shard(
    nlp: Language, shard: Sequence[Text | Failure], writer: Writer, n_process: int
) -> Iterator[Totals | Failure]:
    """Annotate the notes of a shard and hand them to the writer.

    YIELDS (Totals | Failure): Of each note in order its counts, or why it failed.
    """
    # Without the zone spaCy keeps every word that it has met.
    with nlp.memory_zone():
        results = annotate(nlp, [item for item in shard if isinstance(item, Text)], n_process)
        for item in shard:
            yield item if isinstance(item, Failure) else _write(writer, *next(results))


def _write(writer: Writer, note: Text, found: Doc | Failure) -> Totals | Failure:
    if isinstance(found, Failure):
        return found
    try:
        counts = Totals(1, 1, 0, len(found.ents), count_words([found]))
        writer.add(note, found)
    except Exception as error:
        return Failure(note.id, note.file, note.line, f"it cannot be written ({type(error).__name__})")
    return counts


def report(manifest: Manifest) -> None:
    """Tell how it went.

    RAISES (InputError): Not one note was annotated.
    """
    totals, errors = manifest.totals, manifest.folder / ERRORS
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in manifest.reasons().most_common(5))
    if not totals.annotated:
        raise InputError(f"None of {totals.notes:,} notes could be annotated ({reasons}): see {errors}.")
    if totals.failed:
        msg.warn(f"{totals.failed:,} notes failed ({reasons}): see {errors}")
    msg.good(
        f"Annotated {totals.annotated:,} of {totals.notes:,} notes: {totals.words:,} words, {totals.mentions:,}"
        f" mentions, see {manifest.folder}"
    )


def tell_unused(unused: Counter[str]) -> None:
    for suffix, count in sorted(unused.items()):
        msg.info(f"{count:,} {suffix} files are no notes")


def _begin(items: Iterator[Text | Failure], source: Path) -> Iterator[Text | Failure]:
    """The same notes, once it is sure that there are any, so that no output is begun for nothing."""
    first = next(items, None)
    if first is None:
        raise InputError(f"{source} holds no notes: no .txt, {', '.join(TABLES)} file in it, or empty ones.")
    return chain([first], items)


if __name__ == "__main__":
    cli.run(main)
