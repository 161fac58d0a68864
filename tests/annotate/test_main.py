"""The `annotate` command: each note once, whatever happens; bad input ends in one sentence."""

import json
import multiprocessing
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from tqdm import tqdm

from scripts.annotate.__main__ import FORMATS, main
from scripts.archives import read_files
from scripts.convert.formats import brat, conll
from scripts.corpus.docs import NOTE_ID, create_nlp
from scripts.corpus.writers import WRITERS
from tests.commands import Done, assert_fails, run
from tests.helpers import tar_of, write_files, zip_of
from tests.paths import ROOT

NOTE = "Pt {} has chest\r\n  pain 😀 .\nEKG was fine .\n"
PATTERNS = [
    {"label": "problem", "pattern": [{"LOWER": "chest"}, {"IS_SPACE": True, "OP": "*"}, {"LOWER": "pain"}]},
    {"label": "test", "pattern": "EKG"},
]


@Language.component("medner_test_raises")
def raises(doc: Doc) -> Doc:
    if "quillwort" in doc.text:
        raise ValueError(f"Cannot do: {doc.text}")
    return doc


class Asserts:
    """Says "absent" of every problem."""

    labels = ("absent", "present")

    def __init__(self, nlp: Language, name: str) -> None:
        pass

    def __call__(self, doc: Doc) -> Doc:
        for ent in doc.ents:
            if ent.label_ == "problem":
                ent._.assertion, ent._.assertion_probability = "absent", 0.875
        return doc


class Sure:
    """Is nearly sure of every problem, less of tests."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.cfg = {"calibration": [1.0, 0.0]}

    def __call__(self, doc: Doc) -> Doc:
        for ent in doc.ents:
            ent._.confidence = 0.9375 if ent.label_ == "problem" else 0.5
        return doc


Language.factory("medner_test_sure", func=Sure, assigns=["span._.confidence"])
Language.factory("medner_test_asserts", func=Asserts, assigns=["span._.assertion"])


def save_pipeline(path: Path, component: str) -> Path:
    """Save a pipeline that is as fast as rules are, with another component behind them."""
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)
    nlp.add_pipe(component)
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A pipeline that fails for some notes."""
    return save_pipeline(tmp_path_factory.mktemp("model"), "medner_test_raises")


@pytest.fixture(scope="module")
def asserting(tmp_path_factory) -> Path:
    """A pipeline that says something of mentions."""
    return save_pipeline(tmp_path_factory.mktemp("asserting"), "medner_test_asserts")


@pytest.fixture(scope="module")
def sure(tmp_path_factory) -> Path:
    """A pipeline that gives confidences."""
    return save_pipeline(tmp_path_factory.mktemp("sure"), "medner_test_sure")


def annotate(*arguments: str | Path) -> Done:
    return run(main, *arguments)


def write_notes(folder: Path, count: int, **others: str | bytes) -> Path:
    members = {f"ward{i % 3}/n{i}.txt": NOTE.format(i) for i in range(count)}
    return write_files(folder, members | {name.replace("_", "."): data for name, data in others.items()})


def rows(output: Path) -> list[dict]:
    return [row for path in sorted((output / "shards").glob("*.jsonl")) for row in srsly.read_jsonl(path)]


def errors(output: Path) -> list[dict]:
    return list(srsly.read_jsonl(output / "errors.jsonl"))


def check_invariant(output: Path) -> None:
    """notes = annotated + failed, of each shard and of all, and just as many are there."""
    _, *shards, end = srsly.read_jsonl(output / "manifest.jsonl")
    for counts in (*shards, end):
        assert counts["notes"] == counts["annotated"] + counts["failed"]
        assert counts["mentions"] == counts["written"] + counts["left_out"]
    for name in ("notes", "annotated", "failed", "mentions", "written", "left_out", "unrated", "words"):
        assert end[name] == sum(shard[name] for shard in shards)
    assert len(errors(output)) == end["failed"]
    found = rows(output)
    assert len(found) == len({row["id"] for row in found}) == end["annotated"]
    assert sum(len(row["ents"]) for row in found) == end["written"]
    assert list(output.rglob("*.part")) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_ids_that_cannot_be_written_fail_alone(model, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "\\ud800", "text": "a"}\n{"id": "b", "text": "EKG"}\n')
    done = annotate(model, source, tmp_path / "out", "--to", "jsonl")
    assert done.code == 0 and "1 of 2 notes" in done.output, done.output
    assert [row["id"] for row in rows(tmp_path / "out")] == ["b"]
    assert [error["line"] for error in errors(tmp_path / "out")] == [1]
    check_invariant(tmp_path / "out")


# --- the formats


def test_brat_pairs_hold_the_notes_and_their_mentions(model, tmp_path):
    source = write_notes(tmp_path / "in", 7)
    done = annotate(model, source, tmp_path / "out", "--to", "brat", "--shard-size", "3")
    assert done.code == 0 and "Annotated 7 of 7 notes" in done.output, done.output
    notes = list(brat.read(list(read_files(tmp_path / "out"))))
    assert len(notes) == 7 and not any(note.problems for note in notes)
    for note in notes:
        assert {note.text} == {
            data.decode() for name, data in contents(source).items() if name.endswith(f"/{note.id}.txt")
        }
        found = [(entity.label, note.text[entity.start : entity.end]) for entity in note.entities]
        assert found == [("problem", "chest\r\n  pain"), ("test", "EKG")]
    assert sorted(path.name for path in (tmp_path / "out" / "shards").iterdir()) == ["00001", "00002", "00003"]
    assert "problem\ntest\n" in (tmp_path / "out" / "annotation.conf").read_text()


def test_the_other_formats_hold_the_notes_and_their_mentions(model, tmp_path):
    source = write_notes(tmp_path / "in", 7)
    for to in ("jsonl", "conll", "spacy", "parquet"):
        assert annotate(model, source, tmp_path / to, "--to", to, "--shard-size", "3").code == 0
    expected = rows(tmp_path / "jsonl")
    check_invariant(tmp_path / "jsonl")
    assert len(expected) == 7 and [ent["label"] for ent in expected[0]["ents"]] == ["problem", "test"]
    assert pq.read_table(tmp_path / "parquet" / "shards").to_pylist() == expected
    notes = conll.read(list(read_files(tmp_path / "conll" / "shards")))
    assert sorted((note.id, len(note.entities)) for note in notes) == sorted((row["id"], 2) for row in expected)
    vocab = spacy.blank("en").vocab
    shards = sorted((tmp_path / "spacy" / "shards").iterdir())
    docs = [doc for path in shards for doc in DocBin().from_disk(path).get_docs(vocab)]
    assert [(doc.user_data[NOTE_ID], doc.text) for doc in docs] == [(row["id"], row["text"]) for row in expected]
    assert [ent.start_char for doc in docs for ent in doc.ents] == [e["start"] for row in expected for e in row["ents"]]


@pytest.mark.parametrize("name", ["n.txt", "t.jsonl", "t.csv", "t.parquet", "z.zip", "z.tar.gz"])
def test_notes_are_read_from_files_tables_and_archives(name, model, tmp_path):
    text = NOTE.format(1)
    table = pa.table({"id": ["a", "b"], "text": [text, text]})
    pq.write_table(table, tmp_path / "t.parquet")
    data = {
        "n.txt": text,
        "t.jsonl": "".join(json.dumps(row) + "\n" for row in table.to_pylist()),
        "t.csv": f'id,text\na,"{text}"\nb,"{text}"\n',
        "t.parquet": (tmp_path / "t.parquet").read_bytes(),
        "z.zip": zip_of({"a.txt": text, "b.txt": text}),
        "z.tar.gz": tar_of({"a.txt": text, "b.txt": text}),
    }[name]
    source = write_files(tmp_path, {name: data}) / name
    assert annotate(model, source, tmp_path / "out", "--to", "jsonl").code == 0
    found = rows(tmp_path / "out")
    assert [row["id"].split("/")[-1] for row in found] == (["n"] if name == "n.txt" else ["a", "b"])
    assert {row["text"] for row in found} == {text}


def test_columns_can_be_named(model, tmp_path):
    write_files(tmp_path, {"t.csv": "note,key\nEKG,k1\n"})
    options = ("--to", "jsonl", "--text-column", "note", "--id-column", "key")
    assert annotate(model, tmp_path / "t.csv", tmp_path / "out", *options).code == 0
    assert [(row["id"], row["text"]) for row in rows(tmp_path / "out")] == [("k1", "EKG")]


def test_an_id_cannot_lead_out_of_the_output(model, tmp_path):
    ids = ["../../up", "/etc/x", "..", "a/../../b"]
    write_files(tmp_path, {"in/t.jsonl": "".join(json.dumps({"id": i, "text": "EKG"}) + "\n" for i in ids)})
    assert annotate(model, tmp_path / "in", tmp_path / "x" / "out", "--to", "brat").code == 0
    assert len(list((tmp_path / "x" / "out" / "shards" / "00001").rglob("*.ann"))) == 4
    assert len(list(tmp_path.rglob("*.ann"))) == 4


def test_several_processes_do_the_same(model, tmp_path):
    source = write_notes(tmp_path / "in", 60, bad_txt="quillwort")
    for n_process in ("1", "2"):
        options = ("--to", "jsonl", "--shard-size", "25", "--n-process", n_process)
        assert annotate(model, source, tmp_path / n_process, *options).code == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    check_invariant(tmp_path / "2")


# --- assertions


@pytest.mark.parametrize("n_process", ["1", "2"])
def test_every_format_holds_what_is_said_of_mentions(n_process, asserting, tmp_path):
    source = write_notes(tmp_path / "in", 40)
    for to in FORMATS:
        options = ("--to", to, "--n-process", n_process, *(["--assertions"] if to == "conll" else []))
        assert annotate(asserting, source, tmp_path / to, *options).code == 0
    said = [("problem", "absent", 0.875), ("test", None, None)]
    expected = rows(tmp_path / "jsonl")
    assert len(expected) == 40 and pq.read_table(tmp_path / "parquet" / "shards").to_pylist() == expected
    for row in expected:
        assert [(ent["label"], ent["assertion"], ent["assertion_probability"]) for ent in row["ents"]] == said
    for doc in DocBin().from_disk(tmp_path / "spacy" / "shards" / "00001.spacy").get_docs(create_nlp().vocab):
        assert [(ent.label_, ent._.assertion, ent._.assertion_probability) for ent in doc.ents] == said
    assert "Assertion\tArg:<ENTITY>, Value:absent|present\n" in (tmp_path / "brat" / "annotation.conf").read_text()
    for note in brat.read(list(read_files(tmp_path / "brat"))):
        assert [entity.assertion for entity in note.entities] == ["absent", ""] and note.problems == ()
    text = (tmp_path / "conll" / "shards" / "00001.conll").read_text(encoding="utf8")
    assert text.count("chest\tB-problem\tabsent\n") == text.count("EKG\tB-test\t_\n") == 40


def test_without_the_option_conll_has_no_column_for_them(model, asserting, tmp_path):
    source = write_notes(tmp_path / "in", 3)
    for name, pipeline in (("plain", model), ("asserting", asserting)):
        assert annotate(pipeline, source, tmp_path / name, "--to", "conll").code == 0
    assert contents(tmp_path / "plain" / "shards") == contents(tmp_path / "asserting" / "shards")


@pytest.mark.parametrize("to", [to for to in FORMATS if to != "conll"])
def test_a_column_of_assertions_is_for_conll_alone(to, model, tmp_path):
    done = annotate(model, write_notes(tmp_path / "in", 1), tmp_path / "out", "--to", to, "--assertions")
    reported = f"--assertions adds a column to conll; {to} holds assertions without it: leave it out."
    assert_fails(done, reported, without=tmp_path / "out")


def forget_assertions(output: Path) -> dict[str, bytes]:
    """Make the manifest one of a version that knew no assertions and confidences, killed before its last line."""
    path = output / "manifest.jsonl"
    first, *lines, _ = srsly.read_jsonl(path)
    del first["assertions"], first["min_confidence"], first["check"]
    for line in lines:
        for name in ("written", "left_out", "unrated", "size", "sha256", "errors_sha256", "check"):
            del line[name]
    srsly.write_jsonl(path, [first, *lines])
    return contents(output)


@pytest.mark.parametrize("to", ["brat", "conll", "spacy"])
def test_a_run_from_before_assertions_goes_on_where_they_change_nothing(to, model, tmp_path):
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", to)
    assert annotate(*command).code == 0
    forget_assertions(tmp_path / "out")
    done = annotate(*command)
    assert done.code == 0 and "Annotated 5 of 5 notes" in done.output, done.output


@pytest.mark.parametrize("to", ["jsonl", "parquet"])
def test_a_run_from_before_assertions_is_refused_where_its_rows_had_no_place_for_them(to, model, tmp_path):
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", to)
    assert annotate(*command).code == 0
    before = forget_assertions(tmp_path / "out")
    assert_fails(annotate(*command), "was begun by an older version", "name a new folder")
    assert_fails(annotate(*command, "--max-chars", "9"), "begun with other settings (max_chars)")
    assert contents(tmp_path / "out") == before


def test_a_run_goes_on_only_with_the_same_columns(model, tmp_path):
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", "conll")
    assert annotate(*command, "--assertions").code == 0
    assert_fails(annotate(*command), "begun with other settings (assertions)")
    forget_assertions(tmp_path / "out")
    assert_fails(annotate(*command, "--assertions"), "begun with other settings (assertions)")


# --- confidence


def labels_in(output: Path, to: str) -> set[bytes]:
    written = b"".join(contents(output / "shards").values())
    return set(re.findall(b"problem|test", zlib.decompress(written) if to == "spacy" else written))


@pytest.mark.parametrize("to", FORMATS)
def test_mentions_that_are_not_sure_enough_are_left_out_and_counted(to, sure, tmp_path):
    command = (sure, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", to, "--min-confidence", "0.9375")
    done = annotate(*command)
    assert done.code == 0 and "5 of 10 mentions are less sure, and left out" in done.output
    assert "5 mentions, see" in done.output
    *_, end = srsly.read_jsonl(tmp_path / "out" / "manifest.jsonl")
    assert (end["mentions"], end["written"], end["left_out"]) == (10, 5, 5)
    assert labels_in(tmp_path / "out", to) == {b"problem"}
    if to == "jsonl":
        check_invariant(tmp_path / "out")
        assert {ent["confidence"] for row in rows(tmp_path / "out") for ent in row["ents"]} == {0.9375}
    assert_fails(annotate(*command[:-1], "0.5"), "begun with other settings (min_confidence)")
    assert annotate(*command[:2], tmp_path / "all", "--to", to, "--min-confidence", "0.5").code == 0
    assert labels_in(tmp_path / "all", to) == {b"problem", b"test"}


@pytest.mark.parametrize("least", ["0.95", "0.7", "0.1234567890123"])
def test_a_run_goes_on_with_the_same_least_confidence(least, sure, tmp_path):
    command = (sure, write_notes(tmp_path / "in", 2), tmp_path / "out", "--to", "jsonl", "--min-confidence", least)
    assert annotate(*command).code == 0
    assert "Nothing is left to do" in " ".join(annotate(*command).output.split())


def test_mentions_without_a_confidence_are_never_left_out(sure, tmp_path):
    nlp = spacy.load(sure)
    nlp.add_pipe("entity_ruler", name="late").add_patterns([{"label": "person", "pattern": "Pt"}])
    nlp.to_disk(tmp_path / "model")
    source = write_notes(tmp_path / "in", 2)
    done = annotate(tmp_path / "model", source, tmp_path / "out", "--to", "jsonl", "--min-confidence", "1")
    assert done.code == 0 and "2 of the mentions written have no confidence" in " ".join(done.output.split())
    found = [(ent["label"], ent["confidence"]) for row in rows(tmp_path / "out") for ent in row["ents"]]
    assert found == [("person", None)] * 2


def test_a_pipeline_without_calibration_cannot_leave_mentions_out(model, sure, tmp_path):
    source = write_notes(tmp_path / "in", 1)
    options = ("--to", "jsonl", "--min-confidence", "0.8")
    done = annotate(model, source, tmp_path / "out", *options)
    assert_fails(done, "gives no confidence", "leave --min-confidence 0.8 out", without=tmp_path / "out")
    for value in ("1.5", "-0.1"):
        done = annotate(sure, source, tmp_path / "out", "--to", "jsonl", "--min-confidence", value)
        assert_fails(done, f"--min-confidence {value} is no confidence", without=tmp_path / "out")


# --- notes that fail


def test_notes_that_fail_are_recorded_once_and_the_rest_goes_on(model, tmp_path):
    table = '{"id": "t1", "text": "EKG"}\n{"id": "t2", "te\n{"id": "t3"}\n{"id": "t1", "text": "EKG"}\n'
    others = {"a_txt": b"caf\xe9", "b_txt": b"a\0b", "c_txt": "x" * 5001, "d_txt": "quillwort", "t_jsonl": table}
    source = write_notes(tmp_path / "in", 10, **others)
    options = ("--to", "jsonl", "--shard-size", "4", "--max-chars", "5000")
    done = annotate(model, source, tmp_path / "out", *options)
    assert done.code == 0 and "7 notes failed" in done.output and "Annotated 11 of 18 notes" in done.output
    check_invariant(tmp_path / "out")
    at = f"tests/annotate/test_main.py:{raises.__code__.co_firstlineno + 3}"
    assert [tuple(error.values()) for error in errors(tmp_path / "out")] == [
        ("a", "a.txt", 1, "not UTF-8: convert the file, for instance by iconv -f cp1252 -t utf-8", ""),
        ("b", "b.txt", 1, "null bytes (UTF-16?)", ""),
        ("c", "c.txt", 0, "longer than 5,000 characters", ""),
        ("d", "d.txt", 0, "the pipeline failed (ValueError)", at),
        ("", "t.jsonl", 2, "broken JSON", ""),
        ("t3", "t.jsonl", 3, "no text", ""),
        ("t1", "t.jsonl", 4, "an earlier note has the same id", ""),
    ]
    assert {tuple(error) for error in errors(tmp_path / "out")} == {("id", "file", "line", "reason", "at")}


def test_no_word_of_a_note_is_printed_or_recorded(model, tmp_path):
    words = "zorblattin quillwort EKG"
    table = f'{{"text": "{words}"}}\n{{"text": "{words}\n{{"text": ["{words}"]}}\n'
    source = write_notes(tmp_path / "in", 3, a_txt=words, b_txt=words.encode() + b"\xff", t_jsonl=table, c_csv=words)
    done = annotate(model, source, tmp_path / "out", "--to", "brat")
    assert done.code == 0 and "6 notes failed" in done.output, done.output
    reported = done.output + "".join(
        (tmp_path / "out" / f"{name}.jsonl").read_text() for name in ("manifest", "errors")
    )
    assert not {"zorblattin", "quillwort", "ekg", "chest"} & set(re.findall(r"\w+", reported.lower()))


def test_if_all_notes_fail_so_does_the_command(model, tmp_path):
    source = write_files(tmp_path / "in", {"a.txt": b"\xff", "b.txt": "quillwort"})
    for _ in range(2):
        done = annotate(model, source, tmp_path / "out", "--to", "jsonl")
        assert_fails(done, "None of 2 notes could be annotated", "1 x not UTF-8", "errors.jsonl")
    assert len(errors(tmp_path / "out")) == 2


def test_a_note_that_cannot_be_written_is_a_failure(model, tmp_path, monkeypatch):
    def refuse(text: str, doc: Doc) -> list[str]:
        if "Pt 1 " in text:
            raise ValueError(text)
        return []

    monkeypatch.setattr("scripts.corpus.writers.ann_lines", refuse)
    assert annotate(model, write_notes(tmp_path / "in", 4), tmp_path / "out", "--to", "brat").code == 0
    [error] = errors(tmp_path / "out")
    assert (error["id"], error["reason"]) == ("ward1/n1", "it cannot be written (ValueError)")
    assert error["at"] == f"tests/annotate/test_main.py:{refuse.__code__.co_firstlineno + 2}"


def test_a_long_note_is_annotated_and_a_longer_one_than_five_million_characters_reported(model, tmp_path):
    text = f"{'Stable overnight .' * 60_000}\nEKG"  # spaCy's own limit is a million
    source = write_files(tmp_path / "in", {"long.txt": text, "longer.txt": "x" * 5_000_001})
    assert annotate(model, source, tmp_path / "out", "--to", "jsonl").code == 0
    [row] = rows(tmp_path / "out")
    assert row["id"] == "long" and [ent["start"] for ent in row["ents"]] == [len(text) - 3]
    assert [error["reason"] for error in errors(tmp_path / "out")] == ["longer than 5,000,000 characters"]


# --- killed and started again


def start(*arguments: str | Path) -> multiprocessing.Process:
    """Run the command in a process of its own."""

    def command() -> None:
        tqdm.set_lock(threading.RLock())  # its own is shared with this process, and killed it would hold it for ever
        os._exit(annotate(*arguments).code)

    process = multiprocessing.get_context("fork").Process(target=command)
    process.start()
    return process


def kill_at_random(process: multiprocessing.Process, manifest: Path, chance: random.Random) -> bool:
    """Kill a run once it has finished another shard or two; whether it was still running then."""
    wanted = (manifest.read_bytes().count(b"\n") if manifest.exists() else 0) + chance.randint(0, 1)
    while process.is_alive() and not (manifest.exists() and manifest.read_bytes().count(b"\n") > wanted):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.02))
    process.kill()
    process.join()
    return process.exitcode == -9


@pytest.mark.parametrize("to", ["brat", "jsonl"])
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(to, model, tmp_path):
    failing = {f"ward{i % 3}/x{i}_txt": b"\xff" if i % 2 else "quillwort" for i in range(20)}
    source = write_notes(tmp_path / "in", 400, **failing)
    options = ("--to", to, "--shard-size", "4")
    assert annotate(model, source, tmp_path / "whole", *options).code == 0
    command = (model, source, tmp_path / "out", *options)
    chance, kills = random.Random(to), 0
    for _ in range(7):
        kills += kill_at_random(start(*command), tmp_path / "out" / "manifest.jsonl", chance)
    assert kills >= 5
    done = annotate(*command)
    assert done.code == 0 and "Annotated 400 of 420 notes" in done.output, done.output
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    if to == "jsonl":
        check_invariant(tmp_path / "out")
    assert Counter(error["id"] for error in errors(tmp_path / "out")).most_common(1)[0][1] == 1


def test_a_finished_run_has_nothing_left_to_do(model, tmp_path):
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", "jsonl")
    assert annotate(*command).code == 0
    before = contents(tmp_path / "out")
    done = annotate(*command, "--n-process", "2")
    assert done.code == 0 and "Nothing is left to do" in done.output
    assert contents(tmp_path / "out") == before


def test_another_model_input_or_setting_is_refused(model, tmp_path):
    source, output = write_notes(tmp_path / "in", 5), tmp_path / "out"
    assert annotate(model, source, output, "--to", "jsonl").code == 0
    before = contents(output)
    assert_fails(annotate(model, source, output, "--to", "conll"), "begun with other settings (to)")
    assert_fails(annotate(model, source, output, "--to", "jsonl", "--max-chars", "9"), "(max_chars)")
    other = create_nlp()
    other.add_pipe("entity_ruler").add_patterns(PATTERNS[:1])
    other.to_disk(tmp_path / "other")
    assert_fails(annotate(tmp_path / "other", source, output, "--to", "jsonl"), "(model_sha256)")
    (source / "new.txt").write_text("EKG")
    assert_fails(annotate(model, source, output, "--to", "jsonl"), "(input_sha256)")
    assert contents(output) == before


# --- bad input


def test_the_formats_of_the_command_line_are_those_that_are_written():
    assert tuple(WRITERS) == FORMATS


def test_a_system_without_file_locks_is_reported(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    done = annotate(model, write_notes(tmp_path / "in", 1), tmp_path / "out", "--to", "brat")
    assert_fails(done, "needs Unix", "Linux", without=tmp_path / "out")


def test_the_command_line_is_read_before_spacy_is_loaded():
    code = "import sys, scripts.annotate.__main__ as m; print({'spacy', 'torch', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["en_no_such_package", "no/such/folder"])
def test_a_model_that_is_not_there_is_reported(name, tmp_path):
    done = annotate(name, write_notes(tmp_path / "in", 1), tmp_path / "out", "--to", "brat")
    assert_fails(done, f"{name} is neither", without=tmp_path / "out")


def test_a_folder_that_is_no_model_is_reported(tmp_path):
    source = write_notes(tmp_path / "in", 1)
    assert_fails(annotate(source, source, tmp_path / "out", "--to", "brat"), "no trained pipeline")
    write_files(tmp_path / "model", {"config.cfg": "[nlp]\npipeline = 1\n", "meta.json": "{}"})
    done = annotate(tmp_path / "model", source, tmp_path / "out", "--to", "brat")
    assert_fails(done, "cannot be loaded", without=tmp_path / "out")


@pytest.mark.parametrize(
    ("members", "name", "reported"),
    [
        ({}, "gone", "gone does not exist"),
        ({"in/sub/x.pdf": ""}, "in", "in holds no notes"),
        ({"x.pdf": ""}, "x.pdf", "x.pdf is no .txt"),
        ({"t.csv": "a,b\n1,2\n"}, "t.csv", "t.csv has no column 'text'"),
        ({"t.jsonl": ""}, "t.jsonl", "t.jsonl holds no notes"),
        ({"z.zip": "<html>"}, "z.zip", "z.zip is damaged"),
    ],
)
def test_an_input_without_notes_is_reported(members, name, reported, model, tmp_path):
    write_files(tmp_path, members)
    assert_fails(annotate(model, tmp_path / name, tmp_path / "out", "--to", "brat"), reported, without=tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (("--to", "xml"), "No format is called 'xml': there are brat"),
        (("--to", "brat", "--n-process", "0"), "numbers from 1"),
        (("--to", "brat", "--shard-size", "-1"), "numbers from 1"),
        (("--to", "brat", "--n-process", "2", "--gpu", "0"), "cannot share a GPU"),
    ],
)
def test_options_that_make_no_sense_are_reported(options, reported, model, tmp_path):
    done = annotate(model, write_notes(tmp_path / "in", 1), tmp_path / "out", *options)
    assert_fails(done, reported, without=tmp_path / "out")


def test_an_output_with_something_else_in_it_is_left_alone(model, tmp_path):
    source = write_notes(tmp_path / "in", 1)
    write_files(tmp_path, {"out/mine.txt": "mine"})
    assert_fails(annotate(model, source, tmp_path / "out", "--to", "brat"), "holds something else")
    assert_fails(annotate(model, source, source / "out", "--to", "brat"), "lies in", without=source / "out")
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}


def test_a_full_disk_ends_in_a_sentence_and_is_gone_on_with(model, tmp_path):
    source = write_files(tmp_path / "in", {f"{i}.txt": "EKG " * (10 if i < 5 else 5000) for i in range(10)})
    command = (model, source, tmp_path / "out", "--to", "jsonl", "--shard-size", "5")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
        done = annotate(*command)
        os._exit(10 if done.code == 1 and "File too large" in done.sentence else 11)

    process = multiprocessing.get_context("fork").Process(target=limited)
    process.start()
    process.join()
    assert process.exitcode == 10
    assert [path.name for path in (tmp_path / "out" / "shards").iterdir()] == ["00001.jsonl"]
    assert annotate(*command).code == 0
    check_invariant(tmp_path / "out")


def test_a_finished_output_is_checked_without_a_change(model, tmp_path):
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", "jsonl", "--shard-size", "2")
    assert annotate(*command).code == 0
    before = contents(tmp_path / "out")
    done = run(main, "--verify", tmp_path / "out")
    assert done.code == 0 and "All 3 shards of" in done.output and "5 notes" in done.output
    shard = tmp_path / "out" / "shards" / "00002.jsonl"
    shard.write_bytes(shard.read_bytes().replace(b"EKG", b"ekg"))
    changed = contents(tmp_path / "out")
    assert_fails(run(main, "--verify", tmp_path / "out"), "1 shards of", "are damaged (00002.jsonl)")
    assert contents(tmp_path / "out") == changed != before
    done = annotate(*command, "--verify")
    assert done.code == 0 and "1 shards and 0 lines of" in " ".join(done.output.split())
    assert run(main, "--verify", tmp_path / "out").code == 0
    after = contents(tmp_path / "out")
    assert {**after, "manifest.jsonl": b""} == {**before, "manifest.jsonl": b""}


def test_what_is_no_finished_output_is_not_taken_for_one(model, tmp_path):
    assert_fails(run(main, "--verify", tmp_path), f"{tmp_path} holds no manifest.jsonl")
    command = (model, write_notes(tmp_path / "in", 5), tmp_path / "out", "--to", "jsonl")
    assert annotate(*command).code == 0
    path = tmp_path / "out" / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert_fails(run(main, "--verify", tmp_path / "out"), "is not finished, or what was written last is damaged")
    path.write_bytes(path.read_bytes()[1:])
    assert_fails(run(main, "--verify", tmp_path / "out"), "manifest.jsonl is damaged")


@pytest.mark.parametrize("given", [["model"], ["model", "in"], ["model", "in", "out"], ["model", "in", "--to", "brat"]])
def test_what_is_missing_of_the_command_is_said(given):
    assert_fails(run(main, *given), "Give MODEL, INPUT, OUTPUT, and --to with one of brat, jsonl")


@pytest.mark.parametrize("to", FORMATS)
def test_names_with_control_characters_are_escaped_in_all_that_is_printed_and_written(to, model, tmp_path):
    members = {"w\x1b]0;x\x07\n/n.txt": "EKG", "b\x1b[2J.txt": b"\xff", "z\x1b.zip": "<html>", "q\x1b.txt": "quillwort"}
    source = write_files(tmp_path / "in\x1b]0;x\x07", members)
    done = annotate(model, source, tmp_path / "out\x1b[2J", "--to", to)
    assert done.code == 0 and "3 notes failed" in done.output
    written = b"".join(data for name, data in contents(tmp_path / "out\x1b[2J").items() if not name.endswith(".spacy"))
    assert b"\x1b" not in written and not re.search(r"\x1b(?!\[[0-9;]*m)", done.output)
    assert [error["file"] for error in errors(tmp_path / "out\x1b[2J")] == ["b\\x1b[2J.txt", "q\\x1b.txt", "z\\x1b.zip"]


def test_an_archive_that_unpacks_to_too_much_is_a_failure_named_with_the_option_to_raise(model, tmp_path):
    inner = zip_of({"b.txt": "EKG", "c.txt": bytes(3_000_000)})
    source = write_files(tmp_path, {"n.zip": zip_of({"a.txt": "EKG", "in.zip": inner + bytes(2_000_000)})}) / "n.zip"
    done = annotate(model, source, tmp_path / "out", "--to", "jsonl", "--max-unpacked", "1")
    assert done.code == 0 and "raise --max-unpacked of convert or annotate" in " ".join(done.output.split())
    assert [error["file"] for error in errors(tmp_path / "out")] == ["n.zip/in.zip"]
    done = annotate(model, source, tmp_path / "out", "--to", "jsonl")
    assert_fails(done, "begun with other settings (limits)")
    assert_fails(annotate(model, source, tmp_path / "new", "--to", "jsonl", "--max-ratio", "0"), "numbers from 1")


class Meddling:
    """Does something at the first note."""

    def __init__(self, nlp: Language, name: str) -> None:
        pass

    def __call__(self, doc: Doc) -> Doc:
        while todo and "was" in doc.text:  # no pattern of the ruler, which come through as well
            todo.pop()()
        return doc


todo: list = []
Language.factory("medner_test_meddling", func=Meddling)


@pytest.mark.parametrize("single", [True, False])
def test_an_input_that_is_changed_meanwhile_is_told_and_is_another_from_then_on(single, tmp_path):
    meddling = save_pipeline(tmp_path / "model", "medner_test_meddling")
    if single:
        source = path = write_files(tmp_path, {"t.jsonl": '{"text": "EKG was fine"}\n' * 5000}) / "t.jsonl"
    else:
        source = write_notes(tmp_path / "in", 6)
        path = source / "ward2" / "n5.txt"
    todo.append(lambda: path.write_text('{"text": "EKG 2"}\n' * 6000))
    done = annotate(meddling, source, tmp_path / "out", "--to", "jsonl", "--shard-size", "2000")
    assert done.code == 0 and " ".join(done.output.split()).count("was changed meanwhile") == 1
    assert list(srsly.read_jsonl(tmp_path / "out" / "manifest.jsonl"))[-1]["input_changed"] is True
    assert_fails(
        annotate(meddling, source, tmp_path / "out", "--to", "jsonl", "--shard-size", "2000"), "(input_sha256)"
    )


def test_an_input_that_was_only_touched_or_is_gone(tmp_path):
    meddling, source = save_pipeline(tmp_path / "model", "medner_test_meddling"), write_notes(tmp_path / "in", 6)
    todo.append(lambda: os.utime(source / "ward2" / "n5.txt", (1, 1)))
    for output in ("out", "again"):
        done = annotate(meddling, source, tmp_path / output, "--to", "jsonl")
        assert done.code == 0 and "was changed" not in done.output
    assert list(srsly.read_jsonl(tmp_path / "out" / "manifest.jsonl"))[-1]["input_changed"] is False
    todo.append(lambda: source.rename(tmp_path / "moved"))
    done = annotate(meddling, source, tmp_path / "gone", "--to", "jsonl")
    assert "was changed meanwhile" in " ".join(done.output.split()) and done.code == 0
