"""A service in this process, and clients that ask it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.docs import create_nlp
from scripts.runtime.extensions import install_extensions
from scripts.serve.app import Service, create_app
from scripts.serve.limits import Limits
from scripts.serve.server import Server, bind, configure

NAMES = ("127.0.0.1", "localhost")
LIMITS = Limits()  # as they are unless a test says otherwise
SECONDS = 60  # then a client gives up
PATTERNS = [
    {"label": "problem", "pattern": [{"LOWER": "chest"}, {"IS_SPACE": True, "OP": "*"}, {"LOWER": "pain"}]},
    {"label": "problem", "pattern": "quillwort"},
    {"label": "test", "pattern": "EKG"},
]
install_extensions()


class Gate:
    """Where notes with the words "slow" and "later" wait until the test lets them go on.

    entered: Set once a note waits.
    open, open_later: To be set.
    read: The notes that came to it.
    """

    def __init__(self, nlp: Language, name: str) -> None:
        self.entered, self.open, self.open_later = threading.Event(), threading.Event(), threading.Event()
        self.read: list[str] = []

    def __call__(self, doc: Doc) -> Doc:
        self.read.append(doc.text)
        for word, event in (("slow", self.open), ("later", self.open_later)):
            if word in doc.text:
                self.entered.set()
                assert event.wait(SECONDS)
        if "raises" in doc.text:
            raise ValueError(f"Cannot do: {doc.text}")
        for ent in doc.ents:
            ent._.confidence = 0.25 if ent.label_ == "test" else 0.75
            ent._.assertion = "absent" if ent.label_ == "problem" else None
        return doc


Language.factory("medner_test_gate", func=Gate, assigns=["span._.confidence"])


def make_pipeline(patterns: Sequence[dict[str, Any]] = PATTERNS) -> Language:
    """A pipeline of rules with a gate behind them."""
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns(list(patterns))  # type: ignore[attr-defined]
    nlp.add_pipe("medner_test_gate", name="gate")
    return nlp


def gate_of(nlp: Language) -> Gate:
    gate = nlp.get_pipe("gate")
    assert isinstance(gate, Gate)
    return gate


class Answered(NamedTuple):
    """An answer of HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a service.

    service (Service): Of this process.
    """

    def __init__(self, port: int, service: Service) -> None:
        self.port, self.service = port, service

    def ask(self, path: str, body: Any = None, method: str = "", headers: Mapping[str, str] | None = None) -> Answered:
        """A request; what is no text or bytes goes as JSON, which is sent by POST."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            if body is not None and not isinstance(body, str | bytes):
                body = json.dumps(body)
            kind = {} if body is None else {"content-type": "application/json"}
            connection.request(method or ("GET" if body is None else "POST"), path, body, {**kind, **(headers or {})})
            response = connection.getresponse()
            return Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def ask_in_thread(self, path: str, body: Any) -> "Asking":
        return Asking(self, path, body)

    @contextmanager
    def connect(self, data: bytes) -> Iterator[socket.socket]:
        """A connection over which something was sent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall(data)
            yield connection

    def wait_until(self, waiting: int) -> None:
        """Wait until so many notes wait in all."""
        deadline = time.monotonic() + SECONDS
        while sum(annotator.waiting for annotator in self.service.annotators.values()) != waiting:
            assert time.monotonic() < deadline
            time.sleep(0.01)


class Asking(threading.Thread):
    """A request that runs beside the test."""

    def __init__(self, client: Client, path: str, body: Any) -> None:
        super().__init__()
        self._request = lambda: client.ask(path, body)
        self._answer: Answered | None = None
        self.start()

    def run(self) -> None:
        self._answer = self._request()

    def answer(self) -> Answered:
        self.join(SECONDS)
        assert self._answer is not None
        return self._answer


@contextmanager
def running(
    pipelines: Mapping[str, Language], limits: Limits = LIMITS, token: bytes = b"", hosts: Sequence[str] = NAMES
) -> Iterator[Client]:
    """A service in a thread of this process, which ends with the block."""
    service, bound = Service(pipelines, limits), bind("127.0.0.1", 0)
    server = Server(configure(create_app(service, hosts, token), service), service, "here")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    deadline = time.monotonic() + SECONDS
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    try:
        yield Client(bound.getsockname()[1], service)
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()


def post(body: bytes, length: int | None = None, path: str = "/annotate") -> bytes:
    """A request as it goes over the wire; more may be announced than there is."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def read_to_the_end(connection: socket.socket) -> bytes:
    """An answer that comes in parts, as it goes over the wire."""
    said = b""
    while not said.endswith(b"0\r\n\r\n"):
        part = connection.recv(100_000)
        assert part
        said += part
    return said
