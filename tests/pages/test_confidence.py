"""How a page shows how sure a model is."""

from scripts.pages.confidence import LOW, PALE, confidences_of, draw_confidence, has_confidence
from scripts.pages.passages import render_passage
from tests.docs import make_doc


def test_a_mention_without_a_confidence_is_drawn_as_ever():
    doc = make_doc((2, 4, "problem"))
    assert confidences_of("bert", doc.ents[0]) == {} and not has_confidence(doc)
    assert draw_confidence({}, "#77aadd") == {"title": "", "bg": "#77aadd"}
    assert "title" not in render_passage(doc[:], doc.ents, {"problem": "#77aadd"})


def test_a_mention_says_how_sure_each_model_is_and_is_pale_if_one_doubts_it():
    assert draw_confidence({"<b>": 0.876, "albert": LOW}, "#77aadd") == {
        "title": ' title="confidence: &lt;b&gt; 0.88, albert 0.50"',
        "bg": "#77aadd",
    }
    assert draw_confidence({"bert": 0.9, "albert": 0.49}, "#77aadd")["bg"] == f"#77aadd{PALE}"


def test_a_passage_of_a_single_reading_names_no_model():
    doc = make_doc((2, 4, "problem"))
    doc.ents[0]._.confidence = 0.25
    assert has_confidence(doc)
    html = render_passage(doc[:], doc.ents, {"problem": "#77aadd"})
    assert f'<mark class="entity" title="confidence: 0.25" style="background: #77aadd{PALE}' in html
