"""The page at /: its files, what it has to know of the models, and the sample's notes to try it with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.responses import Response

from scripts.pages.assertions import MEANINGS
from scripts.pages.colours import label_colours
from scripts.pages.confidence import LOW
from scripts.serve.problems import Problem

STATIC = Path(__file__).parent / "static"
# By path the file and its media type
FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
SAMPLE = Path(__file__).parents[2] / "assets" / "sample" / "concepts" / "test" / "docs"
SAMPLE_NOTES = 12


def add_page(app: FastAPI, facts: Mapping[str, Mapping[str, Any]], max_chars: int) -> None:
    """Add the routes of the page.

    facts (Mapping): By the name of each model what /model answers.
    max_chars (int): Longest note that is taken.
    """
    samples = {path.stem: path for path in sorted(SAMPLE.glob("*.txt"))[:SAMPLE_NOTES]}
    settings = {
        "models": list(facts),
        "colours": label_colours(label for model in facts.values() for label in model["labels"]),
        "meanings": MEANINGS,
        "low": LOW,
        "confidence": any(model["confidence"] for model in facts.values()),
        "max_chars": max_chars,
        "samples": list(samples),
    }
    for path, (name, kind) in FILES.items():
        _add_file(app, path, Response((STATIC / name).read_bytes(), media_type=kind))

    @app.get("/page.json", include_in_schema=False)
    async def show_settings() -> Response:
        return JSONResponse(settings)

    @app.get("/samples/{name}", include_in_schema=False)
    async def show_sample(name: str) -> Response:
        if name not in samples:
            raise Problem(404, "There is no such sample note.")
        return PlainTextResponse(samples[name].read_text(encoding="utf8"))


def _add_file(app: FastAPI, path: str, response: Response) -> None:
    @app.get(path, include_in_schema=False)
    async def show() -> Response:
        return response
