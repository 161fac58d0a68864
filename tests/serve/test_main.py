"""The `serve` command as a process: who may reach it, TLS, its end; bad options end in one sentence."""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.corpus.docs import create_nlp
from scripts.serve.__main__ import SHAPE_CACHES, main, name_models
from scripts.serve.server import HEADER_SECONDS, bind
from tests.commands import assert_fails, run
from tests.paths import ROOT
from tests.serving import PATTERNS, SECONDS

TOKEN = "zorblattin-90817263"


@pytest.fixture(autouse=True)
def keep_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`main` sets how many shapes are kept, which other tests are not to have."""
    for name in SHAPE_CACHES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of rules, saved."""
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("models") / "rules"
    nlp.to_disk(folder)
    return folder


@contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """The command, once it serves, and its port."""
    command = [sys.executable, "-m", "scripts.serve", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()
            found = next((found for line in process.stdout if (found := re.search(r"Serving .+:(\d+)/", line))), None)
            timer.cancel()
            assert found, "it did not come to serve"
            yield process, int(found[1])
        finally:
            process.kill()


def connect(port: int, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    if context:
        return http.client.HTTPSConnection("localhost", port, timeout=SECONDS, context=context)
    return http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)


def ask(connection: http.client.HTTPConnection, text: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    sent = {"content-type": "application/json", **(headers or {})}
    connection.request("POST", "/annotate", json.dumps({"text": text}), sent)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def fails(*arguments: str | Path | int, saying: str) -> None:
    assert_fails(run(main, *map(str, arguments)), saying)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_at_its_end_it_answers_what_it_has_takes_no_more_and_exits_with_0(model: Path, end: signal.Signals):
    with served(model) as (process, port), closing(connect(port)) as idle, closing(connect(port)) as connection:
        assert ask(idle, "EKG")[0] == 200
        long = "EKG and chest pain . " * 10_000
        connection.request("POST", "/annotate", json.dumps({"text": long}), {"content-type": "application/json"})
        deadline = time.monotonic() + SECONDS
        with closing(connect(port)) as other:
            while 'waiting_notes{model="rules"} 1.0' not in metrics(other):
                assert process.poll() is None and time.monotonic() < deadline
        process.send_signal(end)
        response = connection.getresponse()
        assert (response.status, len(json.loads(response.read())["ents"])) == (200, 20_000)
        assert process.wait(SECONDS) == 0
        assert process.stdout is not None and "Traceback" not in process.stdout.read()
        with pytest.raises(OSError):
            ask(connect(port), "EKG")


def metrics(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def test_it_ends_in_its_time_though_clients_hold_on(model: Path):
    with served(model, "--timeout", "1") as (process, port), closing(connect(port)) as connection:
        connection.putrequest("POST", "/annotate/stream")
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(SECONDS) == 0 and time.monotonic() - begun < 30


def test_beyond_this_machine_a_token_is_asked_for(model: Path, tmp_path: Path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf8")
    message = "0.0.0.0 is seen by others: give --token-file, or --no-token if they may all ask."
    fails(model, "--host", "0.0.0.0", saying=message)
    with served(model, "--host", "0.0.0.0", "--token-file", path, "--allowed-host", "NER.example") as (_, port):
        for host, shown, status in (
            ("ner.example", f"Bearer {TOKEN}", 200),
            ("ner.example", "Bearer none", 401),
            ("evil.example", f"Bearer {TOKEN}", 421),
        ):
            with closing(connect(port)) as connection:
                assert ask(connection, "EKG", {"host": host, "authorization": shown})[0] == status
    with served(model, "--host", "0.0.0.0", "--no-token") as (_, port), closing(connect(port)) as connection:
        assert ask(connection, "EKG", {"host": "0.0.0.0"})[0] == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl on this machine, to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-out", certificate, "-keyout", key, *names]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_it_speaks_tls(model: Path, certificate: tuple[Path, Path]):
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    with served(model, "--ssl-certfile", cert, "--ssl-keyfile", key) as (_, port):
        with closing(connect(port, context)) as connection:
            assert ask(connection, "EKG")[0] == 200
        with pytest.raises((OSError, http.client.HTTPException)), closing(connect(port)) as connection:
            ask(connection, "EKG")
        with closing(connect(port, context)) as connection:
            assert ask(connection, "EKG")[0] == 200


def test_a_large_answer_is_read_slowly_over_tls(model: Path, certificate: tuple[Path, Path]):
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    body = json.dumps({"texts": [{"text": "é" * 100_000}] * 30}, ensure_ascii=False).encode()
    options = ("--ssl-certfile", cert, "--ssl-keyfile", key)
    with served(model, *options) as (_, port), closing(connect(port, context)) as connection:
        connection.request("POST", "/annotate", body, {"content-type": "application/json"})
        response = connection.getresponse()
        said = len(response.read(100_000))
        time.sleep(HEADER_SECONDS + 2)
        while part := response.read(1_000_000):
            said += len(part)
    assert response.status == 200 and said > 30 * 600_000


def test_a_certificate_that_is_none_is_told(model: Path, certificate: tuple[Path, Path]):
    cert, key = certificate
    fails(model, "--port", "0", "--ssl-certfile", key, saying=f"{key} and {key} cannot be used for TLS")
    fails(model, "--ssl-keyfile", key, saying="--ssl-keyfile is of no use without --ssl-certfile")
    fails(model, "--ssl-certfile", cert.parent / "none", saying=f"{cert.parent / 'none'} does not exist.")


@pytest.mark.parametrize("text", ["", "short", "two words of sixteen", "ä" * 20])
def test_a_token_that_could_be_guessed_is_refused(model: Path, tmp_path: Path, text: str):
    path = tmp_path / "token"
    path.write_text(text, encoding="utf8")
    fails(model, "--token-file", path, saying=f"{path} holds no token: write one line of 16 or more")


@pytest.mark.parametrize("option", ["--max-chars", "--max-bytes", "--max-waiting"])
def test_limits_of_nothing_are_refused(model: Path, option: str):
    fails(model, option, "0", saying="--max-chars, --max-bytes and --max-waiting take numbers from 1.")


def test_a_time_that_is_none_is_refused(model: Path):
    fails(model, "--timeout", "nan", saying="--timeout nan is too short: give 1 second or more.")


def test_an_address_that_cannot_be_used_is_told(model: Path):
    with closing(bind("127.0.0.1", 0)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        fails(model, "--port", port, saying=f"127.0.0.1, port {port} cannot be used (")
    fails(model, "--port", "99999", saying="127.0.0.1, port 99999 cannot be used (")
    fails(model, "--host", "no.invalid", "--no-token", saying="no.invalid, port 8000 cannot be used (")


def test_models_have_names_of_their_own(model: Path, tmp_path: Path):
    names = name_models(["en_medner_bert", "training/ward/albert/model-best", str(tmp_path / "x")])
    assert list(names) == ["en_medner_bert", "albert", "x"]
    fails(model, tmp_path / "rules", saying=f"{model} and {tmp_path / 'rules'} would both be called 'rules'")
    fails("en_no_model", "--port", "0", saying="en_no_model is neither the folder of a trained pipeline nor")


@pytest.mark.parametrize(("own", "kept"), [(None, "16"), ("64", "64")])
def test_few_shapes_are_kept_unless_somebody_says_otherwise(model: Path, monkeypatch, own: str | None, kept: str):
    for name in SHAPE_CACHES:
        if own:
            monkeypatch.setenv(name, own)
    fails(model, "--port", "99999", saying="cannot be used (")
    assert [os.environ[name] for name in SHAPE_CACHES] == [kept, kept]
