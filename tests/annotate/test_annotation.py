"""A shard of notes through pipeline and writer: what is counted of each, and what stays behind."""

from pathlib import Path

import pytest
import srsly

from scripts.annotate import annotation
from scripts.annotate.annotation import annotate_rest, annotate_shard, describe
from scripts.annotate.shards import Totals, open_manifest
from scripts.corpus.docs import create_nlp
from scripts.corpus.texts import Failure, Text
from scripts.corpus.writers import WRITERS


@pytest.fixture
def nlp():
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "test", "pattern": "EKG"}])
    return nlp


def test_each_note_of_a_shard_has_its_counts_or_its_failure_in_order(nlp):
    failure = Failure("b", "b.txt", 1, "not UTF-8")
    shard = [Text("a", "EKG  fine .\n", "a.txt"), failure, Text("c", "EKG , EKG", "c.txt")]
    expected = [Totals(1, 1, 0, 1, 1, 0, 1, 3), failure, Totals(1, 1, 0, 2, 2, 0, 2, 3)]
    assert list(annotate_shard(nlp, shard, WRITERS["jsonl"](), 1)) == expected


def test_words_of_the_notes_are_forgotten_after_each_shard(nlp):
    shard = [Text("1", "Zorblattin quendrick EKG", "1.txt")]
    assert list(annotate_shard(nlp, shard, WRITERS["jsonl"](), 1)) == [Totals(1, 1, 0, 1, 1, 0, 1, 3)]
    assert not {"Zorblattin", "quendrick"} & set(nlp.vocab.strings)


def test_a_pipeline_is_described_by_its_files(nlp, tmp_path: Path):
    nlp.to_disk(tmp_path)
    nlp._path = tmp_path
    one = describe(nlp)
    (tmp_path / "meta.json").write_text("{}")
    assert one["model"] == describe(nlp)["model"] == "en_pipeline 0.0.0"
    assert one["model_sha256"] != describe(nlp)["model_sha256"]


def test_shards_end_at_a_number_of_notes_or_of_characters(nlp, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(annotation, "SHARD_CHARS", 8)
    items: list[Text | Failure] = [Text(str(i), "x" * size, "") for i, size in enumerate((1, 1, 1, 9, 1, 5, 5))]
    items.insert(1, Failure("f", "", 0, ""))
    with open_manifest(tmp_path, {}) as manifest:
        annotate_rest(nlp, items, manifest, WRITERS["jsonl"], 3, 1)
    _, *shards, end = [dict(line) for line in srsly.read_jsonl(tmp_path / "manifest.jsonl")]
    assert [(shard["first"], shard["last"], shard["notes"]) for shard in shards] == [
        ("0", "1", 3),
        ("2", "3", 2),
        ("4", "6", 3),
    ]
    assert (end["notes"], end["annotated"], end["failed"]) == (8, 7, 1)


def test_what_an_earlier_run_has_done_is_not_done_again(nlp, tmp_path: Path):
    items = [Text(str(i), "EKG", "") for i in range(5)]
    with open_manifest(tmp_path, {}) as manifest, pytest.raises(RuntimeError):
        annotate_rest(nlp, failing_after(items, 4), manifest, WRITERS["jsonl"], 2, 1)
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shards").iterdir()}
    assert sorted(done) == ["00001.jsonl", "00002.jsonl"]
    with open_manifest(tmp_path, {}) as manifest:
        annotate_rest(nlp, items, manifest, WRITERS["jsonl"], 2, 1)
        assert manifest.totals == Totals(5, 5, 0, 5, 5, 0, 5, 5)
    assert {name: (tmp_path / "shards" / name).stat().st_mtime_ns for name in done} == done


def failing_after(items: list[Text], count: int):
    yield from items[:count]
    raise RuntimeError
