"""A shard of notes through pipeline and writer: what is counted of each, and what stays behind."""

from pathlib import Path

import pytest

from scripts.annotate.annotation import annotate_shard, describe
from scripts.annotate.shards import Totals
from scripts.annotate.writers import WRITERS
from scripts.corpus.docs import create_nlp
from scripts.corpus.texts import Failure, Text


@pytest.fixture
def nlp():
    nlp = create_nlp()
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "test", "pattern": "EKG"}])
    return nlp


def test_each_note_of_a_shard_has_its_counts_or_its_failure_in_order(nlp):
    failure = Failure("b", "b.txt", 1, "not UTF-8")
    shard = [Text("a", "EKG  fine .\n", "a.txt"), failure, Text("c", "EKG , EKG", "c.txt")]
    expected = [Totals(1, 1, 0, 1, 3), failure, Totals(1, 1, 0, 2, 3)]
    assert list(annotate_shard(nlp, shard, WRITERS["jsonl"](), 1)) == expected


def test_words_of_the_notes_are_forgotten_after_each_shard(nlp):
    shard = [Text("1", "Zorblattin quendrick EKG", "1.txt")]
    assert list(annotate_shard(nlp, shard, WRITERS["jsonl"](), 1)) == [Totals(1, 1, 0, 1, 3)]
    assert not {"Zorblattin", "quendrick"} & set(nlp.vocab.strings)


def test_a_pipeline_is_described_by_its_files(nlp, tmp_path: Path):
    nlp.to_disk(tmp_path)
    nlp._path = tmp_path
    one = describe(nlp)
    (tmp_path / "meta.json").write_text("{}")
    assert one["model"] == describe(nlp)["model"] == "en_pipeline 0.0.0"
    assert one["model_sha256"] != describe(nlp)["model_sha256"]
