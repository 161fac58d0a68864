"""Who may ask, and in which time a request has to come in."""

import json
import socket
import time
from contextlib import AbstractContextManager, suppress

import pytest

from scripts.serve import annotator as annotators
from scripts.serve import server as servers
from scripts.serve import stream as streams
from scripts.serve.limits import Limits
from tests.serving import SECONDS, Client, Gate, gate_of, make_pipeline, post, read_to_the_end, running

TOKEN = b"zorblattin-90817263"
SHOWN = {"authorization": f"Bearer {TOKEN.decode()}"}


@pytest.fixture(scope="module")
def closed():
    """A service with a token, called by two names."""
    with running({"rules": make_pipeline()}, token=TOKEN, hosts=("ner.ward.example", "::1")) as client:
        yield client


@pytest.fixture(scope="module")
def quick():
    """A service that waits for a second only."""
    with running({"rules": make_pipeline()}, Limits(timeout=1)) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("ner.ward.example", 200),
        ("NER.ward.example.:8000", 200),
        ("[::1]:8000", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("ner.ward.example.evil.example", 421),
        ("evil.example/ner.ward.example", 421),
        ("127.0.0.1:99", 200),  # at which it came in
        ("127.0.0.2", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_call_the_service(closed: Client, host, status):
    assert closed.ask("/health", headers={"host": host}).status == status


def test_a_request_without_a_name_is_refused(closed: Client):
    with closed.connect(b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:{port}", 200),
        ("https://localhost:{port}", 200),
        ("http://localhost:1", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_pages_of_other_sites_may_not_ask(client: Client, origin, status):
    headers = {"host": f"localhost:{client.port}", "origin": origin.format(port=client.port)}
    answer = client.ask("/annotate", {"text": "EKG"}, headers=headers)
    assert answer.status == status
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "shown", [{}, {"authorization": "Bearer"}, {"authorization": "Bearer x"}, {"authorization": TOKEN.decode()},
              {"authorization": f"Basic {TOKEN.decode()}"}, {"authorization": f"Bearer {TOKEN.decode()}0"},
              {"authorization": "Bearer \xff"}]
)  # fmt: skip
def test_without_the_token_there_is_nothing_but_the_page_and_health(closed: Client, shown):
    headers = {"host": "ner.ward.example", **shown}
    for path in ("/annotate", "/annotate/stream", "/model", "/metrics", "/page.json", "/openapi.json", "/samples/x"):
        answer = closed.ask(path, {"text": "EKG"} if "annotate" in path else None, headers=headers)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), path
        assert answer.json["title"] == "Unauthorized" and TOKEN not in answer.body
    for path in ("/", "/page.js", "/page.css", "/health"):
        assert closed.ask(path, headers=headers).status == 200, path


def test_with_the_token_there_is_all(closed: Client):
    for headers in ({**SHOWN}, {"authorization": f"bearer  {TOKEN.decode()}"}):
        answer = closed.ask("/annotate", {"text": "EKG"}, headers={"host": "ner.ward.example", **headers})
        assert len(answer.json["ents"]) == 1
    scheme = closed.ask("/openapi.json", headers={"host": "ner.ward.example", **SHOWN}).json
    assert scheme["components"]["securitySchemes"]["HTTPBearer"] == {"type": "http", "scheme": "bearer"}


def test_a_request_that_does_not_come_in_is_given_up(quick: Client):
    begun = time.monotonic()
    with quick.connect(post(b'{"text": ', length=100)) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun >= 1
    with quick.connect(post(b'{"text": ', length=100)) as connection:  # a byte now and then is too slow as well
        for _ in range(6):
            connection.sendall(b" ")
            time.sleep(0.25)
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    assert quick.ask("/annotate", {"text": "EKG"}).status == 200


def open_in_turn(gate: Gate) -> None:
    """Let two notes be answered after more time than one may take, each in its own."""
    assert gate.entered.wait(SECONDS)
    time.sleep(2.5)
    gate.open.set()
    time.sleep(2.5)
    gate.open_later.set()


SLOW = b'{"text": "EKG slow"}\n{"text": "EKG later"}\n'


def test_a_stream_that_says_nothing_any_more_is_given_up_once_its_notes_are_answered(monkeypatch):
    monkeypatch.setattr(annotators, "BATCH_NOTES", 1)
    nlp = make_pipeline()
    sent = post(SLOW + b"{", 1000, "/annotate/stream")
    with running({"rules": nlp}, Limits(timeout=4)) as client, client.connect(sent) as connection:
        open_in_turn(gate_of(nlp))
        said = read_to_the_end(connection)
    assert said.startswith(b"HTTP/1.1 200 ") and said.count(b'"label":"test"') == 2 and b'"status":408' in said


def test_a_stream_may_wait_for_its_answers_longer_than_a_request_comes_in(monkeypatch):
    monkeypatch.setattr(annotators, "BATCH_NOTES", 1)
    monkeypatch.setattr(streams, "WINDOW", 1)
    nlp = make_pipeline()
    rest = b'{"text": "EKG"}\n' * 3
    sent = post(SLOW + rest, len(SLOW + rest + rest), "/annotate/stream")
    with running({"rules": nlp}, Limits(timeout=4)) as client, client.connect(sent) as connection:
        open_in_turn(gate_of(nlp))
        connection.sendall(rest)
        said = read_to_the_end(connection)
    assert said.count(b'"label":"test"') == 8 and b'"problem"' not in said


LARGE = post(json.dumps({"texts": [{"text": "é" * 100_000}] * 30}, ensure_ascii=False).encode())
LARGE_ANSWER = 30 * 600_000  # bytes, at least


def ask_for_much(client: Client) -> AbstractContextManager[socket.socket]:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.settimeout(SECONDS)
    connection.connect(("127.0.0.1", client.port))
    connection.sendall(LARGE)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_an_answer_that_is_read_slowly_is_read_to_its_end(client: Client, monkeypatch):
    monkeypatch.setattr(servers, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(servers, "READ_SECONDS", 5)
    with ask_for_much(client) as connection:
        said = 0
        for _ in range(5):
            time.sleep(0.3)
            for _ in range(30):
                said += len(connection.recv(60_000))
        while said < LARGE_ANSWER:
            part = connection.recv(1_000_000)
            assert part
            said += len(part)


def test_a_client_that_does_not_read_loses_its_connection(client: Client, monkeypatch):
    monkeypatch.setattr(servers, "READ_SECONDS", 0.3)
    with ask_for_much(client) as connection:
        time.sleep(2)
        said = 0
        with suppress(ConnectionResetError):
            while part := connection.recv(1_000_000):
                said += len(part)
    assert said < LARGE_ANSWER


def test_a_client_that_leaves_a_little_unread_loses_its_connection_too(client: Client, monkeypatch):
    monkeypatch.setattr(servers, "READ_SECONDS", 0.3)
    monkeypatch.setattr(servers, "HEADER_SECONDS", 0.3)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(SECONDS)
        connection.connect(("127.0.0.1", client.port))
        sent = 0
        with suppress(ConnectionError):
            while sent < 100_000:  # pipelined, until it is refused
                connection.sendall(b"GET /page.js HTTP/1.1\r\nhost: localhost\r\n\r\n")
                sent += 1
                time.sleep(0.02)
        assert sent < 10_000


def test_a_connection_that_asks_nothing_is_closed(quick: Client, monkeypatch):
    monkeypatch.setattr(servers, "HEADER_SECONDS", 0.3)
    with quick.connect(b"GET /health HTTP/1.1\r\nhost: loc") as connection, suppress(ConnectionResetError):
        assert connection.recv(100) == b""
