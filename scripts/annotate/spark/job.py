"""A run on Spark: the rows of a source are read and counted, those that are no notes are written as failures, the
others are annotated. Each is in the output once, however often workers, or the run, were ended and begun again.
"""

from collections import Counter
from typing import NamedTuple

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.cloudpickle import register_pickle_by_value
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

import scripts
from scripts.annotate.run import Result
from scripts.annotate.shards import Totals
from scripts.annotate.spark.output import Output
from scripts.annotate.spark.rows import NOTES, read_notes
from scripts.annotate.spark.source import Source
from scripts.annotate.spark.worker import COUNTS, OUTPUT, annotate_notes
from scripts.cli import InputError
from scripts.corpus.texts import DOUBLE

PART_CHARS = 1_000_000  # of a partition, where notes are dealt out anew
FEWEST_PARTS, MOST_PARTS = 4, 20_000  # the first for each core
PLACE = ("file", "block", "position")  # by which rows are in order
SENT_TO_ALL = 1_000_000  # ids that every worker can keep in memory


class Survey(NamedTuple):
    """How many rows a source has, and what the largest partition of Spark's is.

    rows, notes (int): All of them, and those that are notes.
    chars, largest (int): Length of the notes, and of those in the largest partition.
    """

    rows: int
    notes: int
    chars: int
    largest: int


class Parts(NamedTuple):
    """How many partitions there should be, and whether those that there are would keep cores idle."""

    number: int
    uneven: bool


def annotate_source(
    source: Source, output: Output, model: str, described: dict[str, str], min_confidence: float
) -> Result:
    """Annotate what the output does not have yet.

    source (Source): The notes.
    output (Output): Begun, or gone on with.
    model, described, min_confidence: As for `annotate_notes`.
    RAISES (InputError): There is no note, or in the end not each row of the source is in the output once.
    """
    register_pickle_by_value(scripts)  # workers have none of our modules
    kind, columns, root = source.kind, source.columns, source.root
    read = source.rows.mapInArrow(lambda rows: read_notes(rows, kind, columns, root), to_schema(NOTES))
    keys = read.drop("text").persist(StorageLevel.DISK_ONLY)
    survey = survey_notes(keys)
    if not survey.rows:
        raise InputError("There are no notes: the files are empty.")
    parts = choose_parts(survey, keys.sparkSession.sparkContext.defaultParallelism)
    keys.sparkSession.conf.set("spark.sql.shuffle.partitions", parts.number)
    doubles = find_doubles(keys).persist(StorageLevel.DISK_ONLY)
    failures = keys.where("reason is not null").unionAll(doubles)
    done = output.read()
    if failures.head(1) and not done.where("failure is not null and counts is null").head(1):
        output.add(to_rows(failures))
    notes = take_first(read.where("reason is null"), doubles.select("id").distinct())
    notes = leave_out(notes, done.where("counts is not null").select("id"))
    notes = notes.repartition(parts.number) if parts.uneven else notes
    output.add(notes.mapInArrow(lambda rows: annotate_notes(rows, model, described, min_confidence), output.schema))
    result = count_output(output)
    check_output(output, result, survey)
    output.finish()
    return result


def check_output(output: Output, result: Result, survey: Survey) -> None:
    """RAISES (InputError): Not each row of the source is in the output once."""
    ids = output.read().where("counts is not null").select("id")
    twice = ids.count() - ids.distinct().count()
    if result.totals.notes != survey.rows or twice:
        raise InputError(
            f"{output.path} has {result.totals.notes:,} notes, {twice:,} of them twice, but there are {survey.rows:,}:"
            " another run wrote to it, or the notes were changed meanwhile; name a new folder."
        )


def survey_notes(keys: DataFrame) -> Survey:
    """Count rows as `NOTES` has them, but for the texts."""
    counted = (F.count("*"), F.count("chars"), F.coalesce(F.sum("chars"), F.lit(0)))
    parts = [tuple(row)[1:] for row in keys.groupBy(F.spark_partition_id()).agg(*counted).collect()]
    rows, notes, chars = (sum(numbers) for numbers in zip(*parts, strict=True)) if parts else (0, 0, 0)
    return Survey(rows, notes, chars, max((chars for *_, chars in parts), default=0))


def choose_parts(survey: Survey, cores: int) -> Parts:
    """Into how many partitions notes are dealt out, and whether they have to be, as Spark's would keep cores idle."""
    fewest = cores * FEWEST_PARTS
    return Parts(max(fewest, min(survey.chars // PART_CHARS, MOST_PARTS)), survey.largest * fewest > survey.chars)


def find_doubles(keys: DataFrame) -> DataFrame:
    """The rows whose id an earlier note has, each with that as its reason."""
    place = F.struct(*PLACE)
    notes = keys.where("reason is null")
    first = notes.groupBy("id").agg(F.count("*").alias("count"), F.min(place).alias("first")).where("count > 1")
    later = notes.join(first, "id").where(place != F.col("first"))
    return later.select(*keys.columns).withColumn("reason", F.lit(DOUBLE))


def take_first(notes: DataFrame, ids: DataFrame) -> DataFrame:
    """Id, text and file of each note, and of those with one of some ids the first, as Spark has them this time."""
    columns = ("id", "text", "file")
    single = leave_out(notes, ids)
    if single is notes:
        return notes.select(*columns)
    place = F.struct(*PLACE)
    several = notes.join(ids, "id", "left_semi").groupBy("id")
    first = several.agg(F.min_by(F.struct("text", "file"), place).alias("first")).select(
        "id", "first.text", "first.file"
    )
    return single.select(*columns).unionAll(first)


def leave_out(notes: DataFrame, others: DataFrame) -> DataFrame:
    """The notes without those of others, known by id; if these are not too many, no text moves for it."""
    number = others.count()
    if not number:
        return notes
    return notes.join(F.broadcast(others) if number <= SENT_TO_ALL else others, "id", "left_anti")


def to_rows(failures: DataFrame) -> DataFrame:
    """Rows that are no notes as rows of the output, in one partition, so that all of them are there, or none."""
    wanted = to_schema(OUTPUT)
    why = F.struct(F.col("reason"), F.lit("").alias("at"), F.col("file"))
    known = {"id": F.col("id"), "failure": why}
    columns = [known.get(each.name, F.lit(None)).cast(each.dataType).alias(each.name) for each in wanted]
    return failures.select(*columns).repartition(1)


def count_output(output: Output) -> Result:
    """What is in the output."""
    sums = [F.coalesce(F.sum(f"counts.{name}"), F.lit(0)).alias(name) for name in COUNTS]
    grouped = output.read().groupBy("failure.reason").agg(F.count("*").alias("notes"), *sums).collect()
    totals, reasons = Totals(), Counter()
    for row in map(Row.asDict, grouped):
        reason, notes = row.pop("reason"), row["notes"]
        totals = totals.plus(Totals(annotated=0 if reason else notes, failed=notes if reason else 0, **row))
        reasons.update({reason: notes} if reason else {})
    return Result(totals, reasons)


def to_schema(schema: pa.Schema) -> StructType:
    return from_arrow_schema(schema)
