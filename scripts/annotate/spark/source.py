"""The rows of a source as Spark reads them, bytes as they are stored: text that is not UTF-8 is not mended silently."""

from collections import Counter
from pathlib import PurePosixPath
from typing import NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType
from wasabi import msg

from scripts.annotate.spark.hadoop import Files
from scripts.cli import InputError
from scripts.corpus.tables import BOM, DELIMITERS, Columns, check_columns, find_delimiter

KINDS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".txt": "txt"}
PACKED = r"\.(gz|bz2)$"
SMALLEST, LARGEST = 2**18, 2**24  # bytes of a partition
TASKS_A_CORE = 16  # at least, so that none waits long for the last one
_BYTES = "ISO-8859-1"  # in which each byte is a character
_CSV = {"header": "true", "multiLine": "true", "quote": '"', "escape": '"', "encoding": _BYTES}
_BOM = "\ufeff".encode().decode(_BYTES)
_Taken = tuple[DataFrame, Columns]  # rows, and which columns they were taken from


class Source(NamedTuple):
    """Notes that Spark reads.

    rows (DataFrame): `position` grows in the order of the notes, within `file` and its `block`; the rest is as `kind`
        says, bytes as a rule, so that what is no UTF-8 is seen.
    kind (str): "jsonl" (`line`), "txt" (`text`, null where it is too long), "csv" or "parquet" (`text`, `id`).
    columns (Columns): What was taken of tables.
    root (str): What the path of each file begins with.
    unused (Counter[str]): The files that are no notes, by suffix.
    """

    rows: DataFrame
    kind: str
    columns: Columns
    root: str
    unused: Counter[str]


def open_source(spark: SparkSession, path: str, columns: Columns) -> Source:
    """Notes in a file or folder of JSON Lines, CSV, Parquet or text, or in a Delta table.

    path (str): As Spark reads them, e.g. notes, or hdfs:///notes.
    columns (Columns): What to take of tables.
    RAISES (InputError): There are none, of more than one kind, or without these columns.
    """
    files = Files(spark)
    if not files.exists(path):
        raise InputError(f"{path} does not exist.")
    root = files.root(path)
    hidden = files.count_hidden(path)
    if hidden:
        msg.warn(f"{hidden:,} files or folders in {path} have names that begin with _: Spark does not read them")
    if files.exists(f"{path}/_delta_log"):
        return _open_delta(spark, path, columns, root)
    suffixes = _count_suffixes(spark, path)
    known = {suffix: KINDS[suffix] for suffix in suffixes if suffix in KINDS}
    unused = Counter({suffix or "(none)": count for suffix, (count, _) in suffixes.items() if suffix not in KINDS})
    kinds = sorted(set(known.values()))
    if len(kinds) != 1:
        holds = f"notes of more than one kind ({', '.join(kinds)}): name one of them" if kinds else "no notes"
        raise InputError(f"{path} holds {holds}, as Spark reads {', '.join(KINDS)} and tables.")
    size = sum(size for suffix, (_, size) in suffixes.items() if suffix in known)
    _size_partitions(spark, size)
    rows, columns = _READERS[kinds[0]](spark, path, columns, list(known))
    return Source(rows, kinds[0], columns, root, unused)


def open_table(spark: SparkSession, name: str, columns: Columns) -> Source:
    """Notes in a table of Spark's catalog, such as db.notes.

    RAISES (InputError): There is none, or not with these columns.
    """
    try:
        table = spark.table(name)
    except AnalysisException:
        raise InputError(f"Spark knows no table {name}: name the catalog's server in its configuration.") from None
    rows, columns = _take_cells(table, name, columns)
    return Source(rows, "parquet", columns, "", Counter())


def _count_suffixes(spark: SparkSession, path: str) -> dict[str, tuple[int, int]]:
    """Number and bytes of the files, by suffix; that of a compressed one counts for none where Spark cannot read it."""
    files = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(path)
    suffix = F.regexp_extract(F.regexp_replace(F.lower("path"), PACKED, ""), r"(\.[^./]*)$", 1)
    # Of text in archives Spark would take each line for a note.
    packed = F.lower("path").rlike(PACKED) & suffix.isin(".parquet", ".txt")
    suffix = F.when(packed, F.regexp_extract(F.lower("path"), PACKED, 0)).otherwise(suffix)
    counted = files.groupBy(suffix.alias("suffix")).agg(F.count("*"), F.sum("length")).collect()
    return {row[0]: (row[1], row[2]) for row in counted}


def _size_partitions(spark: SparkSession, size: int) -> None:
    share = size // (spark.sparkContext.defaultParallelism * TASKS_A_CORE)
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(min(max(share, SMALLEST), LARGEST)))


def _glob(suffixes: list[str]) -> dict[str, str]:
    any_case = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix) for suffix in suffixes)
    return {"pathGlobFilter": f"*{{{','.join(any_case)}}}{{,.[gG][zZ],.[bB][zZ]2}}", "recursiveFileLookup": "true"}


def _number(rows: DataFrame, *columns: Column) -> DataFrame:
    """Some columns of rows, and before them where each row comes from."""
    file, block = F.col("_metadata.file_path").alias("file"), F.col("_metadata.file_block_start").alias("block")
    return rows.select(F.monotonically_increasing_id().alias("position"), file, block, *columns)


def _read_lines(spark: SparkSession, path: str, columns: Columns, suffixes: list[str]) -> _Taken:
    lines = spark.read.options(**_glob(suffixes)).text(path, lineSep="\n")
    return _number(lines, F.col("value").cast("binary").alias("line")), columns


def _read_files(spark: SparkSession, path: str, columns: Columns, suffixes: list[str]) -> _Taken:
    files = spark.read.format("binaryFile").options(**_glob(suffixes)).load(path)
    short = F.col("length") <= 4 * columns.max_chars  # a character has four bytes at most
    # Two reads, as the content of a file is read where its column is taken, and Spark takes none of 2 GB.
    content = (F.col("content").alias("text"), F.lit(None).cast("binary").alias("text"))
    return _number(files.where(short), content[0]).unionAll(_number(files.where(~short), content[1])), columns


def _read_csv(spark: SparkSession, path: str, columns: Columns, suffixes: list[str]) -> _Taken:
    """Rows with the bytes of their cells as characters; a row that is no row has a `fault`."""
    first = _first_line(spark.read.options(**_glob(suffixes)).text(path, lineSep="\n"))
    delimiter = find_delimiter(first, "\t" if suffixes == [".tsv"] else DELIMITERS, columns)
    # Left to itself, Spark makes one line end of all that are in cells.
    ends = "\r\n" if first.endswith("\r") else "\n"
    options = {**_glob(suffixes), **_CSV, "lineSep": ends, "sep": delimiter}
    stored = spark.read.options(**options).csv(path).columns
    names = [name.removeprefix(_BOM).encode(_BYTES).decode("utf8", "replace") for name in stored]
    columns = take_columns(path, names, columns)
    fault = "_fault"
    schema = StructType([StructField(name, StringType()) for name in (*stored, fault)])
    options |= {"columnNameOfCorruptRecord": fault}
    text, note_id = (F.col(_quote(stored[names.index(name)])) for name in (columns.text, columns.id))
    rows = spark.read.options(**options).schema(schema).csv(path)
    faulty = F.col(fault).isNotNull().alias("faulty")
    return _number(rows, text.alias("text"), note_id.alias("id"), faulty), columns


def _first_line(lines: DataFrame) -> str:
    """The first line of the files, without its line feed.

    RAISES (InputError): It is not the same in all; Spark would take each column by its place, and log the line.
    """
    numbered = _number(lines, F.col("value").cast("binary").alias("line")).where("block = 0")
    firsts = numbered.groupBy("file").agg(F.min_by("line", "position").alias("line"))
    found = firsts.groupBy("line").agg(F.min("file").alias("file")).orderBy("file").limit(9).collect()
    texts = {bytes(row["line"]).removeprefix(BOM).decode("utf8", "replace"): row["file"] for row in found}
    if len(texts) > 1:
        one, other, *_ = texts.values()
        raise InputError(
            f"{one} and {other} differ in their first lines (names of columns, their order, or line ends): give tables"
            " of one kind."
        )
    return next(iter(texts), "")


def _read_parquet(spark: SparkSession, path: str, columns: Columns, suffixes: list[str]) -> _Taken:
    return _take_cells(spark.read.options(**_glob(suffixes)).parquet(path), path, columns)


def _open_delta(spark: SparkSession, path: str, columns: Columns, root: str) -> Source:
    try:
        table = spark.read.format("delta").load(path)
    except (PySparkException, Py4JJavaError):
        raise InputError(f"{path} is a Delta table: start Spark with the package of Delta Lake.") from None
    rows, columns = _take_cells(table, path, columns)
    return Source(rows, "parquet", columns, root, Counter())


def _take_cells(table: DataFrame, path: str, columns: Columns) -> _Taken:
    """Text and id of a table; strings as bytes, for Spark does not look whether they are UTF-8."""
    columns = take_columns(path, table.columns, columns)
    types = dict(table.dtypes)
    cells = [
        F.col(_quote(name)).cast("binary" if types[name] == "string" else types[name]).alias(alias)
        for name, alias in ((columns.text, "text"), (columns.id, "id"))
    ]
    try:
        return _number(table, *cells), columns
    except AnalysisException:  # a table that is not made of files
        position, block = F.monotonically_increasing_id().alias("position"), F.lit(0).cast("bigint").alias("block")
        return table.select(position, F.lit("").alias("file"), block, *cells), columns


def take_columns(path: str, names: list[str], columns: Columns) -> Columns:
    """The columns as they are called.

    RAISES (MissingColumn): One is not there; a cluster has no numbers of rows to take for ids.
    """
    return check_columns(PurePosixPath(path), names, columns._replace(id=columns.id or "id"), names)


def _quote(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


_READERS = {"jsonl": _read_lines, "txt": _read_files, "csv": _read_csv, "parquet": _read_parquet}
