"""The Spark session: with what it starts, and what is said when it cannot, or when Spark gives up."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALL_CORES = "local[*,4]"  # of this machine; a task is tried four times, as on a cluster
OLDEST_JAVA = 17
FAULT = re.compile(r"InputError: (.+)")  # how Spark quotes a sentence of ours from a worker
SETTINGS = {
    # A worker is handed few notes at once, as they may be long.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "64",
    # Small files fill a partition by their size, not by a price of 4 MB for each.
    "spark.sql.files.openCostInBytes": "4096",
    # Partitions are sized for the encoder, beside which Spark's own work takes no time, and do not follow from how many
    # workers are there at the moment.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.sql.files.minPartitionNum": "1",
    # What a cluster may have set otherwise: nothing is passed over, and what has to be one file is one.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.maxRecordsPerFile": "0",
    "spark.sql.execution.sortBeforeRepartition": "true",
}


@contextmanager
def open_session(master: str = "") -> Iterator["SparkSession"]:
    """A session that ends with the block; under spark-submit the one that this has set up.

    master (str): The cluster, as Spark names it; "" for that of spark-submit, else all cores of this machine.
    RAISES (InputError): Spark cannot be started, or gives up before the block ends.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError("PySpark is not installed: pip install -r requirements-spark.txt.") from None
    if not submitted:
        check_java()
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("medner annotate")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    if master or not submitted:
        builder = builder.master(master or ALL_CORES)
    ours = SparkSession.getActiveSession() is None  # elsewhere, as on Databricks, it is shared
    try:
        spark = builder.getOrCreate()
        # Spark's own number, 200, is most of the time that a small run takes.
        spark.conf.set("spark.sql.shuffle.partitions", spark.sparkContext.defaultParallelism)
    except (PySparkException, Py4JError, RuntimeError) as error:
        raise InputError(
            f"Spark cannot be started ({type(error).__name__}): its messages above say why; it has to be a classic"
            " session, not one of Spark Connect."
        ) from error
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        raise InputError(explain(error)) from error
    finally:
        if ours:
            spark.stop()


def explain(error: Exception) -> str:
    """What ended a run on a cluster, in one sentence, without a word of a note."""
    found = FAULT.search(str(error))
    if found:
        return found[1]
    condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
    return f"Spark gave up ({condition}): its messages above say why; once that is mended, go on with --resume."


def check_java() -> None:
    """RAISES (InputError): There is no Java that Spark runs on."""
    needed = f"Spark needs Java {OLDEST_JAVA} or 21: install one, and name its folder in JAVA_HOME."
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if not java or not Path(java).is_file():
        raise InputError(f"There is no Java here. {needed}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if not version or int(version[1]) < OLDEST_JAVA:
        raise InputError(f"{java} is of another version. {needed}")
