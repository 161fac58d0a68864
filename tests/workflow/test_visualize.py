"""The page of drawn notes, by the project's own command."""

import re

from scripts.corpus.docs import NOTE_ID, create_nlp, read_docs
from tests.drawn import Page, squeeze

VOCAB = create_nlp().vocab


def test_the_project_command_draws_in_the_colours_of_the_report(workflow):
    done = workflow.run("-m", "spacy", "project", "run", "visualize", ".")
    assert done.returncode == 0, done.stdout
    page = Page(workflow.path("metrics/sample/notes.html").read_text(encoding="utf8"))
    files = {
        "gold": "corpus/sample/test.spacy",
        **{name: f"metrics/sample/{name}.spacy" for name in ("bert", "albert")},
    }
    for name, file in files.items():
        for doc in read_docs(workflow.path(file), VOCAB):
            marks = [mark for row in page.rows(doc.user_data[NOTE_ID], name) for mark in row.marks]
            assert [(mark.text, mark.label) for mark in marks] == [(squeeze(ent.text), ent.label_) for ent in doc.ents]
    colours = {mark.label: mark.colour for mark in page.marks if mark.label}
    assert len(colours) == 5
    report = workflow.path("metrics/sample/report.html").read_text(encoding="utf8")
    mark = r'<mark class="entity"[^>]*style="background: (#\w{6})\w*;.*?;">.*?<span.*?>(\w+)<'
    drawn = dict(re.findall(mark, report, re.S))
    assert drawn and all(colours[label] == colour for colour, label in drawn.items())
