"""The page of drawn notes: read back, it holds what gold and models say, and nothing but itself is needed."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from scripts.corpus.assertions import VALUES
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, create_nlp
from scripts.pages.colours import PALETTE, label_colours
from scripts.pages.passages import read_sides
from scripts.visualize.__main__ import main
from scripts.visualize.page import render_page
from tests.commands import assert_fails, run
from tests.drawn import Mark, Page, glue
from tests.paths import ROOT

NLP = create_nlp()
NOTE = "Zorblatt denies quixopain .\n\nPlimadine was given for\nwobblitis <b>once</b> .\nNo vexogram & no more .\n"
COLOURS = label_colours(["problem", "test", "treatment"])


def make_doc(note_id: str, text: str, *mentions: tuple[str, str], **said: str) -> Doc:
    """A note with the mentions of the given words, and what is said of some, by their first words."""
    doc = NLP.make_doc(text)
    doc.user_data[NOTE_ID] = note_id
    starts = [(text.index(words), words, label) for words, label in mentions]
    spans = [doc.char_span(start, start + len(words), label) for start, words, label in starts]
    doc.set_ents([span for span in spans if span])
    assert len(doc.ents) == len(mentions)
    for ent in doc.ents:
        ent._.assertion = said.get(ent[0].text)
    return doc


GOLDS = (("quixopain", "problem"), ("Plimadine", "treatment"), ("wobblitis", "problem"), ("vexogram", "test"))
BERT = (("quixopain", "problem"), ("Plimadine", "test"), ("wobblitis <b>", "problem"), ("vexogram", "test"))


class Drawn:
    """A folder with the gold and predicted notes of two models; albert predicts as gold is."""

    def __init__(self, folder: Path, ids: tuple[str, ...] = ("note-2", "note-3", "note-1")) -> None:
        self.folder = folder
        self.gold = self.save("ward/test", [make_doc(note_id, NOTE, *GOLDS) for note_id in ids])
        self.bert = self.save("bert", [make_doc(note_id, NOTE, *BERT) for note_id in ids])
        self.albert = self.save("albert", [make_doc(note_id, NOTE, *GOLDS) for note_id in ids])
        self.output = folder / "out" / "notes.html"

    def save(self, name: str, docs: list[Doc]) -> Path:
        path = self.folder / f"{name}.spacy"
        path.parent.mkdir(parents=True, exist_ok=True)
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=docs).to_disk(path)
        return path

    def arguments(self, *options: str) -> tuple[str | Path, ...]:
        return self.gold, self.output, self.bert, self.albert, *options

    def run(self, *options: str):
        return run(main, *self.arguments(*options))

    def draw(self, *options: str) -> Page:
        done = self.run(*options)
        assert done.code == 0, done.output
        return Page(self.output.read_text(encoding="utf8"))


@pytest.fixture
def place(tmp_path: Path) -> Drawn:
    return Drawn(tmp_path)


def test_gold_stands_above_each_model_and_sides_that_agree_share_a_row(place):
    passages = place.draw().notes["note-1"]
    assert [[row.names for row in rows] for rows in passages] == [
        [["all"]],
        [["gold", "albert"], ["bert"]],
        [["gold", "albert"], ["bert"]],
        [["all"]],
    ]
    gold, bert = passages[1]
    assert gold.marks == [Mark("Plimadine", "treatment", COLOURS["treatment"])]
    assert bert.marks == [Mark("Plimadine", "test", COLOURS["test"])]
    assert passages[2][1].marks == [Mark("wobblitis <b>", "problem", COLOURS["problem"])]


def test_differences_are_counted_for_each_note_and_model(place):
    words = place.draw("--notes", "1").prose
    assert "gold: 4 mentions bert: 2 correct, 1 label, 1 boundary albert: 4 correct" in words


def save_said(place: Drawn, side: str, **said: str) -> Path:
    return place.save(side, [make_doc(f"note-{i}", NOTE, *GOLDS, **said) for i in (2, 3, 1)])


def test_sides_that_differ_in_an_assertion_alone_have_rows_of_their_own(place):
    place.gold = save_said(place, "ward/test", quixopain="absent", wobblitis="possible", vexogram="present")
    place.bert = save_said(place, "bert", quixopain="absent", wobblitis="hypothetical")
    place.albert = save_said(place, "albert", quixopain="present", wobblitis="possible")
    page = place.draw("--notes", "1")
    passages = page.notes["note-1"]
    assert [[row.names for row in rows] for rows in passages] == [
        [["gold", "bert"], ["albert"]],
        [["all"]],
        [["gold", "albert"], ["bert"]],
        [["all"]],
    ]
    drawn = [[(row.marks[0].assertion, row.marks[0].struck) for row in rows] for rows in passages]
    assert drawn == [
        [("absent", True), ("", False)],
        [("", False)],
        [("possible", False), ("hypothetical", False)],
        [("", False)],
    ]
    assert "bert: 4 correct; 1 correct with another assertion albert: 4 correct; 1 correct with" in page.prose


def test_confidences_are_told_on_hover_and_keep_sides_that_agree_together(place):
    def save_sure(side: str, *confidences: float) -> Path:
        docs = [make_doc(f"note-{i}", NOTE, *GOLDS) for i in (2, 3, 1)]
        for doc in docs:
            for ent, confidence in zip(doc.ents, confidences, strict=True):
                ent._.confidence = confidence
        return place.save(side, docs)

    assert "Rest the pointer" not in place.draw().prose
    place.bert, place.albert = save_sure("bert", 0.9, 0.8, 0.7, 0.6), save_sure("albert", 0.95, 0.4, 0.7, 0.6)
    page = place.draw("--notes", "1")
    assert [[row.names for row in rows] for rows in page.notes["note-1"]] == [[["all"]]] * 4
    html = place.output.read_text(encoding="utf8")
    assert 'title="confidence: bert 0.90, albert 0.95"' in html and 'title="confidence: bert 0.80, albert 0.40"' in html
    pale = [row.marks[0].pale for rows in page.notes["note-1"] for row in rows]
    assert pale == [False, True, False, False]  # where a model doubts it
    assert "Rest the pointer on a mention" in page.prose


def test_the_legend_names_the_assertions_that_are_drawn(place):
    place.gold = save_said(place, "ward/test", quixopain="absent", vexogram="present")
    place.bert = save_said(place, "bert", quixopain="associated_with_someone_else")
    words = place.draw().prose
    assert "absent , struck through : the note says that it is not there" in words
    assert "associated with someone else : somebody else has it" in words
    assert "possible :" not in words and "present :" not in words
    assert 'title="the note says that it is not there"' in place.output.read_text(encoding="utf8")


def test_a_page_on_which_everything_is_present_is_as_one_without_assertions(place):
    plain = place.draw() and place.output.read_bytes()
    place.gold = save_said(place, "ward/test", quixopain="present", wobblitis="present")
    place.draw("--notes", "3")
    said = place.output.read_bytes()
    assert said == plain and b"Assertions" not in said and b"<small" not in said


def test_the_first_notes_by_id_are_drawn_and_the_page_says_so(place):
    page = place.draw("--notes", "2")
    assert list(page.notes) == ["note-1", "note-2"]
    assert "The first 2 of 3 test notes, in the order of their ids" in page.prose
    page = place.draw("--notes", "9")
    assert list(page.notes) == ["note-1", "note-2", "note-3"]
    assert "All 3 of 3 test notes" in page.prose


def test_the_legend_has_every_label_of_any_side(place):
    place.bert = place.save("bert", [make_doc(f"note-{i}", NOTE, ("once", "allergy")) for i in (2, 3, 1)])
    legend = {mark.text: mark.colour for mark in place.draw().marks if not mark.label}
    assert legend == label_colours(["allergy", "problem", "test", "treatment"])
    assert set(legend.values()) < set(PALETTE)


def test_gold_mentions_that_cannot_be_drawn_are_counted(place):
    docs = [make_doc(f"note-{i}", NOTE, *GOLDS) for i in (2, 3, 1)]
    for doc in docs:
        doc.spans[GOLD] = SpanGroup(doc, name=GOLD, spans=[*doc.ents, Span(doc, 0, 1, "problem")])
    place.gold = place.save("ward/test", docs)
    assert "gold: 4 mentions; 1 more, which overlap a longer one" in place.draw().prose


def test_a_mention_over_a_line_end_keeps_its_lines_together(place):
    mention = ("given for\nwobblitis", "problem")
    place.albert = place.save("albert", [make_doc(f"note-{i}", NOTE, mention) for i in (2, 3, 1)])
    rows = place.draw().rows("note-1", "albert")
    assert [row.marks[0].text for row in rows if row.marks] == ["given for wobblitis"]
    assert len(rows) == 3


@st.composite
def readings(draw: st.DrawFn) -> list[Doc]:
    """The same hostile note as three sides mark it."""
    words = draw(st.lists(st.sampled_from(["zorb", "<b>", "&amp;", "\n", "\n \n", " ", '"', "vex", "."]), min_size=1))
    docs = []
    for _ in range(3):
        doc = NLP.make_doc(" ".join(words))
        doc.user_data[NOTE_ID] = "note"
        solid = [token.i for token in doc if not token.is_space]
        cuts = sorted(draw(st.lists(st.sampled_from(solid), unique=True, max_size=6))) if solid else []
        pairs = zip(cuts[::2], cuts[1::2], strict=False)
        labels = st.sampled_from(["problem", "<i>", "x&y"])
        doc.set_ents([Span(doc, start, end + 1, draw(labels)) for start, end in pairs])
        for ent in doc.ents:
            ent._.assertion = draw(st.sampled_from((None, *VALUES, "<u>")))
        docs.append(doc)
    return docs


@settings(max_examples=40)
@given(readings())
def test_every_side_is_read_back_from_the_page(tmp_path_factory, docs):
    place = Drawn(tmp_path_factory.mktemp("readings"))
    paths = [place.save(name, [doc]) for name, doc in zip(("gold", "bert", "albert"), docs, strict=True)]
    sides = read_sides(paths[0], paths[1:])
    page = Page(render_page("ward", sides, 1))
    for name, doc in zip(("gold", "bert", "albert"), docs, strict=True):
        rows = page.rows("note", name)
        assert "".join(row.text for row in rows) == glue(doc.text)
        said = [((ent._.assertion or "present").replace("_", " "), ent._.assertion == "absent") for ent in doc.ents]
        marks = [mark for row in rows for mark in row.marks]
        assert [(mark.assertion or "present", mark.struck) for mark in marks] == said
        assert [(glue(mark.text), mark.label, mark.colour) for mark in marks] == [
            (glue(ent.text), ent.label_, sides.colours[ent.label_]) for ent in doc.ents
        ]


def test_the_page_needs_nothing_else_and_says_at_its_top_what_it_holds(place):
    page = place.draw()
    html = place.output.read_text(encoding="utf8")
    assert not re.search(r"<script|<link|@import|url\(|(?:src|href)=|<b>", html)
    assert '<meta name="viewport"' in html and "@media print" in html
    assert page.words[1].startswith("This file holds text of notes")


def test_bad_input_is_reported(place):
    for number in ("0", "-3"):
        assert_fails(place.run("--notes", number), f"--notes {number} would draw nothing", without=place.output)
    swapped = run(main, place.gold, place.bert, place.albert)
    assert_fails(swapped, "bert.spacy is no .html file: name the page to write before the predicted notes")
    place.gold = place.folder / "none.spacy"
    assert_fails(place.run(), "none.spacy does not exist: convert the corpus first", without=place.output)


def test_predicted_notes_that_are_not_there_are_reported(place):
    whole = place.albert.read_bytes()
    place.albert.unlink()
    assert_fails(place.run(), "albert.spacy is missing, damaged or empty: evaluate the model", without=place.output)
    place.albert.write_bytes(whole[:100])
    assert_fails(place.run(), "albert.spacy is missing, damaged or empty: evaluate the model", without=place.output)


@pytest.mark.parametrize(
    "docs",
    [
        [make_doc("note-2", NOTE)],
        [make_doc(note_id, NOTE) for note_id in ("note-1", "note-2", "note-3")],
        [make_doc(f"note-{i}", NOTE.replace("once", "twice")) for i in (2, 3, 1)],
    ],
    ids=["fewer", "in another order", "of other words"],
)
def test_predicted_notes_that_are_not_the_gold_ones_are_refused(place, docs):
    place.bert = place.save("bert", docs)
    done = place.run()
    assert_fails(done, "bert.spacy holds other notes than the gold ones", without=place.output)
    assert "Zorblatt" not in done.output


def test_a_port_that_cannot_be_used_is_reported(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_fails(place.run("--serve", "--port", port), f"Port {port} cannot be used", "give another with --port")
    assert_fails(place.run("--serve", "--port", "99999"), "Port 99999 cannot be used")


@contextmanager
def serving(place: Drawn) -> Iterator[tuple[subprocess.Popen, int]]:
    """The command with --serve in a process of its own, and the port that it prints."""
    server = subprocess.Popen(
        [sys.executable, "-m", "scripts.visualize", *map(str, place.arguments("--serve", "--port", "0"))],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout
        found = (re.search(r"http://127\.0\.0\.1:(\d+)/", line) for line in iter(server.stdout.readline, ""))
        yield server, next(int(match[1]) for match in found if match)
    finally:
        server.kill()
        server.wait()


def test_the_page_alone_is_served_on_this_machine_until_ctrl_c(place):
    with serving(place) as (server, port):
        status, kind, body = fetch(port, "/")
        assert (status, kind, body) == (200, "text/html; charset=utf-8", place.output.read_bytes())
        for path in ("/notes.html", "/bert.spacy", "/../bert.spacy"):
            assert fetch(port, path)[0] == 404
        with pytest.raises(ConnectionRefusedError):  # another address of the same machine
            socket.create_connection(("127.0.0.2", port), timeout=5)
        server.send_signal(signal.SIGINT)
        printed, _ = server.communicate(timeout=20)
        assert server.returncode == 0 and "Traceback" not in printed


def fetch(port: int, path: str) -> tuple[int, str | None, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read()
