"""Notes of a request of any length, a JSON line each, answered while they come in, and no faster than they are read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scripts.corpus.texts import Text
from scripts.serve.annotator import Annotator, Answer, Full, refuse
from scripts.serve.problems import Problem
from scripts.serve.schema import ListedNote

MEDIA_TYPE = "application/jsonl"
WINDOW = 64  # notes of a stream that are taken and not yet answered
ROOM_SECONDS = 0.02  # after which a stream looks again whether there is room
STOPPING = "The service ends: send the notes from here on to another."


class Gone(Exception):
    """The client hung up."""


class LineStream(Response):
    """The answers to lines, in order.

    annotator (Annotator): What annotates.
    check (Callable): What becomes of a note that is no text as it should be: the text, or a Problem is raised.
    count (Callable): Is told each answer.
    stopping (asyncio.Event): Once it is set no further line is taken.
    max_bytes (int): Of a line.
    seconds (float): In which a note that was taken is answered.
    """

    def __init__(
        self,
        annotator: Annotator,
        check: Callable[[str, str], Text],
        count: Callable[[Answer], None],
        stopping: asyncio.Event,
        max_bytes: int,
        seconds: float,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._annotator, self._check, self._count = annotator, check, count
        self._stopping, self._max_bytes, self._seconds = stopping, max_bytes, seconds
        self._taken: asyncio.Queue[tuple[str, asyncio.Future[Answer]] | None] = asyncio.Queue(WINDOW)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tasks = [asyncio.create_task(self._take(receive)), asyncio.create_task(self._give(send))]
        try:
            # The first one goes on until the client hangs up.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            while not self._taken.empty():
                if waiting := self._taken.get_nowait():
                    waiting[1].cancel()

    async def _take(self, receive: Receive) -> None:
        lines = read_lines(receive, self._max_bytes)
        number = 0
        try:
            while (line := await self._next(lines)) is not None:
                number += 1
                if line.strip():
                    await self._submit(number, line)
        except Gone:
            return
        except Problem as problem:
            await self._put(str(number + 1), _done(refuse(str(number + 1), problem.status_code, problem.detail)))
        await self._taken.put(None)
        while True:
            with suppress(Problem):  # of a client that says nothing; its answers are still due
                if (await receive())["type"] == "http.disconnect":
                    return

    async def _next(self, lines: AsyncIterator[bytes]) -> bytes | None:
        """The next line; None after the last one.

        RAISES (Problem): The service ends.
        """
        line, stop = asyncio.ensure_future(anext(lines, None)), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({line, stop}, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                raise Problem(503, STOPPING)
            return line.result()
        finally:
            line.cancel()
            stop.cancel()

    async def _submit(self, number: int, line: bytes) -> None:
        note_id = str(number)
        try:
            found = ListedNote.model_validate_json(line)
            note_id = str(number if found.id is None else found.id)
            note = self._check(note_id, found.text)
        except ValidationError:
            await self._put(note_id, _done(refuse(note_id, 422, f'Line {number} is no {{"id": ..., "text": "..."}}.')))
        except Problem as problem:
            await self._put(note_id, _done(refuse(note_id, problem.status_code, problem.detail)))
        else:
            await self._put(note_id, await self._submit_when_there_is_room(note))

    async def _submit_when_there_is_room(self, note: Text) -> "asyncio.Future[Answer]":
        while True:
            try:
                return self._annotator.submit(self, [note])[0]
            except Full:
                await asyncio.sleep(ROOM_SECONDS)

    async def _put(self, note_id: str, answer: "asyncio.Future[Answer]") -> None:
        try:
            await self._taken.put((note_id, answer))
        except BaseException:
            answer.cancel()
            raise

    async def _give(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while (taken := await self._taken.get()) is not None:
            note_id, waiting = taken
            try:
                answer = await asyncio.wait_for(waiting, self._seconds)
            except TimeoutError:
                answer = refuse(note_id, 504, f"The note took longer than {self._seconds:g} seconds.")
            self._count(answer)
            await send({"type": "http.response.body", "body": f"{answer.line}\n".encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def read_lines(receive: Receive, max_bytes: int) -> AsyncIterator[bytes]:
    """The lines of a request's body, without line ends.

    RAISES (Problem): One is too long.
    RAISES (Gone): The client hung up before the end.
    """
    rest, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        more = message.get("more_body", False)
        *lines, rest = (rest + message.get("body", b"")).split(b"\n")
        for line in lines:
            yield _check_length(line, max_bytes)
        _check_length(rest, max_bytes)
    if rest:
        yield rest


def _check_length(line: bytes, max_bytes: int) -> bytes:
    if len(line) > max_bytes:
        raise Problem(413, f"A line is longer than {max_bytes:,} bytes.")
    return line


def _done(answer: Answer) -> "asyncio.Future[Answer]":
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    future.set_result(answer)
    return future
