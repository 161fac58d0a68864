"""`estimate` says how long training is going to take, by updates that it makes and throws away."""

import re

import pytest
import srsly
from spacy.tokens import DocBin

from scripts.corpus.docs import DOCBIN_ATTRS, create_nlp, read_docs, to_doc
from scripts.corpus.note import Note
from scripts.estimate import speed
from scripts.estimate.__main__ import main, say
from tests.commands import assert_fails, run
from tests.paths import ROOT
from tests.trainings import contents, prepare


@pytest.fixture
def ward(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(speed, "LEAST_SECONDS", 0.0)
    return prepare(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "about 1 minute"), (89, "about 1 minute"), (100, "about 2 minutes"), (540, "about 9 minutes"),
     (7100, "about 118 minutes"), (7200, "about 2 hours"), (40000, "about 11 hours")],
)  # fmt: skip
def test_times_are_said_in_minutes_and_hours(seconds, said):
    assert say(seconds) == said


def test_epochs_words_and_speeds_of_all_encoders_make_the_time(ward, monkeypatch):
    speeds = iter([10.0, 40.0])
    monkeypatch.setattr(speed, "measure", lambda encoder, train: next(speeds))
    words = sum(
        not token.is_space for doc in read_docs(ward / "corpus/train.spacy", create_nlp().vocab) for token in doc
    )
    done = run(main, ward / "corpus", ward / "said", ward / "encoder", ward / "encoder", "--epochs", "90")
    assert done.code == 0
    expected = say(90 * words / 10 + 90 * words / 40)
    assert f"take {expected} on" in " ".join(done.output.split())
    assert f"90 x {words:,} words" in " ".join(done.output.split())
    said = srsly.read_json(ward / "said.json")
    assert (said["words"], said["epochs"], said["words_per_second"]) == (words, 90, [10.0, 40.0])
    assert said["seconds"] == 90 * words / 10 + 90 * words / 40


def test_real_updates_are_measured_and_only_the_figures_are_written(ward):
    before = contents(ward / "corpus"), contents(ward / "encoder")
    done = run(main, ward / "corpus", ward / "said", ward / "encoder")
    assert done.code == 0, done.output
    (found,) = re.findall(r"encoder learns from ([\d,]+) words a second", done.output)
    assert int(found.replace(",", "")) > 0
    assert (contents(ward / "corpus"), contents(ward / "encoder")) == before
    assert {path.name for path in ward.iterdir()} == {"config.cfg", "corpus", "encoder", "said.json"}


def write(path, texts):
    docs = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)
    for place, text in enumerate(texts):
        docs.add(to_doc(create_nlp(), Note(str(place), text, (), "a", "a")).doc)
    docs.to_disk(path)


def test_each_batch_is_updated_by_before_one_comes_again(ward, monkeypatch):
    seen = []
    monkeypatch.setattr(speed, "LEAST_UPDATES", 6)
    write(ward / "corpus/train.spacy", [f"she denies pain {'again ' * 400}{place}" for place in range(20)])
    load = speed.load_model_from_config

    def load_watched(*settings, **others):
        nlp = load(*settings, **others)
        update = nlp.update
        monkeypatch.setattr(nlp, "update", lambda batch, **rest: seen.append(str(batch)) or update(batch, **rest))
        return nlp

    monkeypatch.setattr(speed, "load_model_from_config", load_watched)
    assert speed.measure(str(ward / "encoder"), ward / "corpus/train.spacy") > 0
    assert len(set(seen)) == len(seen) == speed.WARM + speed.LEAST_UPDATES


@pytest.mark.parametrize(("kind", "config"), [("bert", "bert"), ("albert", "albert"), ("distilbert", "bert")])
def test_an_encoder_of_another_kind_learns_as_bert_does(kind, config, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    srsly.write_json(tmp_path / "config.json", {"model_type": kind})
    assert speed.find_config(str(tmp_path)).name == f"{config}.cfg"


def test_a_missing_corpus_is_one_sentence(ward):
    assert_fails(run(main, ward / "none", ward / "said", ward / "encoder"), "none/train.spacy")


@pytest.mark.parametrize("texts", [["", ""], [" \n "], [" "] * (speed.NOTES + 1)])
def test_notes_without_words_are_one_sentence(ward, texts):
    write(ward / "corpus/train.spacy", texts)
    assert_fails(run(main, ward / "corpus", ward / "said", ward / "encoder"), "train.spacy holds no text to train on.")


def test_blank_notes_are_passed_over(ward):
    write(ward / "corpus/train.spacy", [" "] * (speed.NOTES + 1) + ["she denies chest pain ."])
    assert speed.measure(str(ward / "encoder"), ward / "corpus/train.spacy") > 0
