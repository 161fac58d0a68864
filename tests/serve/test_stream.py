"""Notes of any number, a line each, answered in order while they come in, and no faster than the answers are read."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from scripts.serve import annotator as annotators
from scripts.serve import stream as streams
from scripts.serve.limits import Limits
from tests.serving import SECONDS, Client, gate_of, make_pipeline, post, read_to_the_end, running


def send(client: Client, lines: Iterator[bytes]) -> list[dict]:
    """Answers to lines that are sent one by one."""
    with closing(http.client.HTTPConnection("127.0.0.1", client.port, timeout=SECONDS)) as connection:
        connection.request("POST", "/annotate/stream", lines, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, response.headers["content-type"]) == (200, "application/jsonl")
        return [json.loads(line) for line in response]


def line(text: str, **more: object) -> bytes:
    return json.dumps({"text": text, **more}).encode() + b"\n"


def test_a_stream_is_answered_as_its_notes_are_alone(client: Client):
    texts = [f"{number} chest pain 😀 {'EKG ' * (number % 5)}" for number in range(500)]
    found = send(client, map(line, texts))
    assert [note["id"] for note in found] == [str(number) for number in range(1, 501)]
    for number in (0, 7, 499):
        alone = client.ask("/annotate", {"text": texts[number], "id": str(number + 1)})
        assert found[number] == alone.json


def test_lines_are_lines_however_they_come(client: Client):
    sent = b'{"text": "EKG"}\n\n \r\n{"id": "x", "text": "chest pain"}\r\n{"id": 3, "text": ""}'
    for size in (1, 7, 1000):
        found = send(client, (sent[start : start + size] for start in range(0, len(sent), size)))
        assert [(note["id"], len(note["ents"])) for note in found] == [("1", 1), ("x", 1), ("3", 0)]
    assert send(client, iter([])) == []


def test_lines_that_cannot_be_taken_do_no_harm_to_others(client: Client):
    bad = [
        b"quendrick\n",
        b'{"txt": "quendrick"}\n',
        b'{"text": 5}\n',
        b"\xff\n",
        b'{"text": "\\ud800"}\n',
        b'{"id": "n", "text": "quendrick\\u0000"}\n',
        b'{"id": {}, "text": "quendrick"}\n',
        line("raises quendrick"),
    ]
    found = send(client, (one for each in bad for one in (each, line("EKG"))))
    assert [len(note["ents"]) for note in found[1::2]] == [1] * len(bad)
    assert [note["problem"]["status"] for note in found[::2]] == [422] * 7 + [500]
    assert [note["id"] for note in found[::2]] == ["1", "3", "5", "7", "9", "n", "13", "15"]
    assert found[0]["problem"]["detail"].startswith("Line 1 is no {") and "quendrick" not in json.dumps(found)


def test_a_line_that_is_too_long_ends_the_stream_with_a_problem():
    with running({"rules": make_pipeline()}, Limits(max_bytes=100, max_chars=50)) as client:
        found = send(client, iter([line("EKG"), line("a" * 60), line("a" * 200), line("EKG")]))
        assert [note.get("problem", {}).get("status") for note in found] == [None, 413, 413]
        assert found[2]["problem"]["detail"] == "A line is longer than 100 bytes."
        assert client.ask("/annotate", {"text": "EKG"}).status == 200


def test_no_more_lines_are_taken_than_are_answered(monkeypatch):
    monkeypatch.setattr(streams, "WINDOW", 8)
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}) as client:
        body = line("slow") + line("EKG " * 100) * 100_000
        with client.connect(post(b"", len(body), "/annotate/stream")) as connection:
            connection.settimeout(2)
            with pytest.raises(TimeoutError):  # it cannot send all, as nothing is taken from it
                connection.sendall(body)
            # The window, the one that is being answered, and the one that waits for room
            assert len([text for text in gate.read if text.startswith("EKG")]) <= 10
            assert client.service.annotators["rules"].waiting <= 10
            gate.open.set()


def test_a_stream_waits_for_room_instead_of_failing():
    with running({"rules": make_pipeline()}, Limits(max_waiting=2)) as client:
        found = send(client, (line("EKG") for _ in range(50)))
        assert [len(note["ents"]) for note in found] == [1] * 50


def test_a_client_that_hangs_up_frees_its_notes():
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}) as client:
        for length in (None, 10**6):  # after all that it announced, and before
            with client.connect(post(line("slow") * 20, length, "/annotate/stream")):
                client.wait_until(20)
            client.wait_until(0)
        gate.open.set()
        assert client.ask("/annotate", {"text": "EKG"}).status == 200


def test_a_note_that_takes_too_long_is_given_up_and_the_next_ones_are_answered():
    nlp = make_pipeline()
    gate = gate_of(nlp)

    def lines() -> Iterator[bytes]:
        yield line("slow")
        assert gate.entered.wait(SECONDS)
        yield line("EKG")

    with running({"rules": nlp}, Limits(timeout=3)) as client:
        slow, quick = send(client, lines())
        assert slow["problem"]["status"] == 504 and len(quick["ents"]) == 1
        gate.open.set()


@pytest.mark.parametrize("end", ["stop", "long"])
def test_at_its_end_a_stream_waits_for_what_was_taken_though_the_client_is_silent(end, monkeypatch):
    monkeypatch.setattr(annotators, "BATCH_NOTES", 1)
    nlp = make_pipeline()
    gate = gate_of(nlp)
    body = line("EKG slow") + line("EKG later") + (b"x" * 1001 if end == "long" else b"")
    limits = Limits(timeout=4, max_bytes=1000)
    with running({"rules": nlp}, limits) as client, client.connect(post(body, 10**6, "/annotate/stream")) as connection:
        client.wait_until(2)
        if end == "stop":
            loop = client.service.annotators["rules"]._lanes[0].get_loop()
            loop.call_soon_threadsafe(client.service.stopping.set)
        time.sleep(2.5)
        gate.open.set()
        time.sleep(2.5)
        gate.open_later.set()
        said = read_to_the_end(connection)
        client.service.stopping.clear()
    assert said.count(b'"label":"test"') == 2 and f'"status":{503 if end == "stop" else 413}'.encode() in said


def test_when_the_service_ends_a_stream_gets_the_answers_to_what_was_taken():
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}) as client:
        with client.connect(post(line("slow") + line("EKG"), 10**6, "/annotate/stream")) as connection:
            client.wait_until(2)
            loop = client.service.annotators["rules"]._lanes[0].get_loop()
            loop.call_soon_threadsafe(client.service.stopping.set)
            time.sleep(0.1)
            gate.open.set()
            said = read_to_the_end(connection)
        notes = [json.loads(part) for part in said.split(b"\r\n") if part.startswith(b"{")]
        assert [note["id"] for note in notes] == ["1", "2", "3"]
        assert notes[2]["problem"]["status"] == 503
        assert client.ask("/health").json == {"live": True, "ready": False}
        client.service.stopping.clear()
