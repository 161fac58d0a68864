"""The service under load and faults: words a second beside `nlp.pipe` alone, latencies, memory, and what it survives.

python -m benchmarks.serve training/sample/bert/model-best
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any, NamedTuple

import srsly
import torch
import typer
from spacy.language import Language
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.docs import create_nlp, read_docs
from scripts.corpus.pipelines import count_words, load_pipeline
from scripts.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "serve.jsonl"
SEED = 0
# Notes in a text, 0 for a line of one, and how many of ten texts are so long
LENGTHS = {0: 4, 1: 4, 3: 1, 10: 1}
TEXTS = 200
WARM_UP = 20  # seconds
ROUNDS = 3  # of `nlp.pipe`, before and after the load
CONNECTIONS = 1000
BIG = 10_000_000  # bytes
# Of a text's mentions: in bfloat16 the sums of a batch depend on its shape, for `nlp.pipe` and `nlp` as well. In
# float32 not one differs.
ROUNDING = 0.02
Ents = list[tuple]


class Case(NamedTuple):
    """A text, its words, and the mentions that `nlp.pipe` finds in it."""

    text: str
    words: int
    ents: Ents


class Load(NamedTuple):
    """What some time of load gave.

    seconds (list[float]): Of each request, from its first byte to the last one of the answer.
    errors (int): Requests that were not answered, or with other mentions than `ROUNDING` allows.
    mentions, other (int): Mentions that `nlp.pipe` finds in all texts, and those that only one of both finds.
    """

    words_a_second: float
    seconds: list[float]
    errors: int
    mentions: int
    other: int


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a trained pipeline of ours")],
    corpus: Annotated[Path, typer.Option(help="Converted corpus")] = Path("corpus/sample"),
    clients: Annotated[int, typer.Option(help="Clients at once, each of which waits for its answer")] = 50,
    seconds: Annotated[int, typer.Option(help="How long they ask")] = 120,
) -> None:
    """Measure the service with MODEL."""
    nlp = load_pipeline(model)
    cases = make_cases(nlp, [doc.text for doc in read_docs(corpus / "test.spacy", create_nlp().vocab)])
    before = [measure_pipe(nlp, cases) for _ in range(ROUNDS)]
    command = [sys.executable, "-m", "scripts.serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = read_port(server)
            asyncio.run(ask_for(port, cases, clients, WARM_UP))
            warm = memory_of(server.pid)
            load = asyncio.run(ask_for(port, cases, clients, seconds))
            memory = memory_of(server.pid)
            after = [measure_pipe(nlp, cases) for _ in range(ROUNDS)]
            faults = asyncio.run(try_faults(port, cases))
        finally:
            server.send_signal(signal.SIGTERM)
        code = server.wait()
    row = {
        "words_a_second": round(load.words_a_second),
        "pipe_words_a_second": round(median(before + after)),
        "ratio": round(load.words_a_second / median(before + after), 3),
        "requests": len(load.seconds),
        "errors": load.errors,
        "mentions": load.mentions,
        "mentions_otherwise": load.other,
        "latency_ms": {f"p{part}": round(1000 * quantiles(load.seconds, n=100)[part - 1]) for part in (50, 95, 99)},
        "memory_mib": {"warm": warm, "end": memory, "ratio": round(memory / warm, 3)},
        "faults": faults,
        "exit_code": code,
        "clients": clients,
        "seconds": seconds,
        "machine": describe_machine(torch.device("cpu")),
    }
    show(row)
    srsly.write_jsonl(RESULTS, [row], append=True, append_new_line=False)


def make_cases(nlp: Language, notes: Sequence[str]) -> list[Case]:
    """Texts of mixed length from notes, and what is to be found in them."""
    chance = random.Random(SEED)
    texts = []
    for length in chance.choices(list(LENGTHS), list(LENGTHS.values()), k=TEXTS):
        lines = [line for line in chance.choice(notes).splitlines() if line.strip()]
        texts.append("\n".join(chance.sample(notes, length)) if length else chance.choice(lines))
    docs = list(nlp.pipe(texts))
    return [
        Case(text, count_words([doc]), [(e.start_char, e.end_char, e.label_, e._.assertion) for e in doc.ents])
        for text, doc in zip(texts, docs, strict=True)
    ]


def measure_pipe(nlp: Language, cases: Sequence[Case]) -> float:
    """Words a second of `nlp.pipe` alone."""
    begun = time.perf_counter()
    for _ in nlp.pipe([case.text for case in cases]):
        pass
    return sum(case.words for case in cases) / (time.perf_counter() - begun)


def read_port(server: subprocess.Popen) -> int:
    """Wait until the service is there.

    RAISES (InputError): It ended instead.
    """
    assert server.stdout is not None
    for line in server.stdout:
        if "Serving" in line:
            return int(line.split("http://")[1].split("/")[0].rpartition(":")[2])
    raise InputError("The service ended before it was there.")


def memory_of(process: int) -> int:
    """The memory that a process holds, in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf8")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


# Clients


def to_request(body: bytes, length: int | None = None) -> bytes:
    """A request, of which more may be announced than there is."""
    head = "POST /annotate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {length or len(body)}\r\n\r\n".encode() + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length:")[1].split()[0]
    return int(head.split()[1]), await reader.readexactly(int(length))


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, case: Case) -> int | None:
    """How many mentions are found otherwise than `nlp.pipe` does, or None if that is an error; waits for its turn."""
    while True:
        writer.write(to_request(json.dumps({"text": case.text}).encode()))
        status, body = await read_answer(reader)
        if status != 503:
            break
        await asyncio.sleep(0.2)
    found = {(e["start"], e["end"], e["label"], e["assertion"]) for e in json.loads(body).get("ents", [])}
    other = len(found ^ set(case.ents))
    return other if status == 200 and other <= max(1, ROUNDING * len(case.ents)) else None


async def ask_for(port: int, cases: Sequence[Case], clients: int, seconds: float) -> Load:
    """Let clients ask for a time."""
    order, begun = count(), time.perf_counter()
    took: list[float] = []
    asked: list[Case] = []
    others: list[int | None] = []

    async def ask() -> None:
        async with connect(port) as streams:
            while (start := time.perf_counter()) < begun + seconds:
                case = cases[next(order) % len(cases)]
                others.append(await ask_once(*streams, case))
                took.append(time.perf_counter() - start)
                asked.append(case)

    await asyncio.gather(*(ask() for _ in range(clients)))
    words = sum(case.words for case in asked)
    mentions, other = sum(len(case.ents) for case in asked), sum(filter(None, others))
    return Load(words / (time.perf_counter() - begun), took, others.count(None), mentions, other)


# Faults


async def try_faults(port: int, cases: Sequence[Case]) -> dict[str, str]:
    """By fault what was answered, and whether the service is right beside it and afterwards."""
    results = {}
    for name, fault in FAULTS.items():
        beside = asyncio.create_task(ask_for(port, cases, 2, 3))
        said = await fault(port)
        errors = (await beside).errors + (await ask_for(port, cases, 2, 1)).errors
        results[name] = f"{said}; {'right' if not errors else f'{errors} errors'} beside it and afterwards"
        msg.text(f"{name}: {results[name]}")
    return results


async def send(port: int, data: bytes) -> str:
    """The status that is answered to bytes."""
    async with connect(port) as (reader, writer):
        writer.write(data)
        try:
            return str((await asyncio.wait_for(read_answer(reader), 60))[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return "closed"


async def drip(port: int, data: bytes) -> str:
    """Send a byte a second until the connection is closed."""
    async with connect(port) as (reader, writer):
        begun = time.perf_counter()
        ended = asyncio.ensure_future(reader.read())
        for byte in data:
            if ended.done() or writer.is_closing():
                break
            writer.write(bytes([byte]))
            await asyncio.wait({ended}, timeout=1)
        said = (await ended).split()[1:2]
        return f"{b''.join(said).decode() or 'closed'} after {time.perf_counter() - begun:.0f} s"


async def slow_loris(port: int) -> str:
    head = b"POST /annotate HTTP/1.1\r\nhost: localhost\r\n" * 9
    said = await asyncio.gather(*(drip(port, head) for _ in range(200)))
    return ", ".join(f"{said.count(one)} x {one}" for one in sorted(set(said)))


async def half_sent(port: int) -> str:
    """Bodies that are never sent to their end: some clients wait, some hang up."""
    async with connect(port) as (_, writer):
        writer.write(to_request(b'{"text": "She', 1000))
    return await send(port, to_request(b'{"text": "She', 1000))


async def many_connections(port: int) -> str:
    """As many connections at once, all of which ask."""
    request = to_request(b'{"text": "She denies chest pain ."}')
    said = await asyncio.gather(*(send(port, request) for _ in range(CONNECTIONS)))
    return ", ".join(f"{said.count(status):,} x {status}" for status in sorted(set(said)))


def sent(body: bytes) -> Callable[[int], Coroutine[Any, Any, str]]:
    return lambda port: send(port, to_request(body))


FAULTS: dict[str, Callable[[int], Coroutine[Any, Any, str]]] = {
    "no HTTP": lambda port: send(port, b"\x16\x03\x01 nonsense\r\n\r\n"),
    "broken JSON": sent(b'{"text": "She'),
    "JSON nested 100,000 deep": sent(b"[" * 100_000),
    "no UTF-8": sent(b'{"text": "\xff\xfe"}'),
    "null bytes": sent(b'{"text": "a\\u0000b"}'),
    "half of a surrogate pair": sent(b'{"text": "\\ud800"}'),
    "10 MB": sent(b'{"text": "' + b"a " * (BIG // 2) + b'"}'),
    "header of 100 KB": lambda port: send(port, b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n"),
    "bodies half sent": half_sent,
    "200 clients that send a byte a second": slow_loris,
    "1,000 connections": many_connections,
}


def show(row: dict[str, Any]) -> None:
    latency, memory, pipe = row["latency_ms"], row["memory_mib"], row["pipe_words_a_second"]
    rows = [
        ("words a second, and of nlp.pipe", f"{row['words_a_second']:,}, {pipe:,}: {row['ratio']}"),
        ("requests, errors", f"{row['requests']:,}, {row['errors']}"),
        ("mentions, found otherwise", f"{row['mentions']:,}, {row['mentions_otherwise']:,}"),
        ("p50, p95, p99", ", ".join(f"{latency[name]:,}" for name in latency) + " ms"),
        ("memory warm, at the end", f"{memory['warm']:,}, {memory['end']:,} MiB: {memory['ratio']}"),
        ("exit code", row["exit_code"]),
    ]
    msg.table(rows)


if __name__ == "__main__":
    os.environ.setdefault("ANSI_COLORS_DISABLED", "1")
    cli.run(main)
