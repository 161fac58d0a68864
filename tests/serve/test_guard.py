"""Who may ask, and in which time a request has to come in."""

import time

import pytest

from scripts.serve.limits import Limits
from tests.serving import Client, make_pipeline, post, running

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
        ("127.0.0.1", 421),
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


def test_a_stream_that_says_nothing_any_more_is_given_up(quick: Client):
    with quick.connect(post(b'{"text": "EKG"}\n{', 1000, "/annotate/stream")) as connection:
        said = b""
        while not said.endswith(b"0\r\n\r\n"):
            said += connection.recv(1000)
    assert said.startswith(b"HTTP/1.1 200 ") and b'"test"' in said and b'"status":408' in said
