"""The folder that a run on Spark writes to: a file a task, there whole once the task is done; what it depends on."""

import json
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from scripts.annotate.shards import other_settings
from scripts.annotate.spark.hadoop import Files
from scripts.annotate.spark.worker import OUTPUT
from scripts.cli import InputError

SETTINGS = "_medner.json"  # Spark reads no file whose name begins so
DONE = "_SUCCESS"


class Output:
    """Annotated notes, as they grow.

    spark (SparkSession): What reads and writes them.
    path (str): The folder.
    to (str): "parquet" or "jsonl".
    """

    def __init__(self, spark: SparkSession, path: str, to: str) -> None:
        self._spark, self._files, self.path, self._to = spark, Files(spark), path, to
        self.schema = from_arrow_schema(OUTPUT)

    def begin(self, settings: dict[str, Any], resume: bool) -> None:
        """State what the output depends on, or look whether it was begun so.

        RAISES (InputError): Something is there, and it is not to be gone on with, or was begun with other settings; or
            the folder lies in the input.
        """
        here, source = self._files.qualify(self.path), self._files.qualify(settings["input"])
        if f"{here}/".startswith(f"{source}/"):
            raise InputError(f"{self.path} lies in {settings['input']}, whose notes are read: name a folder elsewhere.")
        stated = f"{self.path}/{SETTINGS}"
        if self._files.exists(stated):
            if not resume:
                raise InputError(f"{self.path} is of an earlier run: go on with --resume, or name a new folder.")
            before = json.loads(self._files.read(stated))
            names = [name for name in settings if before.get(name) != settings[name]]
            if names:
                raise other_settings(self.path, names)
        elif not self._files.is_empty(self.path):
            raise InputError(f"{self.path} holds something else: name an empty or a new folder.")
        else:
            self._files.write(stated, f"{json.dumps(settings)}\n")

    def is_finished(self) -> bool:
        return self._files.exists(f"{self.path}/{DONE}")

    def finish(self) -> None:
        """State that all is there, as Spark does."""
        self._files.write(f"{self.path}/{DONE}", "")

    def read(self) -> DataFrame:
        """The notes that are there, those of an unfinished run as well."""
        reader = self._spark.read.schema(self.schema)
        return reader.parquet(self.path) if self._to == "parquet" else reader.json(self.path)

    def add(self, rows: DataFrame) -> None:
        """Write the rows of each partition into a file of its own.

        The second algorithm of Hadoop's committer puts it into its place when its task is done, so that a run that is
        ended keeps it; it bears the task's number, and a task that is done again replaces it.
        """
        writer = rows.write.mode("append").options(**{
            "mapreduce.fileoutputcommitter.algorithm.version": "2",
            "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        })  # fmt: skip
        if self._to == "parquet":
            writer.parquet(self.path, compression="zstd")
        else:
            writer.json(self.path, ignoreNullFields=False)
