"""How a page shows what a note says of a mention."""

from scripts.corpus.assertions import PRESENT, VALUES
from scripts.pages.assertions import MEANINGS, draw_assertion, drawn_assertion, explain_assertions
from tests.docs import make_doc


def test_every_value_but_present_has_a_meaning():
    assert set(MEANINGS) == {*VALUES} - {PRESENT}


def test_a_present_mention_is_drawn_as_one_of_which_nothing_is_said():
    doc = make_doc((2, 4, "problem"), (4, 5, "problem"))
    doc.ents[0]._.assertion = PRESENT
    assert [drawn_assertion(ent) for ent in doc.ents] == ["", ""]
    assert [draw_assertion(ent) for ent in doc.ents] == [{}, {}]
    assert explain_assertions([doc]) == {}


def test_an_absent_mention_is_struck_through_and_every_other_value_named():
    doc = make_doc((2, 4, "a<b"), (4, 5, "problem"))
    doc.ents[0]._.assertion, doc.ents[1]._.assertion = "absent", "associated_with_someone_else"
    absent, other = (draw_assertion(ent) for ent in doc.ents)
    assert absent["text"] == f'<s title="{MEANINGS["absent"]}">acute chest</s>'
    assert absent["label"].startswith("a&lt;b<small ") and absent["label"].endswith(">, absent</small>")
    assert "text" not in other and other["label"].endswith(">, associated with someone else</small>")
    assert list(explain_assertions([doc])) == ["absent", "associated with someone else"]
