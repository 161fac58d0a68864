"""i2b2 concepts as they are written: the lines of the release, words counted as it counts them."""

import pytest

from scripts.corpus.con import con_lines
from scripts.corpus.docs import create_nlp, to_doc
from scripts.corpus.note import Entity, Note

NLP = create_nlp()


def lines_of(text: str, *mentions: tuple[str, str, str]) -> list[tuple[str, str]]:
    """The lines for label, words and assertion of mentions, whose words the text has once."""
    entities = (
        Entity(label, ((text.index(words), text.index(words) + len(words)),), 1, said)
        for label, words, said in mentions
    )
    return list(con_lines(text, to_doc(NLP, Note("n", text, tuple(entities), "", "")).doc))


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("No fever\nSore left Elbow .", "Sore left Elbow", 'c="sore left elbow" 2:0 2:2||t="problem"'),
        ("Sore  left\r\nelbow .", "left\r\nelbow", 'c="left elbow" 1:1 2:0||t="problem"'),
        (" A blank at the start", "blank", 'c="blank" 1:2 1:2||t="problem"'),
        ("pain,fever", "fever", 'c="pain,fever" 1:0 1:0||t="problem"'),
        ('a "sore" elbow', '"sore"', 'c=""sore"" 1:1 1:1||t="problem"'),
    ],
)
def test_a_mention_is_the_words_that_it_touches(text, words, line):
    assert lines_of(text, ("problem", words, "")) == [(line, "")]


def test_assertions_go_with_their_mentions_and_labels_hold_no_quotation_marks():
    found = lines_of("fever and pain", ("problem", "fever", "absent"), ('a "b"  c', "pain", ""))
    assert found == [('c="fever" 1:0 1:0||t="problem"', "absent"), ('c="pain" 1:2 1:2||t="a \'b\' c"', "")]
