"""Services of rules, which start at once."""

from collections.abc import Iterator

import pytest

from scripts.serve import facts
from tests.serving import Client, make_pipeline, running


@pytest.fixture(autouse=True, scope="session")
def measure_no_speed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "LEAST_SECONDS", 0.001)
        yield


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A service of two pipelines, of which the second finds nothing."""
    empty = make_pipeline()
    empty.remove_pipe("entity_ruler")
    with running({"rules": make_pipeline(), "empty": empty}) as client:
        yield client
