"""The process that serves: its socket, its deadlines for connections, and its end."""

import asyncio
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from wasabi import msg

from scripts.cli import InputError
from scripts.serve.app import Service
from scripts.serve.guard import HEADERS, Guard
from scripts.serve.problems import to_response

BACKLOG = 2048
HEADER_SECONDS = 10  # in which a connection sends the header of its first request, or of the next one
READ_SECONDS = 30  # in which a client reads some of an answer that waits for it
MAX_HEADER_BYTES = 16_384


class Protocol(H11Protocol):
    """uvicorn's, but clients that send no header, or do not read, lose their connection after some time."""

    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_header()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _count_unread(self) -> int:
        """Bytes of answers that the client has not read yet; with TLS, those that are encrypted already as well."""
        below = getattr(getattr(self.transport, "_ssl_protocol", None), "_transport", None)
        return sum(one.get_write_buffer_size() for one in (self.transport, below) if one is not None)

    def _watch_reader(self, before: int | None = None) -> None:
        """Look now and then whether the client reads, and abort if it does not.

        before (int | None): What was unread at the last look.
        """
        self._unread, left = None, self._count_unread()
        if before is not None and left >= before:
            self.transport.abort()
        elif left:
            self._unread = self.loop.call_later(READ_SECONDS, self._watch_reader, left)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too long a header; what was sent is not repeated."""
        answer = to_response(400, "This is no request of HTTP, or its header is too long.")
        answer.headers.update({**HEADERS, "connection": "close"})
        events = (
            h11.Response(status_code=400, headers=answer.raw_headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait_for_header(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(HEADER_SECONDS, self._close_without_request)

    def _close_without_request(self) -> None:
        if self._count_unread():  # of an answer that may be being read still
            if self._unread is None:
                self._watch_reader()
            self._wait_for_header()
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn's, which tells the service that it is to end."""

    def __init__(self, config: uvicorn.Config, service: Service, address: str) -> None:
        super().__init__(config)
        self._service, self._address = service, address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            msg.good(f"Serving {', '.join(self._service.annotators)} at {self._address}, Ctrl-C ends")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.stopping.set()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address, at which nobody is answered yet.

    RAISES (InputError): The address is none of this machine's, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:
            bound = stack.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address[0], port, *address[2:]))
            stack.pop_all()
            return bound
    except (OSError, OverflowError) as error:
        raise InputError(f"{host}, port {port} cannot be used ({error}): give others with --host and --port.") from None


def is_loopback(host: str) -> bool:
    """Whether an address is seen from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def configure(app: Guard, service: Service, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Config:
    """How uvicorn runs the service.

    certificate, key (Path | None): For TLS.
    RAISES (InputError): They cannot be used.
    """
    settings: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": key} if certificate else {}
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=int(2 * service.limits.timeout) + 1,  # to come in, and to be answered
        **settings,
    )
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # their tracebacks may quote what clients sent
    try:
        config.load()
    except (OSError, ValueError) as error:  # of the module ssl
        raise InputError(f"{certificate} and {key or certificate} cannot be used for TLS ({error}).") from None
    return config


def serve(config: uvicorn.Config, service: Service, bound: socket.socket) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then take no more, answer those that are there, and return.

    What takes longer than the time of a request is left, and ends with this process.

    bound (socket.socket): As `bind` gives it.
    """
    _allow_connections()
    host, port, *_ = bound.getsockname()
    address = f"http{'s' if config.is_ssl else ''}://{f'[{host}]' if ':' in host else host}:{port}/"
    # uvicorn raises them again after it has ended in good order.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    Server(config, service, address).run(sockets=[bound])
    msg.good("Ended")
    if service.is_computing:  # for nobody, and Python would wait for it
        sys.stdout.flush()
        os._exit(0)


def _allow_connections() -> None:
    """Let the process have as many connections as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
