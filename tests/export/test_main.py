"""The `export` command: the corpus as text, read again to the same mentions."""

import subprocess
import sys
from pathlib import Path

import pytest
from spacy.tokens import DocBin

from scripts.archives import read_files
from scripts.convert.formats import conll
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, create_nlp, read_docs, to_doc
from scripts.corpus.note import Entity, Note
from scripts.corpus.split import SPLITS
from scripts.export.__main__ import main
from tests.commands import assert_fails, run
from tests.paths import ROOT

TEXT = "He has chest\r\n   pain 😀 and EKG\nfine .\n"
MENTIONS = [("problem", "chest\r\n   pain"), ("test", "EKG")]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A converted corpus with two notes a split."""
    nlp = create_nlp()
    spans = [(label, TEXT.index(quote), TEXT.index(quote) + len(quote)) for label, quote in MENTIONS]
    said = {"problem": "possible"}
    entities = tuple(Entity(label, ((start, end),), 1, said.get(label, "")) for label, start, end in spans)
    (tmp_path / "corpus").mkdir()
    for split in SPLITS:
        docs = [to_doc(nlp, Note(f"{split}/{i}", TEXT, entities, "", "")).doc for i in range(2)]
        path = tmp_path / "corpus" / f"{split}.spacy"
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=docs).to_disk(path)
    return tmp_path / "corpus"


def test_an_exported_corpus_is_read_again_to_the_same_mentions(corpus, tmp_path):
    done = run(main, corpus, tmp_path / "out")
    assert done.code == 0 and "Exported" in done.output, done.output
    notes = list(conll.read(list(read_files(tmp_path / "out"))))
    assert sorted(note.id for note in notes) == sorted(f"{split}/{i}" for split in SPLITS for i in range(2))
    vocab = create_nlp().vocab
    for note in notes:
        assert note.split == note.id.split("/")[0] and note.problems == ()
        found = [(entity.label, note.text[entity.start : entity.end].split()) for entity in note.entities]
        assert found == [(label, quote.split()) for label, quote in MENTIONS]
        docs = {doc.user_data[NOTE_ID]: doc for doc in read_docs(corpus / f"{note.split}.spacy", vocab)}
        assert note.text.split() == [token.text for token in docs[note.id] if not token.is_space]
        assert len(docs[note.id].spans[GOLD]) == len(note.entities)


def test_the_same_corpus_is_exported_to_the_same_bytes(corpus, tmp_path):
    for name in ("one", "two"):
        assert run(main, corpus, tmp_path / name).code == 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert sorted(files) == ["dev.conll", "test.conll", "train.conll"]
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


def test_a_column_of_assertions_is_added_where_it_is_wanted(corpus, tmp_path):
    assert run(main, corpus, tmp_path / "plain").code == 0
    assert run(main, corpus, tmp_path / "wide", "--assertions").code == 0
    for split in SPLITS:
        plain, wide = ((tmp_path / name / f"{split}.conll").read_text(encoding="utf8") for name in ("plain", "wide"))
        assert wide.count("chest\tB-problem\tpossible\n") == wide.count("EKG\tB-test\t_\n") == 2
        assert plain == "".join(f"{row.rsplit(chr(9), 1)[0]}\n" for row in wide.split("\n")[:-1])


def test_a_corpus_that_is_not_whole_leaves_nothing_behind(corpus, tmp_path):
    (corpus / "test.spacy").unlink()
    assert_fails(run(main, corpus, tmp_path / "out"), "test.spacy does not exist", without=tmp_path / "out")


def test_the_command_line_is_read_before_spacy_is_loaded():
    code = "import sys, scripts.export.__main__; print({'spacy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
