"""Notes as CoNLL text: what is a token, where a sentence ends, and that nothing of it needs spaCy to be loaded."""

import subprocess
import sys

import pytest

from scripts.convert.formats import conll
from scripts.corpus.conll import DOCSTART, iob_tag, rows
from scripts.corpus.docs import create_nlp
from tests.docs import make_doc
from tests.helpers import file
from tests.paths import ROOT

NLP = create_nlp()


def lines(text: str, *mentions: tuple[int, int, str]) -> list[str]:
    doc = NLP.make_doc(text)
    spans = [doc.char_span(*mention) for mention in mentions]
    doc.set_ents([span for span in spans if span])
    assert len(doc.ents) == len(mentions)
    return list(rows(doc, "n1"))


def test_a_note_begins_with_its_name_and_ends_with_a_blank_line():
    assert lines("No pain .", (3, 7, "problem")) == [f"{DOCSTART} (n1)\tO", "", "No\tO", "pain\tB-problem", ".\tO", ""]


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_a_note_of_blanks_is_its_first_line(text):
    assert lines(text) == [f"{DOCSTART} (n1)\tO", ""]


def test_a_line_end_ends_a_sentence_but_not_inside_a_mention():
    found = lines("\n\na\n \n b chest\r\n  pain\nc", (9, 22, "problem"))
    assert found[2:] == ["a\tO", "", "b\tO", "chest\tB-problem", "pain\tI-problem", "", "c\tO", ""]


def test_a_third_column_says_what_is_said_of_mentions():
    doc = make_doc((2, 4, "problem"), (4, 5, "problem"))
    doc.ents[0]._.assertion = "absent"
    plain, wide = list(rows(doc, "n1")), list(rows(doc, "n1", assertions=True))
    assert wide[0] == f"{DOCSTART} (n1)\tO\t_"
    assert wide[3:7] == ["had\tO\t_", "acute\tB-problem\tabsent", "chest\tI-problem\tabsent", "pain\tB-problem\t_"]
    assert plain == [row.rsplit("\t", 1)[0] for row in wide]


def test_tags_say_where_a_mention_begins_and_goes_on():
    doc = make_doc((2, 4, "problem"), (4, 5, "problem"))
    assert [iob_tag(token) for token in doc[1:6]] == ["O", "B-problem", "I-problem", "B-problem", "O"]


def test_two_notes_behind_each_other_are_read_again():
    doc = make_doc((2, 4, "problem"))
    written = "".join(f"{row}\n" for name in ("a", "ward/b (2)") for row in rows(doc, name))
    notes = list(conll.read([file("x.conll", written)]))
    assert [note.id for note in notes] == ["a", "ward/b (2)"]
    assert [(entity.label, note.text[entity.start : entity.end]) for note in notes for entity in note.entities] == [
        ("problem", "acute chest")
    ] * 2


def test_spacy_is_not_loaded_for_it():
    code = "import sys, scripts.corpus.conll, scripts.convert.formats; print('spacy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
