"""Single files where Spark has its own, through Hadoop's file systems."""

from typing import Any

from pyspark.sql import SparkSession

LEVELS = 6  # in which hidden names are looked for
OF_SPARK = (
    "_SUCCESS",
    "_temporary",
    "_delta_log",
    "_metadata",
    "_common_metadata",
    "_committed",
    "_started",
    "_medner",
)


class Files:
    """What a driver asks of a file system.

    spark (SparkSession): Its settings say how each is reached.
    """

    def __init__(self, spark: SparkSession) -> None:
        context: Any = spark.sparkContext
        self._java, self._configuration = context._jvm, context._jsc.hadoopConfiguration()

    def exists(self, path: str) -> bool:
        system, place = self._find(path)
        return system.exists(place)

    def is_empty(self, folder: str) -> bool:
        """Whether there is nothing in a folder, or no folder."""
        system, place = self._find(folder)
        return not system.exists(place) or not len(system.listStatus(place))

    def root(self, path: str) -> str:
        """With what the paths of the files in a folder begin, or that of a single file, without scheme and host."""
        system, place = self._find(path)
        status = system.getFileStatus(place)
        folder = status.getPath() if status.isDirectory() else status.getPath().getParent()
        return f"{folder.toUri().getPath()}/"

    def read(self, path: str) -> str:
        system, place = self._find(path)
        stream = system.open(place)
        try:
            return self._java.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
        finally:
            stream.close()

    def write(self, path: str, text: str) -> None:
        """Write a new file, which is there whole or not at all."""
        system, place = self._find(path)
        part = self._find(f"{path}.part")[1]
        stream = system.create(part, True)
        try:
            stream.write(bytearray(text, "utf8"))
        finally:
            stream.close()
        system.rename(part, place)

    def qualify(self, path: str) -> str:
        """The path with its scheme and all its folders."""
        system, place = self._find(path)
        return system.makeQualified(place).toString()

    def count_hidden(self, folder: str) -> int:
        """Files and folders, some levels deep, that Spark passes over since their names begin with _, but its own."""
        system, _ = self._find(folder)
        patterns = (f"{folder}/{'*/' * depth}_*" for depth in range(LEVELS))
        found = (status for pattern in patterns for status in system.globStatus(self._find(pattern)[1]) or ())
        return sum(not status.getPath().getName().startswith(OF_SPARK) for status in found)

    def _find(self, path: str) -> tuple[Any, Any]:
        place = self._java.org.apache.hadoop.fs.Path(path)
        return place.getFileSystem(self._configuration), place
