"""The form of what goes in and what comes out, as OpenAPI shows it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, Field

NoteId = Annotated[str | int, Field(description="A name of the note's own, which comes back with the answer")]
MOST_NOTES = 10_000  # of a request, whatever is allowed to wait: more have no place in memory
_TEXT = "She denies chest pain . EKG was normal ."
_MENTION = {
    "start": 11, "end": 21, "label": "problem", "text": "chest pain", "confidence": 0.97, "assertion": "absent",
    "assertion_probability": 0.99,
}  # fmt: skip
_ANSWER = {"id": "1", "text": _TEXT, "ents": [_MENTION]}
_PROBLEM = {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "not UTF-8"}


class NoteIn(BaseModel):
    """A note."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": _TEXT}]})

    text: str
    id: NoteId = "1"


class ListedNote(BaseModel):
    """One of several notes; without an id it is known by its place, from 1."""

    text: str
    id: NoteId | None = None


class NotesIn(BaseModel):
    """Several notes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"texts": [{"id": "a", "text": _TEXT}]}]})

    texts: Annotated[list[ListedNote], FailFast(), Field(max_length=MOST_NOTES)]


class Mention(BaseModel):
    """A mention; `start` and `end` are characters of the text, from 0, the end not included."""

    start: int
    end: int
    label: str
    text: str
    confidence: float | None
    assertion: str | None
    assertion_probability: float | None


class ProblemOut(BaseModel):
    """What went wrong, as RFC 9457 tells it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROBLEM]})

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


class NoteOut(BaseModel):
    """An annotated note, just as `annotate --to jsonl` writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    id: str
    text: str
    ents: list[Mention]


class FailedNote(BaseModel):
    """A note among others that could not be annotated."""

    id: str
    problem: ProblemOut


class NotesOut(BaseModel):
    """Several notes, in the order in which they came."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notes": [_ANSWER, {"id": "2", "problem": _PROBLEM}]}]})

    notes: list[NoteOut | FailedNote]


class Health(BaseModel):
    """Whether the process runs, and whether it takes notes."""

    live: bool
    ready: bool


class ModelOut(BaseModel):
    """A model; `models` are the names of all."""

    models: list[str]
    name: str
    pipeline: str
    version: str
    description: str
    license: str
    labels: list[str]
    assertions: list[str]
    confidence: bool
    scores: dict[str, Any]
    encoder: str | None
    precision: str | None
    processor: str
    words_per_second: int
