"""What the service answers to which request."""

import json
import logging
import time

import pytest
import spacy

from scripts.corpus.texts import Text
from scripts.corpus.writers import JsonlWriter
from scripts.serve import annotator as annotators
from scripts.serve.guard import HEADERS
from scripts.serve.limits import Limits
from scripts.serve.problems import MEDIA_TYPE
from tests.serving import SECONDS, Answered, Client, gate_of, make_pipeline, post, running

NOTE = "Pt has chest\r\n  pain 😀 .\nEKG was fine .\n"
PLANTED = ("zorblattin", "quendrick", "90817263")


def problem_of(answer: Answered) -> tuple[int, str]:
    """Status and detail of a problem, which has the form of RFC 9457."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "status", "detail"} <= answer.json.keys()
    assert answer.json["status"] == answer.status
    return answer.status, answer.json["detail"]


def written(note_id: str, text: str, tmp_path) -> dict:
    """A note as `annotate --to jsonl` writes it."""
    writer, path = JsonlWriter(), tmp_path / "notes.jsonl"
    writer.add(Text(note_id, text, ""), make_pipeline()(text))
    writer.save(path)
    return json.loads(path.read_text(encoding="utf8"))


def test_a_note_is_answered_as_annotate_writes_it(client: Client, tmp_path):
    answer = client.ask("/annotate", {"text": NOTE})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == written("1", NOTE, tmp_path)
    assert [ent["label"] for ent in answer.json["ents"]] == ["problem", "test"]
    assert client.ask("/annotate", {"text": NOTE, "id": "a/b"}).json == written("a/b", NOTE, tmp_path)
    assert client.ask("/annotate", {"text": ""}).json == {"id": "1", "text": "", "ents": []}


def test_several_notes_are_answered_in_order_those_that_cannot_be_taken_among_them(client: Client, tmp_path):
    texts = [{"id": "x", "text": NOTE}, {"text": "a\0b"}, {"id": 7, "text": "raises"}, {"text": "chest pain"}]
    notes = client.ask("/annotate", {"texts": texts}).json["notes"]
    assert [note["id"] for note in notes] == ["x", "2", "7", "4"]
    assert notes[0] == written("x", NOTE, tmp_path) and notes[3] == written("4", "chest pain", tmp_path)
    assert [note["problem"]["status"] for note in notes[1:3]] == [422, 500]
    assert client.ask("/annotate", {"texts": []}).json == {"notes": []}


def test_a_model_is_chosen_by_its_name(client: Client):
    assert client.ask("/annotate?model=empty", {"text": "EKG"}).json["ents"] == []
    assert len(client.ask("/annotate?model=rules", {"text": "EKG"}).json["ents"]) == 1
    assert problem_of(client.ask("/annotate?model=zorblattin", {"text": "EKG"})) == (
        404, "No model is called so: there are rules, empty.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"text": "quendrick', 400, "The body is no JSON."),
        ("[" * 100_000, 400, "There was an error parsing the body"),
        (b'{"text": "\xff\xfe quendrick"}', 400, "There was an error parsing the body"),
        ('{"text": "quendrick \\u0000"}', 422, "The note cannot be taken: null bytes (UTF-16?)."),
        ('{"text": "quendrick \\ud800"}', 422, "The note cannot be taken: not UTF-8."),
        ('{"text": 90817263}', 422, "Send {"),
        ('{"quendrick": "zorblattin"}', 422, "Send {"),
        ('{"texts": [{"id": [], "text": "quendrick"}]}', 422, "Send {"),
        ('"quendrick"', 422, "Send {"),
        ('{"text": "EKG", "id": "\\ud800"}', 422, "The note cannot be taken: the id holds control characters."),
        ('{"text": "EKG", "id": "a\\nb"}', 422, "The note cannot be taken: the id holds control characters."),
        ('{"texts": [' + '{"text": ""},' * 10_000 + '{"text": ""}]}', 413, "Too many notes in one request"),
        ('{"texts": [' + '{"text": ""},' * 2_000 + '{"text": ""}]}', 413, "More than 1,000 notes in one request"),
        ('{"texts": [' + "1," * 300_000 + "1]}", 422, "Send {"),
        ("", 422, "Send {"),
    ],
)  # fmt: skip
def test_bad_input_is_told_without_a_word_of_it(client: Client, body, status, said):
    answer = client.ask("/annotate", body)
    found, detail = problem_of(answer)
    assert found == status and detail.startswith(said)
    assert not any(word.encode() in answer.body for word in PLANTED)


def test_an_id_that_cannot_be_written_does_no_harm(client: Client):
    for _ in range(5):  # more than there are lanes
        texts = '{"texts": [{"id": "\\ud800", "text": "EKG"}, {"id": "\\udfff", "text": "a\\u0000"}, {"text": "EKG"}]}'
        notes = client.ask("/annotate", texts).json["notes"]
        assert [note.get("problem", {}).get("status") for note in notes] == [422, 422, None]
        assert notes[0]["id"] == "\\ud800"
        line = client.ask("/annotate/stream", '{"id": "\\ud800", "text": "EKG"}\n').json
        assert line["problem"]["status"] == 422
    assert client.ask("/annotate", {"text": "EKG"}).status == 200
    assert client.ask("/health").json == {"live": True, "ready": True}


def test_a_service_whose_thread_is_gone_is_not_ready():
    with running({"rules": make_pipeline()}) as client:
        lane = client.service.annotators["rules"]._lanes[0]
        lane.get_loop().call_soon_threadsafe(lane.cancel)
        deadline = time.monotonic() + SECONDS
        while client.ask("/health").status != 503:
            assert time.monotonic() < deadline


def test_where_a_body_is_wrong_is_pointed_at(client: Client):
    answer = client.ask("/annotate", {"texts": [{"text": "EKG"}, {"text": 5}]})
    assert {"pointer": "/texts/1/text", "detail": "Input should be a valid string"} in answer.json["errors"]


def test_what_is_not_there_is_a_problem_too(client: Client):
    assert problem_of(client.ask("/zorblattin")) == (404, "Not Found")
    assert problem_of(client.ask("/annotate")) == (405, "Method Not Allowed")
    assert problem_of(client.ask("/annotate", "{}", headers={"content-type": "text/plain"}))[0] == 422
    assert problem_of(client.ask("/annotate/", {"text": "EKG"})) == (404, "Not Found")
    for path in ("/docs", "/redoc"):  # which would load scripts from elsewhere
        assert client.ask(path).status == 404


def test_every_answer_has_the_headers_of_security(client: Client):
    paths = ("/", "/page.js", "/page.css", "/page.json", "/health", "/model", "/metrics", "/openapi.json", "/none")
    for path in paths:
        assert HEADERS.items() <= client.ask(path).headers.items(), path
    csp = HEADERS["content-security-policy"]
    assert "default-src 'none'" in csp and "frame-ancestors 'none'" in csp and "unsafe" not in csp


def test_health_and_model(client: Client):
    assert client.ask("/health").json == {"live": True, "ready": True}
    facts = client.ask("/model?model=empty").json
    assert (facts["models"], facts["name"], facts["version"]) == (["rules", "empty"], "empty", "0.0.0")
    facts = client.ask("/model").json
    assert (facts["name"], facts["labels"], facts["encoder"]) == ("rules", ["problem", "test"], None)
    assert facts["words_per_second"] > 0 and facts["processor"] and facts["scores"] == {}


def test_metrics_count_requests_notes_words_and_mentions():
    with running({"rules": make_pipeline()}) as client:
        client.ask("/annotate", {"text": "She has chest pain ."})
        client.ask("/annotate", {"texts": [{"text": "EKG"}, {"text": "raises"}, {"text": "a\0"}]})
        client.ask("/annotate", "{")
        client.ask("/zorblattin")
        metrics = client.ask("/metrics").body.decode()
    for line in (
        'medner_requests_total{route="/annotate",status="200"} 2.0',
        'medner_requests_total{route="/annotate",status="400"} 1.0',
        'medner_requests_total{route="",status="404"} 1.0',
        'medner_notes_total{model="rules",outcome="annotated"} 2.0',
        'medner_notes_total{model="rules",outcome="failed"} 2.0',
        'medner_words_total{model="rules"} 6.0',
        'medner_mentions_total{label="problem",model="rules"} 1.0',
        'medner_mentions_total{label="test",model="rules"} 1.0',
        'medner_waiting_notes{model="rules"} 0.0',
        'medner_request_seconds_count{route="/annotate"} 3.0',
    ):
        assert line in metrics.splitlines(), line
    assert "zorblattin" not in metrics


def test_examples_of_the_openapi_are_answered_as_it_says(client: Client):
    spec = client.ask("/openapi.json").json
    schemas = spec["components"]["schemas"]
    assert set(spec["paths"]) == {"/annotate", "/annotate/stream", "/health", "/model", "/metrics"}
    for name, answer in (("NoteIn", "NoteOut"), ("NotesIn", "NotesOut")):
        for example in schemas[name]["examples"]:
            found = client.ask("/annotate", example)
            assert found.status == 200 and found.json.keys() == set(schemas[answer]["required"])
    shown = schemas["NoteOut"]["examples"][0]
    assert client.ask("/annotate", {"text": shown["text"]}).json["ents"][0].keys() == shown["ents"][0].keys()


def test_no_word_of_a_note_is_kept_or_written(capfd, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"Mr. {' '.join(PLANTED)} has chest pain ."
    nlp = make_pipeline()
    said: list[bytes] = []
    with caplog.at_level(logging.DEBUG), running({"rules": nlp}, Limits(max_chars=1000)) as client:
        assert client.ask("/annotate", {"text": text, "id": "a"}).status == 200
        assert client.ask(f"/annotate?model={PLANTED[0]}", {"text": text}).status == 404
        for body in (text, {"text": f"raises {text}"}, {"text": text * 100}, {"text": f"{text}\0"}, {PLANTED[0]: text}):
            said.append(client.ask("/annotate", body).body)
            said.append(client.ask("/annotate/stream", f"{json.dumps(body)}\n").body)
        client.ask("/annotate", {"text": "EKG", "id": text})  # which comes back
        client.ask("/annotate/stream", json.dumps({"text": text, "id": f"{text}\n"}))
        said.append(client.ask("/health", method=PLANTED[0].upper(), headers={"x": PLANTED[1]}).body)
        said.append(client.ask(f"/annotate/stream?model={PLANTED[0]}", "{}\n").body)
        said.append(client.ask(f"/{PLANTED[0]}?{PLANTED[1]}={PLANTED[2]}").body)
        with client.connect(f"{text}\r\n\r\n".encode()) as connection:
            said.append(connection.recv(10_000))
        said += [client.ask(path).body for path in ("/metrics", "/model", "/page.json")]
        assert not any(word in nlp.vocab.strings for word in PLANTED)
    printed = capfd.readouterr()
    assert PLANTED[0].upper() not in printed.out + printed.err + caplog.text
    said += [printed.out.encode(), printed.err.encode(), caplog.text.encode()]
    for word in PLANTED:
        assert not any(word.encode() in what for what in said), word
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_the_service_is_told_without_the_words_that_it_met(monkeypatch, capfd):
    def fail(*_: object) -> None:
        raise ValueError("quendrick")

    with running({"rules": make_pipeline()}) as client:
        monkeypatch.setattr(client.service, "choose", fail)
        status, detail = problem_of(client.ask("/annotate", {"text": "EKG"}))
        monkeypatch.undo()
        assert (status, detail[:24]) == (500, "The service failed at te") and "quendrick" not in detail
        assert client.ask("/annotate", {"text": "EKG"}).status == 200
    printed = capfd.readouterr().out
    assert "/annotate failed (ValueError, tests/serve/test_app.py:" in " ".join(printed.split())
    assert "quendrick" not in printed


# Limits


@pytest.fixture(scope="module")
def narrow():
    """A service that takes little."""
    with running({"rules": make_pipeline()}, Limits(max_chars=100, max_bytes=1000, max_waiting=3)) as client:
        yield client


def test_what_is_too_much_is_refused(narrow: Client):
    assert narrow.ask("/annotate", {"text": "a" * 100}).status == 200
    assert problem_of(narrow.ask("/annotate", {"text": "a" * 101})) == (
        413, "The note cannot be taken: longer than 100 characters.",
    )  # fmt: skip
    assert problem_of(narrow.ask("/annotate", {"texts": [{"text": "a"}] * 4}))[0] == 413
    assert problem_of(narrow.ask("/annotate", {"text": "a" * 1000}))[0] == 413
    assert narrow.ask("/annotate", {"texts": [{"text": "a" * 101}, {"text": "EKG"}]}).json["notes"][1]["ents"]


def test_a_request_that_is_too_large_is_refused_before_it_is_read(narrow: Client):
    with narrow.connect(post(b"", length=10**9)) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    head = b"POST /annotate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with narrow.connect(head + b"transfer-encoding: chunked\r\n\r\n400\r\n" + b"a" * 1024 + b"\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_while_too_many_notes_wait_others_are_to_come_later():
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}, Limits(max_waiting=3)) as client:
        asking = [client.ask_in_thread("/annotate", {"text": "slow chest pain"}) for _ in range(3)]
        client.wait_until(3)
        answer = client.ask("/annotate", {"text": "EKG"})
        assert problem_of(answer)[0] == 503 and answer.headers["retry-after"] == "1"
        assert client.ask("/health").json == {"live": True, "ready": True}
        gate.open.set()
        assert [one.answer().status for one in asking] == [200] * 3
        assert client.ask("/annotate", {"text": "EKG"}).status == 200


def test_what_takes_too_long_is_given_up():
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}, Limits(timeout=1)) as client:
        begun = time.monotonic()
        status, _ = problem_of(client.ask("/annotate", {"text": "slow"}))
        assert status == 504 and time.monotonic() - begun >= 1
        client.wait_until(0)
        gate.open.set()
        assert client.ask("/annotate", {"text": "EKG"}).status == 200


def test_a_client_that_hangs_up_frees_its_notes(monkeypatch):
    monkeypatch.setattr(annotators, "SHORT_LANES", 1)
    nlp = make_pipeline()
    gate = gate_of(nlp)
    with running({"rules": nlp}) as client:
        slow = client.ask_in_thread("/annotate", {"text": "slow"})
        assert gate.entered.wait(SECONDS)
        with client.connect(post(json.dumps({"texts": [{"text": "left"}] * 50}).encode())):
            client.wait_until(51)
        client.wait_until(1)
        gate.open.set()
        assert slow.answer().status == 200
        assert client.ask("/annotate", {"text": "EKG"}).status == 200
        assert "left" not in gate.read


def test_a_spacy_pipeline_of_another_kind_is_served():
    with running({"blank": spacy.blank("de")}) as client:
        assert client.ask("/annotate", {"text": "Kein Fieber ."}).json["ents"] == []


def test_settings_of_the_page_and_notes_to_try(client: Client):
    settings = client.ask("/page.json").json
    assert settings["models"] == ["rules", "empty"] and settings["colours"].keys() == {"problem", "test"}
    assert settings["samples"]
    for name in settings["samples"]:
        answer = client.ask(f"/samples/{name}")
        assert answer.status == 200 and len(answer.body) > 100
    for name in ("none", "..%2F..%2F..%2FREADME.md", "../../../../README.md"):
        assert problem_of(client.ask(f"/samples/{name}"))[0] == 404
