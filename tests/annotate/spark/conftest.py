"""The package that the tests of Spark annotate with."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spark import why_not, write_package

REASON = why_not()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in (item for item in items if item.path.is_relative_to(Path(__file__).parent)):
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))  # PySpark's own
        if REASON:
            item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the package, which this process and Spark's workers have on their path."""
    folder = write_package(tmp_path_factory.mktemp("site"))
    sys.path.insert(0, str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.ui.enabled=false pyspark-shell")
        yield folder
    sys.path.remove(str(folder))
