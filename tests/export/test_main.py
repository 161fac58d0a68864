"""The `export` command: the corpus in each format, read again to the same mentions, and what is lost told."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from scripts.archives import read_files
from scripts.convert.__main__ import main as convert
from scripts.convert.formats import FORMATS, conll
from scripts.corpus.assertions import VALUES
from scripts.corpus.brat import cut_lines
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, create_nlp, read_docs, to_doc
from scripts.corpus.note import Entity, Note
from scripts.corpus.split import SPLITS
from scripts.export.__main__ import main
from scripts.export.parts import write_part
from tests.commands import assert_fails, run
from tests.helpers import hostile_text
from tests.paths import ROOT

NLP = create_nlp()
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


# --- other formats


@st.composite
def notes(draw: st.DrawFn) -> Note:
    """A note with any mentions, no two equal: no file can say which of equal ones an assertion is about."""
    text, entities = draw(hostile_text("\n\n\r", min_size=2, max_size=40)), []
    for line in range(draw(st.integers(0, 4))):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=4)))
        fragments, label = tuple(zip(cuts[::2], cuts[1::2], strict=False)), f"{draw(st.sampled_from('AB'))}{line}"
        said, kb_id = draw(st.sampled_from(("", *VALUES))), draw(st.sampled_from(["", "C1", "x:y", "KB:1", "MESH:"]))
        pairs = tuple(dict.fromkeys(draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "ü c"]))))))
        if all(text[start:end].strip() for start, end in fragments):
            entities.append(Entity(label, fragments, line, said, int(bool(said)), kb_id, pairs))
    return Note("n", text, tuple(entities), "", "")


def export(note: Note, to: str, folder: Path) -> tuple[Note, Counter[str]]:
    """A note written in a format and read again, with what was lost."""
    losses = write_part([to_doc(NLP, note).doc], folder / "train", to, assertions=False)
    [again] = FORMATS[to].read(list(read_files(folder)))
    return again, losses


def facts(note: Note) -> list[tuple]:
    return [(each.label, each.fragments, each.assertion, each.kb_id, each.attributes) for each in note.entities]


@settings(max_examples=150)
@given(note=notes())
def test_json_holds_all_of_a_note(tmp_path_factory, note):
    again, losses = export(note, "jsonl", tmp_path_factory.mktemp("o"))
    assert (again.id, again.text, again.split, again.problems, losses) == ("n", note.text, "train", (), {})
    assert facts(again) == facts(note)


@settings(max_examples=150)
@given(note=notes())
def test_brat_holds_all_but_line_ends_inside_mentions(tmp_path_factory, note):
    again, losses = export(note, "brat", tmp_path_factory.mktemp("o"))
    assert (again.id, again.text, again.split, again.problems) == ("n", note.text, "train", ())
    cut = [tuple(part for piece in each.fragments for part in cut_lines(note.text, piece)) for each in note.entities]
    assert [each.fragments for each in again.entities] == cut
    assert [(label, *more) for label, _, *more in facts(again)] == [(label, *more) for label, _, *more in facts(note)]
    told = sum(parts != each.fragments for parts, each in zip(cut, note.entities, strict=True))
    assert losses == ({"mentions cut at line ends": told} if told else {})


@settings(max_examples=150)
@given(note=notes())
def test_concept_files_hold_mentions_of_whole_words_in_one_piece(tmp_path_factory, note):
    again, losses = export(note, "con", tmp_path_factory.mktemp("o"))
    assert (again.id, again.text, again.split, again.problems) == ("n", note.text, "train", ())
    assert [(each.label, each.assertion) for each in again.entities] == [
        (each.label, each.assertion) for each in note.entities
    ]
    widened = 0
    for one, other in zip(note.entities, again.entities, strict=True):
        assert (len(other.fragments) == 1 and other.start <= one.start) or not note.text[
            one.start : other.start
        ].strip()
        outside = note.text[other.start : one.start] + note.text[one.end : other.end]
        assert " " not in outside and "\n" not in outside
        widened += (other.start, other.end) != (one.start, one.end)
    told = {
        "mentions widened to whole words": widened,
        "mentions in pieces, from the first to the last character": sum(len(e.fragments) > 1 for e in note.entities),
        "concepts of mentions, left out": sum(bool(each.kb_id) for each in note.entities),
        "attributes of mentions, left out": sum(len(each.attributes) for each in note.entities),
    }
    assert losses == {what: count for what, count in told.items() if count}


def test_what_conll_cannot_hold_is_counted(tmp_path):
    text = "He has chest\n   pain and EKG"
    entities = (
        Entity("problem", ((7, 12), (16, 20)), 1, "absent", 1, "C1", (("a", "b"), ("a", "c"))),
        Entity("site", ((7, 12),), 2),
        Entity("test", ((25, 27),), 3),
    )
    again, losses = export(Note("n", text, entities, "", ""), "conll", tmp_path)
    assert [(each.label, again.text[each.start : each.end]) for each in again.entities] == [
        ("problem", "chest pain"),
        ("test", "EKG"),
    ]
    assert losses == {
        "mentions that others overlap, left out": 1,
        "mentions in pieces, from the first to the last character": 1,
        "mentions widened to whole tokens": 1,
        "concepts of mentions, left out": 1,
        "attributes of mentions, left out": 2,
        "assertions, left out": 1,
        "texts whose blanks are not kept": 1,
    }


@pytest.mark.parametrize("to", ["brat", "jsonl", "con"])
def test_a_corpus_is_written_in_each_format_and_converted_again_to_the_same(corpus, tmp_path, to):
    done = run(main, corpus, tmp_path / "out", "--to", to)
    assert done.code == 0, done.output
    assert (tmp_path / "out" / "annotation.conf").exists() == (to == "brat")
    assert run(convert, "again", tmp_path / "out", tmp_path / "again").code == 0
    vocab = create_nlp().vocab
    for split in SPLITS:
        one, other = (read_docs(folder / f"{split}.spacy", vocab) for folder in (corpus, tmp_path / "again"))
        assert [doc.text for doc in one] == [doc.text for doc in other]
        for before, after in zip(one, other, strict=True):
            assert [(ent.text, ent.label_, ent._.assertion) for ent in before.ents] == [
                (ent.text, ent.label_, ent._.assertion) for ent in after.ents
            ]


def test_losses_are_told(corpus, tmp_path):
    told = "6 mentions cut at line ends: brat cannot hold them"
    assert told in " ".join(run(main, corpus, tmp_path / "out", "--to", "brat").output.split())


def test_brat_knows_all_types_and_attributes(corpus, tmp_path):
    assert run(main, corpus, tmp_path / "out", "--to", "brat").code == 0
    config = (tmp_path / "out" / "annotation.conf").read_text(encoding="utf8")
    assert config.startswith("[entities]\nproblem\ntest\n")
    assert config.endswith("[attributes]\nAssertion\tArg:<ENTITY>, Value:possible\n")


def test_a_note_whose_name_states_another_part_stays_in_its_own(tmp_path):
    doc = to_doc(NLP, Note("test/n", "fever", (), "", "")).doc
    write_part([doc], tmp_path / "train", "brat", assertions=False)
    assert [(note.id, note.split) for note in FORMATS["brat"].read(list(read_files(tmp_path)))] == [("test_n", "train")]


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--to", "csv"], "No format is called 'csv'"), (["--to", "brat", "--assertions"], "leave it out")],
)
def test_options_that_make_no_sense_are_refused(corpus, tmp_path, options, said):
    assert_fails(run(main, corpus, tmp_path / "out", *options), said, without=tmp_path / "out")
