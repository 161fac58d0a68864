"""A small hub on this machine: the calls that huggingface_hub makes to publish a model, and their failures."""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import srsly

REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
ROUTES = {
    "create": ("POST", "/api/repos/create"),
    "info": ("GET", f"/api/models/{REPO}"),
    "validate": ("POST", "/api/validate-yaml"),
    "preupload": ("POST", f"/api/models/{REPO}/preupload/main"),
    "batch": ("POST", rf"/{REPO}\.git/info/lfs/objects/batch"),
    "blob": ("PUT", r"/blobs/(?P<oid>\w+)"),
    "commit": ("POST", f"/api/models/{REPO}/commit/main"),
    "settings": ("PUT", f"/api/models/{REPO}/settings"),
    "download": ("GET", f"/{REPO}/resolve/main/(?P<file>.+)"),
}
WITHOUT_TOKEN = {"blob", "download"}
CUT, CUT_AFTER = "cut in the middle", "cut after it was done"
RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing resets the connection


@dataclass
class Repo:
    """One repository; the hub itself puts the first file in."""

    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b""})
    commits: int = 0


class Hub(ThreadingHTTPServer):
    """The state of the hub.

    token (str): Of the only user.
    faults (dict[str, int | str]): By call its next failure: a status, CUT or CUT_AFTER; happens once.
    calls (list[str]): The calls that came, in order.
    shown (set): Every state in which a public repository could be seen: its name and its files' names.
    """

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.faults: dict[str, int | str] = {}
        self.calls: list[str] = []
        self.shown: set[tuple[str, frozenset[str]]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that were cut on purpose."""


@contextmanager
def running(token: str) -> Iterator[Hub]:
    with Hub(token) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


class Refusal(Exception):
    """An answer that is an error: status and JSON."""


class Handler(BaseHTTPRequestHandler):
    """One method a call, named as in ROUTES; it takes the body and returns the JSON or bytes to answer."""

    protocol_version = "HTTP/1.1"
    server: Hub  # type: ignore[assignment]

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the test's output."""

    def _handle(self) -> None:
        call, found = self._route()
        self.server.calls.append(call)
        fault = self.server.faults.pop(call, None)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length // 2 if fault == CUT else length)
        if fault == CUT:
            self._cut()
        elif isinstance(fault, int):
            # Worse than the real one: a client that prints the answer prints the token.
            self._answer(fault, {"error": self.headers.get("Authorization", "")})
        else:
            self._do(call, found, body, fault)

    do_GET = do_POST = do_PUT = _handle

    def _route(self) -> tuple[str, dict[str, str]]:
        for call, (method, pattern) in ROUTES.items():
            found = re.fullmatch(pattern, self.path)
            if found and method == self.command:
                return call, found.groupdict()
        raise AssertionError(f"the client made a call that is not implemented: {self.command} {self.path}")

    def _do(self, call: str, found: dict[str, str], body: bytes, fault: str | None) -> None:
        try:
            if call not in WITHOUT_TOKEN and self.headers.get("Authorization") != f"Bearer {self.server.token}":
                raise Refusal(401, {"error": "Invalid username or password."})
            status, answer = 200, getattr(self, call)(body, **found)
        except Refusal as refusal:
            status, answer = refusal.args
        repos = self.server.repos.items()
        self.server.shown.update((name, frozenset(repo.files)) for name, repo in repos if not repo.private)
        if fault == CUT_AFTER:
            self._cut()
        else:
            self._answer(status, answer)

    def _cut(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()
        self.close_connection = True

    def _answer(self, status: int, answer: dict[str, Any] | bytes) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if data is answer else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def create(self, body: bytes) -> dict[str, Any]:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.server.url}/{name}"}
        if name in self.server.repos:
            raise Refusal(409, {"error": "You already created this model repo", **url})
        self.server.repos[name] = Repo(asked["private"])
        return url

    def info(self, body: bytes, repo: str) -> dict[str, Any]:
        if repo not in self.server.repos:
            raise Refusal(404, {"error": "Repository not found"})
        found = self.server.repos[repo]
        return {"id": repo, "private": found.private, "siblings": [{"rfilename": file} for file in found.files]}

    def validate(self, body: bytes) -> dict[str, Any]:
        _, front, _ = json.loads(body)["content"].split("---\n", 2)
        metadata: Any = srsly.yaml_loads(front)
        for result in metadata["model-index"][0]["results"]:
            if not {"task", "dataset", "metrics"} <= set(result):
                raise Refusal(400, {"errors": [{"message": "model-index"}], "warnings": []})
        return {"errors": [], "warnings": []}

    def preupload(self, body: bytes, repo: str) -> dict[str, Any]:
        def mode(path: str) -> str:
            return "lfs" if path.endswith((".whl", "/model")) else "regular"

        paths = [file["path"] for file in json.loads(body)["files"]]
        return {"files": [{"path": path, "uploadMode": mode(path), "shouldIgnore": False} for path in paths]}

    def batch(self, body: bytes, repo: str) -> dict[str, Any]:
        def action(oid: str) -> dict[str, Any]:
            return {"upload": {"href": f"{self.server.url}/blobs/{oid}"}}

        objects = json.loads(body)["objects"]
        return {"transfer": "basic", "objects": [{**asked, "actions": action(asked["oid"])} for asked in objects]}

    def blob(self, body: bytes, oid: str) -> dict[str, Any]:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, {"error": "not the content that was announced"})
        self.server.blobs[oid] = body
        return {}

    def commit(self, body: bytes, repo: str) -> dict[str, Any]:
        files = {}
        for line in body.splitlines():
            key, value = json.loads(line).values()
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
        self.server.repos[repo].files.update(files)
        self.server.repos[repo].commits += 1
        return {"commitUrl": f"{self.server.url}/{repo}/commit/1", "commitOid": "1"}

    def settings(self, body: bytes, repo: str) -> dict[str, Any]:
        self.server.repos[repo].private = json.loads(body)["private"]
        return {"private": self.server.repos[repo].private}

    def download(self, body: bytes, repo: str, file: str) -> bytes:
        if repo not in self.server.repos or self.server.repos[repo].private:
            raise Refusal(401, {"error": "Repository not found"})
        return self.server.repos[repo].files[file]
