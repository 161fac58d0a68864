"""What stands before the service: who may ask, for how long a request may come in, and what every answer says."""

import asyncio
import hmac
import time
from collections.abc import Collection, Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from wasabi import msg

from scripts.corpus.failures import place_of
from scripts.serve.limits import Limits
from scripts.serve.metrics import Metrics
from scripts.serve.problems import Problem, from_exception, to_response

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


PIECE = 2**18  # bytes


class Guard:
    """The outermost layer of the service: no request goes by it, and no error.

    app (ASGIApp): What answers.
    metrics (Metrics): What counts requests.
    hosts (Collection[str]): The names that the service is called by, in small letters and without a port; a page of
        another site whose name is made to lead here does not call it by one of them (DNS rebinding).
    token (bytes): What a client has to show; b"" if none is needed.
    open_paths (Collection[str]): What is shown without a token.
    endless (Collection[str]): Paths whose requests have any length, and come in any time, part by part.
    limits (Limits): How large a request may be, and how long it, or such a part, may take to come in.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        hosts: Collection[str],
        token: bytes,
        open_paths: Collection[str],
        endless: Collection[str],
        limits: Limits,
    ) -> None:
        self._app, self._metrics = app, metrics
        self._hosts, self._token, self._open_paths = hosts, token, open_paths
        self._endless, self._limits = endless, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, ended = time.perf_counter(), 0, False

        async def send_on(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(HEADERS)
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            for part in cut(message):
                await send(part)

        server = (scope["server"] or ("",))[0].removeprefix("::ffff:")  # IPv4 that came in by IPv6
        refusal = self._refuse(Headers(scope=scope), scope["path"], server)
        try:
            await (refusal or self._app)(scope, self._limited(scope["path"], receive), send_on)
        except asyncio.CancelledError:  # the service ends, and has waited as long as it may
            if not status:
                await to_response(503, "The service ends.")(scope, receive, send_on)
        except Exception as error:  # its message may quote a note
            msg.fail(f"{_route(scope)} failed ({type(error).__name__}, {place_of(error)})")
            if not ended:
                raise RuntimeError("the answer ends here") from None  # closes the connection
        finally:
            self._metrics.count_request(_route(scope), status, time.perf_counter() - begun)

    def _refuse(self, headers: Headers, path: str, server: str) -> Response | None:
        """The answer to a request that is not let in; None for one that is.

        server (str): The address of this machine at which it came in.
        """
        host = headers.get("host", "")
        # The address at which the request came in is one that nobody else's name can stand for.
        if _name(host) not in (*self._hosts, server):
            return to_response(421, "The service is not called by this name: see --allowed-host.")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return to_response(403, "Pages of other sites may not ask.")
        if not self._shows_token(headers, path):
            return to_response(401, "Give the token as Authorization: Bearer.", {"www-authenticate": "Bearer"})
        if path not in self._endless and int(headers.get("content-length", 0)) > self._limits.max_bytes:
            return from_exception(self._too_large())
        return None

    def _shows_token(self, headers: Headers, path: str) -> bool:
        if not self._token or path in self._open_paths:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin1"), self._token)

    def _too_large(self) -> Problem:
        return Problem(413, f"The request is larger than {self._limits.max_bytes:,} bytes: send less at once.")

    def _limited(self, path: str, receive: Receive) -> Receive:
        """Receive a body, and raise where it is too large or does not come in time; afterwards only wait."""
        seconds, endless = self._limits.timeout, path in self._endless
        begun, size, ended = time.monotonic(), 0, False

        async def receive_limited() -> Message:
            nonlocal size, ended
            if ended:
                return await receive()
            left = seconds if endless else max(0.0, begun + seconds - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), left)
            except TimeoutError:
                ended = True
                raise Problem(408, f"The request did not come in within {seconds:g} seconds.") from None
            ended = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > self._limits.max_bytes and not endless:
                ended = True
                raise self._too_large()
            return message

        return receive_limited


def cut(message: Message) -> Iterator[Message]:
    """A message in pieces, as what is handed over at once is kept until it is read, and counts as answered."""
    body = message.get("body", b"")
    for start in range(0, len(body) - PIECE, PIECE):
        yield {**message, "body": body[start : start + PIECE], "more_body": True}
    yield {**message, "body": body[(max(len(body) - 1, 0) // PIECE) * PIECE :]} if body else message


def _name(host: str) -> str:
    """The name in a Host header, without its port, brackets and final dot."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".").lower()


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "")
