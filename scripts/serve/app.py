"""The service: what it answers to which request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from spacy.language import Language
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scripts.corpus.failures import place_of
from scripts.corpus.texts import Text, Unreadable, check_id, check_text
from scripts.serve.annotator import Annotator, Answer, Full, refuse
from scripts.serve.facts import describe
from scripts.serve.guard import Guard
from scripts.serve.limits import Limits
from scripts.serve.metrics import Metrics
from scripts.serve.page import FILES, add_page
from scripts.serve.problems import MEDIA_TYPE, Problem, from_exception, from_validation, to_response
from scripts.serve.schema import Health, ModelOut, NoteIn, NoteOut, NotesIn, NotesOut, ProblemOut
from scripts.serve.stream import MEDIA_TYPE as LINES
from scripts.serve.stream import LineStream

Value = TypeVar("Value")
STREAM = "/annotate/stream"
OPEN_PATHS = ("/health", *FILES)  # seen without a token: nothing of notes or models is in them
BODY = {  # of a stream, which FastAPI does not read
    "required": True,
    "content": {LINES: {"schema": {"type": "string", "description": "Notes, a JSON line each, as in texts"}}},
}


class Service:
    """Pipelines behind HTTP.

    pipelines (Mapping[str, Language]): By the name that requests choose them by; the first is the one by default.
    limits (Limits): What is taken.
    stopping (asyncio.Event): Set when the service is to end.
    """

    def __init__(self, pipelines: Mapping[str, Language], limits: Limits) -> None:
        self.limits, self.stopping, self.metrics = limits, asyncio.Event(), Metrics()
        self.annotators = {name: Annotator(nlp, limits.max_waiting) for name, nlp in pipelines.items()}
        self.facts = {name: describe(name, nlp) for name, nlp in pipelines.items()}
        for name, annotator in self.annotators.items():
            self.metrics.watch(name, annotator)

    @property
    def is_ready(self) -> bool:
        """Whether it takes notes."""
        return not self.stopping.is_set() and all(annotator.is_alive for annotator in self.annotators.values())

    @property
    def is_computing(self) -> bool:
        """Whether a thread computes still."""
        return any(annotator.computing for annotator in self.annotators.values())

    def choose(self, model: str | None) -> str:
        """The name of the model that is asked for.

        RAISES (Problem): There is none of that name.
        """
        if model is None:
            return next(iter(self.annotators))
        if model not in self.annotators:
            raise Problem(404, f"No model is called so: there are {', '.join(self.annotators)}.")
        return model

    def check(self, note_id: str, text: str) -> Text:
        """A note that can be annotated.

        RAISES (Problem): It cannot.
        """
        try:
            check_id(note_id)
            return Text(note_id, check_text(text, self.limits.max_chars), "")
        except Unreadable as error:
            status = 413 if len(text) > self.limits.max_chars else 422
            raise Problem(status, f"The note cannot be taken: {error.reason}.") from None

    async def annotate(self, request: Request, model: str, notes: Sequence[Text]) -> list[Answer]:
        """Annotate notes while the client waits for it.

        RAISES (Problem): Too many notes wait, or it takes too long.
        """
        annotator = self.annotators[model]
        try:
            answers = await self._while_wanted(request, annotator.annotate(notes))
        except Full:
            raise Problem(503, "Too many notes wait: try again later.", {"retry-after": "1"}) from None
        for answer in answers:
            self.metrics.count_answer(model, answer)
        return answers

    async def _while_wanted(self, request: Request, work: Awaitable[Value]) -> Value:
        """Wait for work, but end it when the client hangs up or the time is over.

        RAISES (Problem): It took too long, or nobody waits for it any more.
        """
        tasks = (asyncio.ensure_future(work), asyncio.ensure_future(_hang_up(request)))
        try:
            await asyncio.wait(tasks, timeout=self.limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                return tasks[0].result()
            if tasks[1].done():
                raise Problem(408, "The client hung up.")
            raise Problem(504, f"It took longer than {self.limits.timeout:g} seconds: send less at once.")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create_app(service: Service, hosts: Sequence[str], token: bytes = b"") -> Guard:
    """The service as an application of ASGI, behind its guard.

    hosts (Sequence[str]): The names that it may be called by, in small letters.
    token (bytes): What clients have to show, b"" if nothing.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for annotator in service.annotators.values():
                await stack.enter_async_context(annotator)
            yield

    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemOut, "content": {MEDIA_TYPE: {}}}
        for status in (400, 401, 404, 408, 413, 422, 500, 503, 504)
    }
    app = FastAPI(
        title="medner",
        summary="Medical mentions in notes, with their assertions and confidences",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        # Spans could hold what clients sent.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        dependencies=[Depends(HTTPBearer(auto_error=False))] if token else [],  # the guard checks it
    )
    app.exception_handler(HTTPException)(_tell)
    app.exception_handler(RequestValidationError)(_tell_form)
    app.exception_handler(Exception)(_tell_fault)
    _add_routes(app, service, problems)
    add_page(app, service.facts, service.limits.max_chars)
    return Guard(app, service.metrics, hosts, token, OPEN_PATHS, (STREAM,), service.limits)


async def _tell(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return from_exception(error)


async def _tell_form(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return from_validation(error.errors())


async def _tell_fault(request: Request, error: Exception) -> Response:
    return to_response(500, f"The service failed at {place_of(error)}.")  # its message may quote a note


Model = Annotated[str | None, Query(description="The name of a model; without it the first one is asked")]


def _add_routes(app: FastAPI, service: Service, problems: dict[int | str, dict[str, Any]]) -> None:
    limits = service.limits

    @app.post("/annotate", responses={200: {"model": NoteOut | NotesOut}, **problems})
    async def annotate(request: Request, body: NoteIn | NotesIn, model: Model = None) -> Response:
        """Annotate a note, or several."""
        name = service.choose(model)
        if isinstance(body, NoteIn):
            (answer,) = await service.annotate(request, name, [service.check(str(body.id), body.text)])
            if answer.failure:
                raise Problem(500, answer.failure)
            return Response(answer.line, media_type="application/json")
        lines = await _annotate_all(request, service, name, body)
        return Response(f'{{"notes": [{", ".join(lines)}]}}', media_type="application/json")

    @app.post(STREAM, responses={200: {"content": {LINES: {}}}, **problems}, openapi_extra={"requestBody": BODY})
    async def stream(model: Model = None) -> Response:
        """Annotate notes, a JSON line each, in order and while they come in; read the answers while you send."""
        name = service.choose(model)
        return LineStream(
            service.annotators[name],
            service.check,
            lambda answer: service.metrics.count_answer(name, answer),
            service.stopping,
            limits.max_bytes,
            limits.timeout,
        )

    @app.get("/health", responses={200: {"model": Health}, 503: {"model": Health}})
    async def health() -> Response:
        """Whether the service runs, and whether it takes notes; asked without a token."""
        ready = service.is_ready
        return JSONResponse({"live": True, "ready": ready}, 200 if ready else 503)

    @app.get("/model", responses=problems)
    async def describe_model(model: Model = None) -> ModelOut:
        """What is known of a model."""
        return ModelOut(models=list(service.facts), **service.facts[service.choose(model)])

    @app.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Counts and times for Prometheus."""
        return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)


async def _annotate_all(request: Request, service: Service, name: str, body: NotesIn) -> list[str]:
    """The answers to several notes, those that cannot be taken among them."""
    if len(body.texts) > service.limits.max_waiting:
        raise Problem(413, f"More than {service.limits.max_waiting:,} notes in one request: use {STREAM}.")
    lines: list[str | None] = []
    notes: list[Text] = []
    for place, listed in enumerate(body.texts, start=1):
        note_id = str(place if listed.id is None else listed.id)
        try:
            notes.append(service.check(note_id, listed.text))
            lines.append(None)
        except Problem as problem:
            refused = refuse(note_id, problem.status_code, problem.detail)
            service.metrics.count_answer(name, refused)
            lines.append(refused.line)
    answers = iter(await service.annotate(request, name, notes))
    return [next(answers).line if line is None else line for line in lines]
