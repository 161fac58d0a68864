"""What a pipeline says of gold mentions: of all that have an assertion, nested ones too."""

import pytest
from spacy.language import Language

from scripts.corpus.docs import to_doc
from scripts.corpus.given import classify_given, get_classifier, stated_mentions
from scripts.corpus.note import Entity, Note
from tests.assertions import make_learnt

TEXT = "she denies pain .\n"
# The second is nested in the third, and only two of the labels had assertions in training.
MENTIONS = [
    Entity("person", ((0, 3),), 1),
    Entity("problem", ((11, 15),), 2, "absent", 1),
    Entity("problem", ((4, 15),), 3, "possible", 1),
    Entity("test", ((11, 15),), 4, "present", 1),
    Entity("problem", ((11, 15),), 5),
]


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Language:
    return make_learnt(tmp_path_factory.mktemp("bert"))


def test_every_stated_mention_is_given_with_its_value(nlp):
    golds = [to_doc(nlp, Note(str(i), TEXT * (i + 1), tuple(MENTIONS), "a", "a")).doc for i in range(3)]
    empty = to_doc(nlp, Note("empty", "", (), "a", "a")).doc
    found = list(classify_given(nlp, [*golds, empty]))
    assert [len(note) for note in found] == [3, 3, 3, 0]
    for note in found[:3]:
        assert [(given.span.start_char, given.gold) for given in note] == [(11, "absent"), (4, "possible"), (11, "present")]
        assert [given.found and given.found.value in ("absent", "present") for given in note] == [True, True, None]
        assert note[0].found and note[0].found.value == "absent"
        assert note[0].found.probability is None and 0 < note[0].found.raw <= 1  # not calibrated


def test_mentions_of_an_older_corpus_state_nothing(nlp):
    doc = to_doc(nlp, Note("a", TEXT, tuple(MENTIONS), "a", "a")).doc
    assert len(stated_mentions(doc)) == 3
    del doc.spans["gold"].attrs["assertions"]
    assert stated_mentions(doc) == []


def test_a_pipeline_without_the_component_has_no_classifier(nlp):
    assert get_classifier(nlp) is nlp.get_pipe("assertion")
    assert get_classifier(Language()) is None
