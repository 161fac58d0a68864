"""What goes wrong with a request, told as RFC 9457 has it: problem JSON, without a word of the note."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import srsly
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_NAMED = ("text", "texts", "id")  # parts of a body that may be named; any other name is the client's


class Problem(HTTPException):
    """Ends a request.

    status (int): The status of HTTP.
    detail (str): One sentence for whoever wrote the client.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def to_json(status: int, detail: str, errors: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    """A problem as its media type has it; the kind of problem is that of the status."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail} | (
        {"errors": list(errors)} if errors else {}
    )


def to_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: Sequence[dict[str, str]] = ()
) -> Response:
    """A problem as the answer to a request."""
    return Response(srsly.json_dumps(to_json(status, detail, errors)), status, headers, MEDIA_TYPE)


def from_exception(error: HTTPException) -> Response:
    """The answer to what ends a request, whether we have raised it or the framework has."""
    return to_response(error.status_code, error.detail, error.headers)


def from_validation(errors: Sequence[Mapping[str, Any]]) -> Response:
    """The answer to a body of another form.

    errors (Sequence[Mapping]): As pydantic tells them; what a client wrote is left out.
    """
    if any(error["type"] == "json_invalid" for error in errors):
        return to_response(400, "The body is no JSON.")
    if any(error["type"] == "too_long" for error in errors):
        return to_response(413, "Too many notes in one request: send them as a stream.")
    detail = 'Send {"text": "..."} or {"texts": [{"id": "...", "text": "..."}, ...]} as application/json.'
    pointed = {(_pointer(error["loc"]), error["msg"]): None for error in errors}
    return to_response(422, detail, errors=[{"pointer": place, "detail": why} for place, why in pointed][:10])


def _pointer(location: Sequence[str | int]) -> str:
    """Where in the body something is, as RFC 6901 writes it."""
    return "".join(f"/{part}" for part in location if isinstance(part, int) or part in _NAMED)
