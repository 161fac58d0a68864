"""Requests made up from the OpenAPI, right and wrong ones: none ends in an error of the service."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving import Client

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FUZZ = settings(
    max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@schemathesis.serializer("application/jsonl")
def write_lines(context: object, value: object) -> bytes:
    return str(value).encode("utf8", "surrogatepass")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_the_openapi_allows_and_what_it_does_not_is_answered_as_it_says(client: Client, mode: GenerationMode):
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{client.port}/openapi.json")
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    assert len(operations) == 5
    for operation in operations:
        if mode.is_positive or operation.method == "post":
            ask_made_up(operation.as_strategy(generation_mode=mode))


def ask_made_up(cases: st.SearchStrategy) -> None:
    @seed(0)
    @FUZZ
    @given(case=cases)
    def ask(case: schemathesis.Case) -> None:
        case.validate_response(case.call(timeout=60), checks=CHECKS)

    ask()
