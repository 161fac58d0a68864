"""Single files where Spark has its own, through Hadoop's file systems."""

from typing import Any

from pyspark.sql import SparkSession


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
        """Write a new file."""
        system, place = self._find(path)
        stream = system.create(place, False)
        try:
            stream.write(bytearray(text, "utf8"))
        finally:
            stream.close()

    def _find(self, path: str) -> tuple[Any, Any]:
        place = self._java.org.apache.hadoop.fs.Path(path)
        return place.getFileSystem(self._configuration), place
