"""Docs with mentions, made by hand or by hypothesis."""

from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from scripts.corpus.docs import create_nlp

VOCAB = create_nlp().vocab
WORDS = "She had acute chest pain so an EKG was done and aspirin 81 given .".split()  # noqa: SIM905


def make_doc(*mentions: tuple[int, int, str], words: list[str] = WORDS) -> Doc:
    doc = Doc(VOCAB, words=words)
    doc.set_ents([Span(doc, start, end, label) for start, end, label in mentions])
    return doc


def make_said(name: str, *mentions: tuple) -> Doc:
    """A Doc of mentions (start, end, label) that each have a value of an extension, which stands last."""
    doc = make_doc(*(mention[:-1] for mention in mentions))
    for ent, mention in zip(doc.ents, mentions, strict=True):
        ent._.set(name, mention[-1])
    return doc


DOCS = st.lists(st.sampled_from(["O", "a", "b", "a+", "b+"]), min_size=len(WORDS), max_size=len(WORDS))


def doc_of(tags: list[str]) -> Doc:
    """A Doc from tags, where "a+" goes on with a mention that "a" began."""
    spans: list[list] = []
    for i, tag in enumerate(tags):
        if tag.endswith("+") and spans and spans[-1][1] == i and spans[-1][2] == tag[0]:
            spans[-1][1] = i + 1
        elif tag != "O":
            spans.append([i, i + 1, tag[0]])
    return make_doc(*map(tuple, spans))
