"""What annotated notes are written as, read again by our readers and by the libraries of each format."""

import json
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from scripts import functions  # noqa: F401  (registers our functions)
from scripts.corpus.writers import WRITERS, BratWriter
from scripts.archives import File, read_files
from scripts.convert.formats import brat, conll
from scripts.corpus.assertions import VALUES
from scripts.corpus.brat import ann_lines, brat_config, cut_lines, safe_name
from scripts.corpus.docs import NOTE_ID, create_nlp
from scripts.corpus.note import Note
from scripts.corpus.texts import Text
from tests.helpers import hostile_text

NLP = create_nlp()
TEXT = "\ufeffHe has chest\r\n   pain 😀 and EKG\u2028fine .\n"


def annotated(text: str, *mentions: tuple[int, int, str]) -> Doc:
    """A Doc with the mentions at these tokens."""
    doc = NLP.make_doc(text)
    doc.set_ents([Span(doc, start, end, label) for start, end, label in mentions])
    return doc


def example_doc() -> Doc:
    """Of two mentions, the first is sure, and said to be absent."""
    doc = NLP.make_doc(TEXT)
    ends = [(TEXT.index("chest"), TEXT.index("pain") + 4, "problem"), (TEXT.index("EKG"), TEXT.index(" .\n"), "test")]
    spans = [doc.char_span(*mention) for mention in ends]
    assert all(spans)
    doc.set_ents(spans)
    doc.ents[0]._.assertion, doc.ents[0]._.assertion_probability = "absent", 0.75
    doc.ents[0]._.confidence = 0.9375
    return doc


def save(to: str, path: Path, *notes: tuple[Text, Doc], **options: bool) -> Path:
    writer = WRITERS[to](**options)
    for note, doc in notes:
        writer.add(note, doc)
    path = path.with_suffix(writer.suffix)
    if not writer.suffix:
        path.mkdir(parents=True)
    writer.save(path)
    return path


def reread(folder: Path) -> dict[str, Note]:
    return {note.id: note for note in brat.read(list(read_files(folder)))}


@st.composite
def annotated_texts(draw: st.DrawFn) -> Doc:
    """A hostile text with mentions of any tokens that are not all blanks, of some of which something is said."""
    doc = NLP.make_doc(draw(hostile_text("\n\n\r\r", min_size=1)))
    cuts = sorted(draw(st.sets(st.integers(0, len(doc)), max_size=8)))
    spans = [Span(doc, start, end, draw(st.sampled_from("AB"))) for start, end in pairwise(cuts)]
    kept = draw(st.lists(st.booleans(), min_size=len(spans), max_size=len(spans)))
    doc.set_ents([span for span, keep in zip(spans, kept, strict=True) if keep and span.text.strip()])
    for ent in doc.ents:
        ent._.confidence = draw(st.sampled_from((None, 0.125, 1.0)))
        ent._.assertion = draw(st.sampled_from((None, *VALUES)))
        ent._.assertion_probability = draw(st.sampled_from((None, 0.25, 1.0))) if ent._.assertion else None
    return doc


# --- brat


def test_brat_pairs_hold_the_text_byte_for_byte_and_cut_mentions_at_line_ends(tmp_path):
    folder = save("brat", tmp_path / "out", (Text("ward/n 1", TEXT, ""), example_doc()))
    assert (folder / "ward" / "n 1.txt").read_bytes() == TEXT.encode("utf8")
    assert (folder / "ward" / "n 1.ann").read_bytes().decode("utf8") == (
        "T1\tproblem 8 13;18 22\tchest pain\nA1\tAssertion T1 absent\n#1\tAnnotatorNotes T1\tconfidence 0.938\n"
        "T2\ttest 29 32;33 37\tEKG fine\n"
    )


def test_a_note_without_mentions_has_an_empty_annotation_file(tmp_path):
    folder = save("brat", tmp_path / "out", (Text("n", "Fine .", ""), annotated("Fine .")))
    assert (folder / "n.ann").read_bytes() == b""


@given(annotated_texts())
def test_brat_pairs_are_read_again_to_the_same_mentions(doc):
    writer, path = BratWriter(), PurePosixPath("n.ann")
    writer.add(Text("n", doc.text, ""), doc)
    [(_, text, annotations)] = writer._pairs
    [note] = brat.read([File(path.with_suffix(".txt"), text.encode("utf8")), File(path, annotations.encode("utf8"))])
    assert note.problems == () and note.text == doc.text
    assert [entity.label for entity in note.entities] == [ent.label_ for ent in doc.ents]
    stated = [ent._.assertion or "" for ent in doc.ents]
    assert [(entity.assertion, entity.stated) for entity in note.entities] == [(value, bool(value)) for value in stated]
    for entity, ent in zip(note.entities, doc.ents, strict=True):
        assert entity.fragments == tuple(cut_lines(doc.text, (ent.start_char, ent.end_char)))
        for outside in (doc.text[ent.start_char : entity.start], doc.text[entity.end : ent.end_char]):
            assert outside == "" or (outside.isspace() and outside.splitlines() != [outside])
        whole = "".join(doc.text[start:end] for start, end in entity.fragments)
        assert "".join(whole.split()) == "".join(ent.text.split())
    # brat ends lines where str.splitlines does.
    sure = [ent for ent in doc.ents if ent._.confidence is not None]
    assert len(annotations.splitlines()) == len(doc.ents) + len([value for value in stated if value]) + len(sure)


@pytest.mark.parametrize(
    ("mention", "parts"),
    [
        ("chest pain", ["chest pain"]),
        ("chest\npain", ["chest", "pain"]),
        ("chest \r\n\t pain", ["chest", "pain"]),
        ("a\n  \n\nb", ["a", "b"]),
        ("\na b\n", ["a b"]),
        (" a\n", [" a"]),
        ("\n \n", []),
    ],
)
def test_a_mention_is_cut_at_line_ends(mention, parts):
    text = f"x{mention}y"
    assert [text[start:end] for start, end in cut_lines(text, (1, 1 + len(mention)))] == parts


def test_a_mention_of_blanks_is_refused_not_left_out():
    doc = annotated("a\n\nb", (1, 2, "A"))
    with pytest.raises(ValueError, match="blanks"):
        list(ann_lines(doc.text, doc))


def test_labels_have_no_blanks_in_brat_and_are_declared():
    assert list(ann_lines("ab", annotated("ab", (0, 1, "Adverse \tevent")))) == ["T1\tAdverse_event 0 2\tab"]
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "Adverse event", "pattern": "a"}, {"label": "B", "pattern": "b"}]
    )
    nlp.add_pipe("sentencizer")
    assert brat_config(nlp) == "[entities]\nAdverse_event\nB\n\n[relations]\n\n[events]\n\n[attributes]\n"


def test_brat_knows_the_assertions_of_a_pipeline_that_gives_some():
    nlp = create_nlp()
    nlp.add_pipe("medner_assertion", name="assertion")
    component: Any = nlp.get_pipe("assertion")
    component.cfg["counts"] = {"present": 2, "absent": 1, "associated_with_someone_else": 1}
    declared = "[attributes]\nAssertion\tArg:<ENTITY>, Value:absent|associated_with_someone_else|present\n"
    assert brat_config(nlp).endswith(declared)


def test_an_assertion_has_no_blanks_in_brat():
    doc = annotated("ab", (0, 1, "A"))
    doc.ents[0]._.assertion = "not present"
    assert list(ann_lines("ab", doc))[1] == "A1\tAssertion T1 not_present"


def test_doubtful_mentions_are_marked_for_review_and_read_so():
    doc = annotated("ab cd ef", (0, 1, "A"), (1, 2, "A"), (2, 3, "A"))
    doc.ents[0]._.assertion, doc.ents[2]._.confidence = "absent", 0.25
    lines = list(ann_lines(doc.text, doc, doubtful=[doc.ents[0], doc.ents[2]]))
    assert lines == [
        "T1\tA 0 2\tab",
        "A1\tAssertion T1 absent",
        "A4\tToReview T1",
        "T2\tA 3 5\tcd",
        "T3\tA 6 8\tef",
        "A5\tToReview T3",
        "#3\tAnnotatorNotes T3\tconfidence 0.250",
    ]
    path = PurePosixPath("n.ann")
    content = "\n".join(lines).encode("utf8")
    [note] = brat.read([File(path.with_suffix(".txt"), doc.text.encode("utf8")), File(path, content)])
    assert (note.to_review, note.problems, len(note.entities)) == (2, (), 3)
    assert brat_config(NLP, for_review=True).endswith("[attributes]\nToReview\tArg:<ENTITY>\n")


# --- names of files


@pytest.mark.parametrize("note_id", ["a", "ward 1/n-2.b", "Müller/αβγ", "2024.01.05_x(1)+[2]"])
def test_a_plain_id_is_its_own_file_name(note_id):
    assert safe_name(note_id) == note_id


@pytest.mark.parametrize(
    "note_id",
    [
        *("..", "../../up", "a/../../../up", "/etc/x", "//x", "a//b", "", "/", "a/.", ".hid", "a/.hid/b", "__MACOSX/a"),
        *("x" * 300, "é" * 150, "😀" * 90, "/".join(["deep"] * 900), "/" * 2000),
        *("a.txt/b", "a.ANN/b/c", "a\x00b", "%2E", "*?|", "c:\\x", "~/x"),
    ],
)
def test_an_id_leads_nowhere_and_is_read_again(note_id, tmp_path):
    folder = save("brat", tmp_path / "in" / "out", (Text(note_id, "x", ""), annotated("x")))
    assert [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(folder)] == []
    assert len(reread(folder)) == 1


@given(st.lists(st.text(st.sampled_from("a./\\%2E0tx~é😀"), max_size=6) | st.sampled_from(["a.txt/a", "a", "a.txt"])))
@example(["a", "a.txt/b", "A.TXT/b", "a.ann/b", "a/b", "a//b", "/a", "a/", "%", "%25", ".a", "%2Ea"])
def test_no_two_ids_share_a_file(tmp_path_factory, ids):
    ids = list(dict.fromkeys(ids))
    folder = save("brat", tmp_path_factory.mktemp("ids") / "o", *((Text(i, f"<{i}>", ""), annotated("x")) for i in ids))
    found = [path.read_text(encoding="utf8") for path in folder.rglob("*") if path.suffix == ".txt" and path.is_file()]
    assert sorted(found) == sorted(f"<{i}>" for i in ids)
    assert len(reread(folder)) == len(ids)


# --- the others


@given(annotated_texts())
def test_jsonl_and_parquet_say_the_same_of_a_note(tmp_path_factory, doc):
    folder, note = tmp_path_factory.mktemp("rows"), Text("a/b", doc.text, "")
    expected = {
        "id": "a/b",
        "text": doc.text,
        "ents": [
            {
                "start": ent.start_char,
                "end": ent.end_char,
                "label": ent.label_,
                "text": ent.text,
                "confidence": ent._.confidence,
                "assertion": ent._.assertion,
                "assertion_probability": ent._.assertion_probability,
            }
            for ent in doc.ents
        ],
    }
    lines = save("jsonl", folder / "o", (note, doc), (note, doc)).read_bytes().decode("utf8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [expected, expected] and lines[-1] == ""
    assert pq.read_table(save("parquet", folder / "o", (note, doc))).to_pylist() == [expected]


def test_an_empty_shard_of_parquet_has_its_columns(tmp_path):
    assert pq.read_table(save("parquet", tmp_path / "o")).column_names == ["id", "text", "ents"]


def test_conll_is_what_export_writes(tmp_path):
    doc = example_doc()
    path = save("conll", tmp_path / "out", (Text("n1", TEXT, ""), doc), (Text("n2", "Fine .", ""), annotated("Fine .")))
    one, two = conll.read([File(PurePosixPath("out.conll"), path.read_bytes())])
    assert (one.id, two.id) == ("n1", "n2")
    tagged = [(entity.label, one.text[entity.start : entity.end]) for entity in one.entities]
    assert tagged == [("problem", "chest pain"), ("test", "EKG fine")]
    assert "chest\tB-problem\npain\tI-problem\n" in path.read_text(encoding="utf8")


def test_conll_has_a_column_of_assertions_where_it_is_wanted(tmp_path):
    notes = (Text("n1", TEXT, ""), example_doc())
    plain = save("conll", tmp_path / "plain", notes).read_text(encoding="utf8")
    wide = save("conll", tmp_path / "wide", notes, assertions=True).read_text(encoding="utf8")
    assert "chest\tB-problem\tabsent\npain\tI-problem\tabsent\n" in wide and "EKG\tB-test\t_\n" in wide
    assert plain == "".join(f"{line.rsplit(chr(9), 1)[0]}\n" for line in wide.split("\n")[:-1])


def test_spacy_shards_hold_ids_mentions_and_what_is_said_of_them_and_nothing_else(tmp_path):
    doc = example_doc()
    doc[0:1]._.confidence = 0.5  # of no mention
    doc.user_data["._.", "trf_data", None, None] = lambda: None  # cannot be stored
    path = save("spacy", tmp_path / "out", (Text("n1", TEXT, ""), doc), (Text("n2", "Fine .", ""), annotated("Fine .")))
    one, two = DocBin().from_disk(path).get_docs(NLP.vocab)
    assert (one.text, one.user_data[NOTE_ID], two.user_data) == (TEXT, "n1", {NOTE_ID: "n2"})
    assert len(one.user_data) == 4
    assert [ent._.confidence for ent in one.ents] == [0.9375, None]
    assert [(ent._.assertion, ent._.assertion_probability) for ent in one.ents] == [("absent", 0.75), (None, None)]
    assert [(ent.start_char, ent.label_) for ent in one.ents] == [(ent.start_char, ent.label_) for ent in doc.ents]


def test_a_doc_that_cannot_be_stored_leaves_no_half_of_itself(tmp_path, monkeypatch):
    writer = WRITERS["spacy"]()
    writer.add(Text("n1", "One .", ""), annotated("One ."))
    monkeypatch.setattr("spacy.tokens._serialize.srsly.msgpack_dumps", lambda value: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        writer.add(Text("n2", "Two .", ""), annotated("Two ."))
    monkeypatch.undo()
    writer.add(Text("n3", "Three .", ""), annotated("Three ."))
    writer.save(tmp_path / "o.spacy")
    docs = DocBin().from_disk(tmp_path / "o.spacy").get_docs(NLP.vocab)
    assert [(doc.text, doc.user_data[NOTE_ID]) for doc in docs] == [("One .", "n1"), ("Three .", "n3")]
