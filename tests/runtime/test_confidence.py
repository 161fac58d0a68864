"""How sure the recognizer is of its mentions, as a pipeline gives it."""

import copy

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from scripts.runtime.calibration import IDENTITY
from tests.recognizers import WORDS, build, recognizer_of, shuffle

CURVE = [0.5, -0.25]
WORD_LISTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30)
Said = list[tuple[int, int, str, float | None]]


@pytest.fixture
def nlp() -> Language:
    nlp = build()
    shuffle(nlp, 3)
    recognizer_of(nlp).cfg["calibration"] = CURVE
    return nlp


TEXTS = [" ".join(WORDS[shift:] + WORDS) for shift in range(8)]


def say(doc: Doc) -> Said:
    return [(ent.start, ent.end, ent.label_, ent._.confidence) for ent in doc.ents]


def by_curve(nlp: Language, texts: list[str], curve: tuple[float, ...] | list[float] | None) -> list[Said]:
    recognizer_of(nlp).cfg["calibration"] = curve
    return [say(doc) for doc in nlp.pipe(texts)]


@settings(max_examples=50)
@given(notes=st.lists(WORD_LISTS.map(" ".join), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_a_confidence_is_a_probability_that_rises_with_the_raw_one_and_changes_no_mention(notes: list[str], seed: int):
    nlp = build()
    shuffle(nlp, seed)
    plain, raw, curved = (by_curve(nlp, notes, curve) for curve in (None, IDENTITY, CURVE))
    assert all(confidence is None for note in plain for *_, confidence in note)
    assert [[row[:3] for row in note] for note in plain] == [[row[:3] for row in note] for note in raw]
    assert [[row[:3] for row in note] for note in plain] == [[row[:3] for row in note] for note in curved]
    pairs = sorted(
        (one[3], other[3]) for one_note, other_note in zip(raw, curved, strict=True)
        for one, other in zip(one_note, other_note, strict=True)
    )  # fmt: skip
    assert all(one and other and 0 < one < 1 and 0 < other < 1 for one, other in pairs)
    assert [other for _, other in pairs] == sorted(other for _, other in pairs)


def test_confidences_are_the_same_alone_in_a_stream_and_in_processes(nlp):
    expected = [say(nlp(text)) for text in TEXTS]
    assert sum(map(len, expected)) > 15 and all(confidence for note in expected for *_, confidence in note)
    for options in ({"batch_size": 1}, {"batch_size": 3}, {"n_process": 2, "batch_size": 2}):
        found = [say(doc) for doc in nlp.pipe(TEXTS, **options)]
        for one, other in zip(found, expected, strict=True):
            assert [row[:3] for row in one] == [row[:3] for row in other]
            assert [row[3] for row in one] == pytest.approx([row[3] for row in other], abs=1e-6)


def test_confidences_stay_with_a_doc_and_the_curve_with_a_pipeline(nlp, tmp_path):
    doc = nlp(TEXTS[-1])
    (stored,) = DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)
    copies = (stored, copy.deepcopy(doc), Doc(nlp.vocab).from_bytes(doc.to_bytes()), doc.copy())
    assert say(doc) and [say(each) for each in copies] == [say(doc)] * len(copies)
    nlp.to_disk(tmp_path / "model")
    from_bytes = spacy.util.load_model_from_config(nlp.config, auto_fill=True).from_bytes(nlp.to_bytes())
    for other in (spacy.load(tmp_path / "model"), from_bytes, copy.deepcopy(nlp)):
        assert say(other(TEXTS[-1])) == say(doc)


def test_where_the_search_is_spacys_there_is_no_confidence(nlp):
    doc = nlp.make_doc("she denies chest pain . no fever since then .")
    doc.set_ents([Span(doc, 0, 1, "person")], default="missing")
    assert {row[3] for row in say(nlp(doc))} == {None} and len(doc.ents) > 1
    recognizer_of(nlp).add_label("test")
    assert {row[3] for row in say(nlp(TEXTS[-1]))} == {None}


def test_a_pipeline_of_an_older_version_gives_none(nlp):
    expected = say(nlp(TEXTS[-1]))
    del recognizer_of(nlp).cfg["calibration"]
    assert say(nlp(TEXTS[-1])) == [(*row[:3], None) for row in expected]


def test_characters_that_nobody_sees_change_no_confidence(nlp):
    plain = nlp("denies chest pain . aspirin fever denies chest aspirin")
    other = nlp("denies chest \u200b pain . aspirin fever \ufeff denies chest aspirin")
    assert plain.ents and [ent._.confidence for ent in other.ents] == [ent._.confidence for ent in plain.ents]
    assert None not in [ent._.confidence for ent in other.ents]


def learn(nlp: Language, how: str) -> None:
    doc = nlp.make_doc("chest pain")
    doc.ents = [Span(doc, 0, 2, "problem")]
    examples = [Example(nlp.make_doc("chest pain"), doc)]
    if how == "update":
        nlp.update(examples, sgd=nlp.create_optimizer())
    elif how == "rehearse":
        nlp.resume_training()
        nlp.rehearse(examples)
    else:
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize("how", ["update", "rehearse", "initialize"])
def test_the_curve_is_dropped_when_weights_change(nlp, how):
    learn(nlp, how)
    assert recognizer_of(nlp).cfg["calibration"] is None
    assert {row[3] for row in say(nlp(TEXTS[-1]))} <= {None}


def test_weights_without_a_curve_leave_none_behind(nlp):
    other = recognizer_of(build())
    del other.cfg["calibration"]  # as an older version stored it
    recognizer_of(nlp).from_bytes(other.to_bytes())
    assert recognizer_of(nlp).cfg["calibration"] is None


def test_a_second_reading_without_a_curve_leaves_no_number(nlp):
    doc = nlp(TEXTS[-1])
    doc.ents = []
    recognizer_of(nlp).cfg["calibration"] = None
    assert {row[3] for row in say(recognizer_of(nlp)(doc))} == {None}
