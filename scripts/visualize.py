"""Draw test notes with displaCy: the gold mentions above those that each model predicted, on one page.

python -m scripts.visualize corpus/sample/test.spacy metrics/sample/notes.html \
    metrics/sample/bert.spacy metrics/sample/albert.spacy

The page shows text of notes, which is its purpose.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from jinja2 import Environment, FileSystemLoader
from spacy.tokens import Doc, Span
from wasabi import msg

from scripts import cli
from scripts.docs import GOLD, NOTE_ID
from scripts.errors import Outcome, pair_mentions
from scripts.examples import Sides, read_sides, render_passage
from scripts.note import InputError
from scripts.output import whole_file

HOST = "127.0.0.1"  # seen from this machine only


def main(
    gold: Annotated[Path, typer.Argument(help="The gold notes, .spacy")],
    output: Annotated[Path, typer.Argument(help="The page to write, .html")],
    predicted: Annotated[list[Path], typer.Argument(help="Notes that `evaluate` predicted, .spacy, one file a model")],
    notes: Annotated[int, typer.Option(help="How many notes to draw, the first by id")] = 5,
    serve: Annotated[bool, typer.Option("--serve", help="Show the page on this machine until Ctrl-C")] = False,
    port: Annotated[int, typer.Option(help="Port for --serve, 0 for any that is free")] = 5000,
) -> None:
    """Draw the first notes of GOLD above what each model PREDICTED, and write the page."""
    if notes < 1:
        raise InputError(f"--notes {notes} would draw nothing: give 1 or more.")
    if output.suffix != ".html":
        raise InputError(f"{output} is no .html file: name the page to write before the predicted notes.")
    page = render_page(gold.resolve().parent.name, read_sides(gold, predicted), notes)
    with whole_file(output) as path:
        path.write_text(page, encoding="utf8")
    msg.good(f"Wrote {output}, which holds text of notes")
    if serve:
        serve_page(page.encode("utf8"), port)


def render_page(corpus: str, sides: Sides, notes: int) -> str:
    """One page that needs nothing else.

    corpus (str): What the notes are called.
    sides (Sides): Gold and predicted notes.
    notes (int): How many of them to draw, the first in the order of their ids.
    """
    names = ["gold", *(path.stem for path in sides.predictions)]
    rows = zip(sides.golds, *sides.predictions.values(), strict=True)
    chosen = sorted(rows, key=lambda docs: docs[0].user_data[NOTE_ID])[:notes]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("visualize.html.jinja").render(
        corpus=corpus,
        names=names,
        colours=sides.colours,
        total=len(sides.golds),
        notes=[draw_note(names, docs, sides.colours) for docs in chosen],
    )


def draw_note(names: Sequence[str], docs: Sequence[Doc], colours: dict[str, str]) -> dict[str, Any]:
    """A note as the template takes it.

    names, docs (Sequence): The note's sides, the gold one first.
    colours (dict[str, str]): By label.
    RETURNS (dict[str, Any]): `id`, `mentions` (their number), `hidden` (gold mentions that are not in `doc.ents`),
        `outcomes` (by model the number of pairs of each class), `passages` as `draw_passage` gives them.
    """
    gold, *predictions = docs
    mentions = [doc.ents for doc in docs]  # each access makes all of them anew
    return {
        "id": gold.user_data[NOTE_ID],
        "mentions": len(mentions[0]),
        "hidden": len(gold.spans.get(GOLD, mentions[0])) - len(mentions[0]),
        "outcomes": [(name, count_outcomes(gold, doc)) for name, doc in zip(names[1:], predictions, strict=True)],
        "passages": [draw_passage(part, names, mentions, colours) for part in find_passages(gold, mentions)],
    }


def count_outcomes(gold: Doc, predicted: Doc) -> dict[str, int]:
    """The number of pairs of each class that occurs."""
    found = Counter(pair.outcome for pair in pair_mentions(gold, predicted))
    return {outcome.value: found[outcome] for outcome in Outcome if found[outcome]}


def find_passages(doc: Doc, mentions: Sequence[Sequence[Span]]) -> Iterator[Span]:
    """The lines of a note that are not blank; lines with a mention of any side across their ends stay together."""
    taken = {place for ents in mentions for ent in ents for place in range(ent.start, ent.end)}
    ends = [token.i for token in doc if token.is_space and "\n" in token.text and token.i not in taken]
    for before, end in pairwise([-1, *ends, len(doc)]):
        if doc[before + 1 : end].text.strip():
            yield doc[before + 1 : end]


def draw_passage(
    part: Span, names: Sequence[str], mentions: Sequence[Sequence[Span]], colours: dict[str, str]
) -> list[tuple[str, str]]:
    """Each different reading of a passage: the sides that share it ("all" if they all do) and its HTML, gold first."""
    rows: dict[str, list[str]] = {}
    for name, ents in zip(names, mentions, strict=True):
        low, high = (bisect_left(ents, place, key=lambda ent: ent.start) for place in (part.start, part.end))
        rows.setdefault(render_passage(part, ents[low:high], colours), []).append(name)
    return [("all" if len(rows) == 1 else ", ".join(sharing), html) for html, sharing in rows.items()]


def serve_page(page: bytes, port: int) -> None:
    """Show a page, and nothing else, on this machine until Ctrl-C.

    RAISES (InputError): The port is taken or cannot be used.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_) -> None:
            pass

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"Port {port} cannot be used ({error}): give another with --port.") from None
    with server:
        msg.info(f"See http://{HOST}:{server.server_port}/, Ctrl-C ends")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            msg.good("Ended")


if __name__ == "__main__":
    cli.run(main)
