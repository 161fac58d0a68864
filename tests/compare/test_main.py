"""Comparing models: tables, tests, several seeds, and a report that keeps the notes' text to itself."""

import html
import json
import re
import shlex
from pathlib import Path

import pytest
import srsly
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from scripts.compare.__main__ import main
from scripts.corpus.docs import DOCBIN_ATTRS, GOLD, NOTE_ID, create_nlp
from scripts.evaluate.errors import mention_keys
from scripts.evaluate.evaluation import evaluate
from tests.commands import assert_fails, run

NLP = create_nlp()
NOTES = [
    "Zorblatt denies quixopain but takes plimadine for wobblitis . Frangomycin was withheld because of gloomfever .",
    "Plimadine was given . Quixopain returned after snorkectomy and a vexogram showed glimmerosis of both zibs .",
] * 4  # fmt: skip
WORDS = {
    "problem": ("quixopain", "wobblitis", "gloomfever", "glimmerosis"),
    "treatment": ("plimadine", "frangomycin", "snorkectomy"),
    "test": ("vexogram",),
}
LABELS = {word: label for label, words in WORDS.items() for word in words}


def make_docs(miss: str = "", mistake: str = "", short: int = 0) -> list[Doc]:
    """The notes with their mentions: without those of a word, another taken for a test, some one token too long."""
    docs = []
    for i, text in enumerate(NOTES):
        doc = NLP.make_doc(text)
        doc.user_data[NOTE_ID] = f"note-{i}"
        spans = []
        for token in doc:
            label = LABELS.get(token.lower_)
            if label and token.lower_ != miss:
                longer = short and len(spans) < short
                spans.append(
                    Span(doc, token.i, token.i + 1 + bool(longer), "test" if token.lower_ == mistake else label)
                )
        doc.set_ents(spans)
        doc.spans[GOLD] = SpanGroup(
            doc, name=GOLD, spans=spans, attrs={"fragments": [[[span.start_char, span.end_char]] for span in spans]}
        )
        docs.append(doc)
    return docs


class Evaluated:
    """A folder with gold notes, a ledger, logs, and results of invented models."""

    def __init__(self, folder: Path, corpus: str = "my-notes", open: bool = False) -> None:
        self.folder, self.corpus = folder, corpus
        self.golds = make_docs()
        self.save(folder / "corpus/test.spacy", self.golds)
        row = dict.fromkeys(
            ("notes", "tokens", "read", "kept", "realigned", "nested", "duplicate", "dropped", "entities"), 3
        )
        terms = {"corpus": corpus, "licence": "invented", "open": open}
        srsly.write_json(folder / "corpus/conversion.json", {**terms, "splits": {"train": row, "test": row}})

    def save(self, path: Path, docs: list[Doc]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        DocBin(attrs=DOCBIN_ATTRS, store_user_data=True, docs=docs).to_disk(path)

    def add(self, name: str, docs: list[Doc], log: bool = True, **changes) -> Path:
        path = self.folder / "metrics" / f"{name}.json"
        self.save(path.with_suffix(".spacy"), docs)
        metrics = evaluate(self.golds, docs, mention_keys(self.golds[:1])) | {
            "model": name,
            "corpus": self.corpus,
            "test_sha256": "one",
            "encoder": f"{name}-base",
            "seed": 1,
            "words_per_second": 1234,
            "machine": "a CPU, 2 threads",
            "versions": {"spacy": "3.8.18"},
            **changes,
        }
        srsly.write_json(path, metrics)
        if log:
            rows = [
                {
                    "epoch": i,
                    "step": i,
                    "losses": {"transformer": 9.0 - i, "ner": 5.0 - i},
                    "scores": {"ents_f": 10.0 * i, "ents_p": 11.0 * i, "ents_r": 9.0 * i},
                }
                for i in range(3)
            ]
            (self.folder / "training" / name).mkdir(parents=True, exist_ok=True)
            srsly.write_jsonl(self.folder / "training" / name / "log.jsonl", rows)
        return path

    def run(self, *paths: Path, options: tuple[str, ...] = ()):
        return run(main, self.folder / "out", *paths, "--corpus", self.folder / "corpus", "--training",
                   self.folder / "training", *options)  # fmt: skip

    def read(self, name: str) -> str:
        return (self.folder / "out" / name).read_text(encoding="utf8")


@pytest.fixture
def place(tmp_path: Path) -> Evaluated:
    return Evaluated(tmp_path)


def test_all_models_stand_in_one_table(place):
    done = place.run(place.add("bert", make_docs()), place.add("albert", make_docs(miss="plimadine")))
    assert done.code == 0, done.output
    comparison = json.loads(place.read("comparison.json"))
    assert comparison["models"]["bert"]["ents_f"] == 1.0
    assert comparison["models"]["albert"]["encoder"] == "albert-base"
    assert comparison["models"]["albert"]["errors"]["outcomes"]["missed"] == 8
    assert (
        comparison["labels"]["treatment"]["albert"]["r"] == 0.5 and comparison["labels"]["test"]["albert"]["f"] == 1.0
    )
    table = [line.split() for line in done.output.splitlines() if line.strip()]
    assert ["F", "100.00", "88.89"] in table and ["words/s", "1,234", "1,234"] in table


def test_sentences_are_called_so_where_files_have_no_notes(place):
    said = {"unit": "sentence", "in_train": 2}
    done = place.run(place.add("bert", make_docs(), **said), place.add("albert", make_docs(miss="plimadine"), **said))
    assert done.code == 0, done.output
    report, table = (" ".join(place.read(name).split()) for name in ("report.html", "comparison.md"))
    for page in (report, table):
        assert "8 test sentences" in page and "bootstrap over sentences" in page
        assert "2 of 8 test sentences are in train as well." in page
        assert not re.search(r"\b(test|over|these|8) notes", page)
    assert "8 sentences)" in " ".join(done.output.split()) and "randomisation over sentences" in report


def test_texts_that_the_corpus_has_twice_are_told(place):
    path, results = place.folder / "corpus/conversion.json", place.add("bert", make_docs())
    ledger = json.loads(path.read_text())
    for copies, said in (
        ({"texts": 4, "notes": 9, "left_out": [{}] * 3}, "4 texts are there more than once, in 9 notes; 3 copies"),
        ({"texts": 0, "notes": 0, "left_out": [{}]}, "0 texts are there more than once, in 0 notes; 1 copies"),
        ({"texts": 0, "notes": 0, "left_out": []}, ""),
    ):
        srsly.write_json(path, {**ledger, "copies": copies})
        place.run(results)
        assert said in place.read("report.html") if said else "more than once" not in place.read("report.html")


def test_test_texts_that_are_in_train_are_told_if_there_are_some(place):
    place.run(place.add("bert", make_docs(), in_train=4))
    assert all("4 of 8 test texts are in train as well." in place.read(f) for f in ("report.html", "comparison.md"))
    place.run(place.add("bert", make_docs(), in_train=0))
    assert "in train as well" not in place.read("report.html") + place.read("comparison.md")


def test_the_verdict_is_computed(place):
    better, worse = place.add("bert", make_docs()), place.add("albert", make_docs(miss="plimadine"))
    place.run(better, worse)
    (difference,) = json.loads(place.read("comparison.json"))["differences"]
    assert difference["sentence"].startswith("bert is better than albert on these notes (bert less albert: +11.11")
    assert difference["p"] < 0.05 and difference["labels"]["problem"] == {
        "difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "p_holm": 1.0}  # fmt: skip
    for name in ("report.html", "comparison.md"):
        assert difference["sentence"] in place.read(name)
    place.run(better, place.add("other", make_docs()))
    assert "No difference between bert and other is shown" in place.read("report.html")


def test_seeds_of_a_model_are_averaged_and_their_spread_is_reported(place):
    runs = [place.add("bert-seed1", make_docs()), place.add("bert-seed2", make_docs(miss="plimadine"), seed=2)]
    place.run(*runs, place.add("albert", make_docs()))
    comparison = json.loads(place.read("comparison.json"))
    assert list(comparison["models"]) == ["bert", "albert"]
    bert = comparison["models"]["bert"]
    assert bert["seeds"] == [1, 2] and bert["ents_f"] == pytest.approx((1 + 8 / 9) / 2)
    assert bert["spread"] == pytest.approx((1 - 8 / 9) / 2**0.5)
    assert comparison["models"]["albert"]["spread"] is None
    assert bert["intervals"]["f"]["low"] < 0.95 < bert["intervals"]["f"]["high"] + 0.02


def test_three_models_are_compared_two_by_two(place):
    place.run(*(place.add(name, make_docs()) for name in ("a", "b", "c")))
    differences = json.loads(place.read("comparison.json"))["differences"]
    assert [(row["one"], row["other"]) for row in differences] == [("a", "b"), ("a", "c"), ("b", "c")]


def words_of(docs: list[Doc]) -> set[str]:
    return {token.lower_ for doc in docs for token in doc if len(token) > 6}


def test_a_report_on_protected_notes_holds_no_text(place):
    paths = [
        place.add("bert", make_docs(mistake="vexogram")),
        place.add("albert", make_docs(miss="plimadine", short=1)),
    ]
    done = place.run(*paths)
    secret = words_of(place.golds) - {"because", "returned", "withheld"}
    assert len(secret) > 8
    for page in (place.read("report.html"), place.read("comparison.md"), place.read("comparison.json"), done.output):
        assert not [word for word in secret if word in page.lower()]
    place.run(*paths, options=("--show-text",))
    assert [word for word in secret if word in place.read("report.html").lower()]


@pytest.mark.parametrize("corpus", ["sample", "ward"])
def test_a_report_on_open_notes_shows_some_whatever_they_are_called(corpus, tmp_path):
    place = Evaluated(tmp_path, corpus, open=True)
    place.run(place.add("bert", make_docs(miss="quixopain", mistake="snorkectomy", short=1)))
    page = place.read("report.html")
    for outcome in ("missed", "label", "boundary"):
        assert f"<strong>{outcome}</strong>" in page
    assert "Quixopain" in page and 'class="entity"' in page


def test_the_name_of_a_corpus_or_of_its_folder_opens_nothing(tmp_path):
    """Protected notes may lie in a folder called sample, or be called so themselves."""
    place = Evaluated(tmp_path, corpus="sample", open=False)
    (tmp_path / "corpus").rename(tmp_path / "sample")
    done = run(main, tmp_path / "out", place.add("bert", make_docs(miss="quixopain")), "--corpus", tmp_path / "sample",
               "--training", tmp_path / "training")  # fmt: skip
    assert done.code == 0, done.output
    assert not [word for word in words_of(place.golds) - {"because", "returned", "withheld"}
                if word in place.read("report.html").lower()]  # fmt: skip


def test_a_corpus_that_does_not_state_its_terms_is_refused(place):
    ledger = json.loads((place.folder / "corpus/conversion.json").read_text())
    del ledger["open"]
    srsly.write_json(place.folder / "corpus/conversion.json", ledger)
    done = place.run(place.add("bert", make_docs()))
    assert_fails(done, "does not state the terms of the notes: convert the corpus again", without=place.folder / "out")


def test_no_report_names_scores_of_anybody_else(place):
    place.run(place.add("bert", make_docs()), place.add("albert", make_docs()))
    assert "87.26" not in place.read("report.html") and "published" not in place.read("report.html")


def test_the_report_needs_nothing_else(place):
    place.run(place.add("bert", make_docs()), place.add("albert", make_docs(miss="plimadine")))
    page = place.read("report.html")
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"<script|@import|url\((?!#)", page)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert page.count('role="img" aria-label="') == page.count("<svg ") == 6
    for wanted in (
        "my-notes",
        "SHA-256",
        "spacy 3.8.18",
        "unseen in train",
        "a CPU, 2 threads",
    ):
        assert wanted in page


def test_a_missing_log_is_reported_in_the_report(place):
    done = place.run(place.add("bert", make_docs()), place.add("albert", make_docs(), log=False))
    assert done.code == 0 and "no training curve of this model" in " ".join(done.output.split())
    assert "No training log was found for albert" in place.read("report.html")


def test_models_measured_on_other_notes_are_refused(place):
    done = place.run(place.add("bert", make_docs()), place.add("albert", make_docs(), test_sha256="other"))
    assert_fails(done, "bert, albert were evaluated on different notes", without=place.folder / "out/comparison.json")


def test_a_label_that_only_one_model_knows_counts_as_zero(place):
    strange = make_docs()
    for doc in strange:
        doc.set_ents([*doc.ents[:-1], Span(doc, doc.ents[-1].start, doc.ents[-1].end, "strange")])
    assert place.run(place.add("bert", make_docs()), place.add("albert", strange)).code == 0
    labels = json.loads(place.read("comparison.json"))["labels"]
    assert labels["strange"]["bert"]["f"] == labels["strange"]["albert"]["f"] == 0.0


def test_a_missing_result_is_reported(place):
    done = place.run(place.folder / "bert.json")
    assert_fails(done, "bert.json does not exist: evaluate the model first")


def test_the_command_of_the_report_can_be_pasted_whatever_the_corpus_is_called(tmp_path):
    place = Evaluated(tmp_path, corpus="o'neil's notes")
    assert place.run(place.add("bert", make_docs()), place.add("albert", make_docs())).code == 0
    command = html.unescape(place.read("report.html").partition("<pre><code>")[2].partition("</code>")[0])
    assert shlex.split(command)[-2:] == ["--vars.corpus", "o'neil's notes"]
