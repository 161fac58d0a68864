"""Annotate many notes with a trained pipeline, for brat, spaCy or other tools.

python -m scripts.annotate en_medner_bert /data/notes annotated --to brat
python -m scripts.annotate en_medner_bert hdfs:///notes hdfs:///annotated --to parquet --engine spark
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.annotate.run import Result, Run
from scripts.annotate.shards import ERRORS, MANIFEST, Manifest, check_output, open_manifest, verify_output
from scripts.archives import LIMITS, Limits, limits_of
from scripts.cli import InputError
from scripts.corpus.texts import Columns, Failure, Text, fingerprint, look_at, read_texts
from scripts.files import whole_file

FORMATS = ("brat", "jsonl", "conll", "spacy", "parquet")
SPARK_FORMATS = ("parquet", "jsonl")
SHARD = 1000
ENGINES = ("local", "spark")


def main(
    model: Annotated[str, typer.Argument(help="Folder of a trained pipeline, or name of an installed one")],
    input: Annotated[
        str, typer.Argument(help="Notes: .txt, .jsonl, .csv or .parquet file, archive, or folder; none with --table")
    ] = "",
    output: Annotated[str, typer.Argument(help="Folder to write to, or in which to go on")] = "",
    to: Annotated[str, typer.Option(help=", ".join(FORMATS))] = "",
    text_column: Annotated[str, typer.Option(help="Column of the text in tables")] = "text",
    id_column: Annotated[str, typer.Option(help="Column of the ids; by default 'id', or row numbers")] = "",
    max_chars: Annotated[int, typer.Option(help="Longest note taken")] = 5_000_000,
    shard_size: Annotated[int, typer.Option(help="Notes a shard; a killed run loses one shard at most")] = SHARD,
    n_process: Annotated[int, typer.Option(help="Processes to compute with")] = 1,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, -1 for the CPU")] = -1,
    min_confidence: Annotated[float, typer.Option(help="Leave out mentions that are less sure, of 0 to 1")] = 0.0,
    assertions: Annotated[bool, typer.Option("--assertions", help="Add a column of assertions to CoNLL")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all shards; alone with OUTPUT only check them")
    ] = False,
    engine: Annotated[str, typer.Option(help=", ".join(ENGINES))] = "local",
    master: Annotated[str, typer.Option(help="Spark's cluster; by default the cores of this machine")] = "",
    table: Annotated[str, typer.Option(help="With Spark: table to take the notes from, in place of INPUT")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="With Spark: annotate what OUTPUT lacks")] = False,
    max_unpacked: Annotated[
        int, typer.Option(help="MiB that an archive or .parquet inside an archive may have")
    ] = LIMITS.unpacked // 2**20,
    max_ratio: Annotated[int, typer.Option(help="How many times its packed size it may have")] = LIMITS.ratio,
) -> None:
    """Annotate the notes of INPUT with MODEL into OUTPUT, in shards; after an end by force the same command goes on."""
    if verify and not input:
        report_verified(Path(model))
        return
    if table and not output:
        input, output = "", input
    if bool(input) == bool(table) or not output or not to:
        raise InputError(f"Give MODEL, INPUT, OUTPUT, and --to with one of {', '.join(FORMATS)}.")
    check_options(to, max_chars, shard_size, n_process, gpu, min_confidence)
    check_assertions(to, assertions)
    limits = limits_of(max_unpacked, max_ratio)
    of_local = {
        "--n-process": n_process > 1,
        "--gpu": gpu >= 0,
        "--shard-size": shard_size != SHARD,
        "--verify": verify,
        "--max-unpacked or --max-ratio": limits != LIMITS,
    }
    of_spark = {"--master": bool(master), "--table": bool(table), "--resume": resume}
    check_engine(engine, to, of_local, of_spark)
    run = Run(model, input, output, to, Columns(text_column, id_column, max_chars), min_confidence)
    if engine == "spark":
        from scripts.annotate.spark.run import annotate_on_spark

        done = annotate_on_spark(run, master, table, resume)
        report_unused(done.unused)
        report(done.result, run, f"the column failure of {run.output}")
    else:
        annotate_here(run, shard_size, n_process, gpu, assertions, verify, limits)


def annotate_here(
    run: Run, shard_size: int, n_process: int, gpu: int, assertions: bool, verify: bool, limits: Limits
) -> None:
    """Annotate on this machine."""
    input, output = Path(run.input), Path(run.output)
    check_output(output, input)
    unused, before = Counter(), look_at(input)
    items = begin(read_texts(input, run.columns, unused, limits))
    # Imported here, so that --help does not wait for spaCy and torch.
    from scripts.annotate.annotation import annotate_rest, describe
    from scripts.corpus.brat import brat_config
    from scripts.corpus.pipelines import check_confidence, load_pipeline
    from scripts.corpus.writers import WRITERS

    cli.use_gpu(gpu)
    nlp = load_pipeline(run.model)
    if run.min_confidence:
        check_confidence(nlp, f"leave --min-confidence {run.min_confidence:g} out")
    settings = {
        "input": str(input.resolve()),
        "input_sha256": fingerprint(input),
        **describe(nlp),
        **run.settings(),
        "shard_size": shard_size,
        "assertions": assertions,
        "limits": list(limits),
    }
    with open_manifest(output, settings, verify) as manifest:
        report_damaged(manifest)
        if manifest.finished:
            msg.info(f"Nothing is left to do: all notes of {input} are in {output}")
        else:
            if run.to == "brat":
                with whole_file(output / "annotation.conf") as path:
                    path.write_text(brat_config(nlp), encoding="utf8")
            writer = partial(WRITERS[run.to], assertions=True) if assertions else WRITERS[run.to]
            is_changed = partial(was_changed, input, before, settings["input_sha256"])
            annotate_rest(nlp, items, manifest, writer, shard_size, n_process, run.min_confidence, is_changed)
            report_unused(unused)
        if manifest.input_changed:
            msg.warn(f"{input} was changed meanwhile, and its notes taken as they were when read: annotate it anew")
        report(Result(manifest.totals, manifest.reasons()), run, str(manifest.folder / ERRORS))


def was_changed(input: Path, before: str, sha256: str) -> bool:
    """Whether a source is not as it was, by `look_at`; only if it does not look so is it read again."""
    return look_at(input) != before and fingerprint(input) != sha256


def check_options(to: str, max_chars: int, shard_size: int, n_process: int, gpu: int, min_confidence: float) -> None:
    """RAISES (InputError): An option has a value that makes no sense."""
    if to not in FORMATS:
        raise InputError(f"No format is called '{to}': there are {', '.join(FORMATS)}.")
    if min(max_chars, shard_size, n_process) < 1:
        raise InputError("--max-chars, --shard-size and --n-process take numbers from 1.")
    if n_process > 1 and gpu >= 0:
        raise InputError("Several processes cannot share a GPU: leave --n-process or --gpu out.")
    if not 0 <= min_confidence <= 1:
        raise InputError(f"--min-confidence {min_confidence:g} is no confidence: give a number from 0 to 1.")


def check_engine(engine: str, to: str, local: dict[str, bool], spark: dict[str, bool]) -> None:
    """RAISES (InputError): There is no such engine, or it does not take an option or a format.

    local, spark (dict[str, bool]): The options that only one of them takes, and whether they are given.
    """
    if engine not in ENGINES:
        raise InputError(f"No engine is called '{engine}': there are {', '.join(ENGINES)}.")
    other, others = ("local", local) if engine == "spark" else ("spark", spark)
    wrong = [option for option, given in others.items() if given]
    if wrong:
        raise InputError(f"{wrong[0]} is for --engine {other}: leave it out, or name that.")
    if engine == "spark" and to not in SPARK_FORMATS:
        raise InputError(f"Spark writes {' and '.join(SPARK_FORMATS)}, not {to}: give one of these with --to.")


def check_assertions(to: str, assertions: bool) -> None:
    """RAISES (InputError): A format that has no such column is asked for one."""
    if assertions and to != "conll":
        raise InputError(f"--assertions adds a column to conll; {to} holds assertions without it: leave it out.")


def begin(items: Iterator[Text | Failure]) -> Iterator[Text | Failure]:
    """The same notes, once it is sure that there are any, so that no output is begun for nothing.

    RAISES (InputError): There are none.
    """
    return chain([next(items)], items)


def report_verified(folder: Path) -> None:
    """Say that all shards are whole."""
    manifest = verify_output(folder)
    totals = manifest.totals
    msg.good(f"All {manifest.shards:,} shards of {folder} are as they were written: {totals.notes:,} notes")


def report_damaged(manifest: Manifest) -> None:
    """Say what of an earlier run is done again."""
    if manifest.damaged or manifest.dropped:
        msg.warn(
            f"Not as they were written are {len(manifest.damaged):,} shards and {manifest.dropped:,} lines of"
            f" {manifest.folder / MANIFEST}: their notes are annotated again"
        )


def report_unused(unused: Counter[str]) -> None:
    for suffix, count in sorted(unused.items()):
        msg.info(f"{count:,} {suffix} files are no notes")


def report(result: Result, run: Run, failures: str) -> None:
    """Say how it went.

    failures (str): Where they are told.
    RAISES (InputError): Not one note was annotated.
    """
    totals = result.totals
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in result.reasons.most_common(5))
    if not totals.annotated:
        raise InputError(f"None of {totals.notes:,} notes could be annotated ({reasons}): see {failures}.")
    if totals.failed:
        msg.warn(f"{totals.failed:,} notes failed ({reasons}): see {failures}")
    if run.min_confidence and totals.unrated:
        msg.warn(f"{totals.unrated:,} of the mentions written have no confidence, and were not held back")
    if totals.left_out:
        msg.info(f"{totals.left_out:,} of {totals.mentions:,} mentions are less sure, and left out")
    msg.good(
        f"Annotated {totals.annotated:,} of {totals.notes:,} notes: {totals.words:,} words, {totals.written:,}"
        f" mentions, see {run.output}"
    )


if __name__ == "__main__":
    cli.run(main)
