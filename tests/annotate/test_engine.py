"""Which options go with which engine."""

import pytest

from scripts.annotate.__main__ import main
from tests.commands import assert_fails, run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "flink"], "No engine is called 'flink': there are local, spark."),
        (["--engine", "spark", "--n-process", "2"], "--n-process is for --engine local"),
        (["--engine", "spark", "--gpu", "0"], "--gpu is for --engine local"),
        (["--engine", "spark", "--verify"], "--verify is for --engine local"),
        (["--engine", "spark", "--shard-size", "2"], "--shard-size is for --engine local"),
        (["--master", "local[2]"], "--master is for --engine spark"),
        (["--resume"], "--resume is for --engine spark"),
        (["--table", "db.notes"], "Give MODEL, INPUT, OUTPUT"),
        (["--engine", "spark", "--to", "brat"], "Spark writes parquet and jsonl, not brat"),
    ],
)
def test_options(tmp_path, options, words):
    done = run(main, "en_any", tmp_path / "notes", tmp_path / "out", "--to", "parquet", *options)
    assert_fails(done, words, without=tmp_path / "out")


def test_a_folder_is_no_package(tmp_path):
    done = run(main, tmp_path / "model", tmp_path / "notes", tmp_path / "out", "--to", "parquet", "--engine", "spark")
    assert_fails(done, "as a package: install its wheel", without=tmp_path / "out")
