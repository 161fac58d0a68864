"""`annotate --engine spark` on this machine's cores: every kind of source, equal to one machine's own engine."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import srsly

from scripts.annotate.__main__ import main
from scripts.annotate.annotation import describe
from scripts.annotate.spark.job import annotate_source
from scripts.annotate.spark.output import Output
from scripts.annotate.spark.session import open_session
from scripts.annotate.spark.source import open_table
from scripts.corpus.pipelines import load_pipeline
from scripts.corpus.tables import Columns
from tests.commands import Done, assert_fails, run
from tests.spark import PACKAGE, read_output

pytestmark = pytest.mark.usefixtures("site")
NOT_UTF8 = "not UTF-8: convert the file, for instance by iconv -f cp1252 -t utf-8"
NOTE = 'Pt {} denies pain .\r\nEKG  was, "fine" 😀 é .\n'
# As JSON Lines: what is wrong with each is told by its reason.
BAD = {
    "broken JSON": b'{"id": "x", "text": ',
    NOT_UTF8: b'{"id": "bytes", "text": "\xff"}',
    "no text": b'{"id": "empty", "text": ""}',
    "no id": b'{"id": "", "text": "pain"}',
    "the text is no text": b'{"id": "number", "text": 3}',
    "the id is neither text nor a whole number": b'{"id": [1], "text": "pain"}',
    "the id holds control characters": b'{"id": "a\\u001bb", "text": "pain"}',
    "null bytes (UTF-16?)": b'{"id": "null", "text": "a\\u0000"}',
    "longer than 2,000 characters": json.dumps({"id": "long", "text": "pain " * 500}).encode(),
    "an earlier note has the same id": b'{"id": "n7", "text": "again"}',
    "the pipeline failed (ValueError)": b'{"id": "fails", "text": "quillwort"}',
}


def lines(count: int) -> bytes:
    """Notes, and among them bad ones."""
    good = [json.dumps({"id": f"n{i}", "text": NOTE.format(i)}).encode() for i in range(count)]
    return b"\n".join([*good[:9], *BAD.values(), b"", *good[9:]]) + b"\n"


def on_spark(source: Path | str, output: Path, *options: str | Path, to: str = "parquet") -> Done:
    return run(main, PACKAGE, source, output, "--to", to, "--engine", "spark", "--max-chars", "2000", *options)


def on_one_machine(source: Path, output: Path, *options: str) -> list[dict[str, Any]]:
    """What the local engine makes of the notes, in the form that Spark's output has."""
    run(main, PACKAGE, source, output, "--to", "jsonl", "--max-chars", "2000", *options)
    rows = [row for path in (output / "shards").glob("*") for row in srsly.read_jsonl(path)]
    failures = list(srsly.read_jsonl(output / "errors.jsonl"))
    rows += [{"id": each["id"], "text": None, "ents": None, "reason": each["reason"]} for each in failures]
    return sorted(rows, key=lambda row: (row["id"], json.dumps(row)))


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spark's rows without what only they have, in the order of the local engine's."""
    found = []
    for row in rows:
        why = {"reason": row["failure"]["reason"]} if row["failure"] else {}
        found.append({name: row[name] for name in ("id", "text", "ents")} | why)
    return sorted(found, key=lambda row: (row["id"], json.dumps(row)))


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_json_lines(tmp_path, to):
    source = tmp_path / "notes.jsonl"
    source.write_bytes(lines(40))
    done = on_spark(source, tmp_path / "out", to=to)
    assert done.code == 0, done.output
    assert "Annotated 40 of 51 notes" in done.output
    assert "11 notes failed" in done.output
    rows = read_output(tmp_path / "out")
    assert plain(rows) == on_one_machine(source, tmp_path / "here")
    assert {row["failure"]["reason"] for row in rows if row["failure"]} == BAD.keys()
    assert (tmp_path / "out/_SUCCESS").exists()
    check_counts(rows)


def check_counts(rows: list[dict[str, Any]]) -> None:
    """What came to the pipeline has counts, also where that failed; the rest has none."""
    for row in rows:
        if row["failure"] is None:
            mentions = len(row["ents"])
            counts = {"words": 14, "mentions": mentions, "written": mentions, "left_out": 0, "unrated": mentions}
            assert row["counts"] == counts
        elif row["failure"]["at"]:
            assert row["id"] == "fails"
            assert set(row["counts"].values()) == {0}
        else:
            assert row["counts"] is None
        assert row["text"] is None or row["failure"] is None


def test_an_output_is_gone_on_with_only_if_asked_for_and_with_the_same_settings(tmp_path):
    """What an ended run left is as it was after what is refused; when all is there, nothing is done."""
    source, output = tmp_path / "notes.jsonl", tmp_path / "out"
    source.write_bytes(lines(12))
    assert on_spark(source, output).code == 0
    whole = read_output(output)
    (output / "_SUCCESS").unlink()
    for path in sorted(output.glob("part-*"))[::2]:
        path.unlink()
    left = read_output(output)
    assert 0 < len(left) < len(whole)
    assert_fails(on_spark(source, output), "go on with --resume")
    assert_fails(on_spark(source, output, "--resume", "--text-column", "other"), "text_column")
    assert read_output(output) == left
    done = on_spark(source, output, "--resume")
    assert "Annotated 12 of 23 notes" in done.output
    assert plain(read_output(output)) == plain(whole)
    written = {path.name for path in output.iterdir()}
    assert "Nothing is left to do" in on_spark(source, output, "--resume").output
    assert {path.name for path in output.iterdir()} == written


def csv_of(rows: list[tuple[str, bytes]]) -> bytes:
    cells = [b'%s,"%s",x\r\n' % (key.encode(), text.replace(b'"', b'""')) for key, text in rows]
    return b"\xef\xbb\xbfkey,note,other\r\n" + b"".join(cells)


def test_csv(tmp_path):
    """Line ends and quotes in cells are kept, bytes that are no UTF-8 and rows of other lengths are told."""
    good = [(f"n{i}", NOTE.format(i).encode()) for i in range(12)]
    table = csv_of([*good, ("bytes", b"pain \xff"), ("empty", b""), ("n3", b"again"), ("", b"pain")])
    (tmp_path / "notes.csv").write_bytes(
        table + b"short,pain\r\nlong,pain,x,y\r\n\r\n" + csv_of(good[:1])[17:].replace(b"n0", b"z")
    )
    options = ("--text-column", "note", "--id-column", "key")
    done = on_spark(tmp_path / "notes.csv", tmp_path / "out", *options)
    assert "Annotated 13 of 19 notes" in done.output
    expected = on_one_machine(tmp_path / "notes.csv", tmp_path / "here", *options)
    assert plain(read_output(tmp_path / "out")) == expected


def test_parquet(tmp_path):
    """Strings as they are, whole numbers as ids, nulls, and columns that bear Spark's own names."""
    ids, texts = [*range(12), 3, None], [*(NOTE.format(i) for i in range(12)), "again", "pain"]
    schema = {"position": pa.int64(), "file.name": pa.string(), "id": pa.int64(), "text": pa.string()}
    rows = {"position": [0] * 14, "file.name": ["x"] * 14, "id": ids, "text": [*texts[:5], None, *texts[6:]]}
    pq.write_table(pa.table(rows, schema=pa.schema(schema)), tmp_path / "notes.parquet")
    done = on_spark(tmp_path / "notes.parquet", tmp_path / "out")
    assert "Annotated 11 of 14 notes" in done.output
    assert plain(read_output(tmp_path / "out")) == on_one_machine(tmp_path / "notes.parquet", tmp_path / "here")


def test_text(tmp_path):
    """Files in folders, whose names need not be plain; other files are counted."""
    notes = tmp_path / "notes"
    for i in range(6):
        path = notes / f"ward {i % 2}é" / f"n%20{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(NOTE.format(i).encode())
    (notes / "bytes.txt").write_bytes(b"\xff")
    (notes / "long.txt").write_text("pain " * 2000)
    (notes / "UPPER.TXT").write_text("pain")
    (notes / "scan.pdf").write_text("pain")
    (notes / "ward 0é" / "_hidden").mkdir()
    (notes / "ward 0é" / "_hidden" / "_n.txt").write_text("")
    done = on_spark(notes, tmp_path / "out")
    assert "2 files or folders in" in done.output
    (notes / "ward 0é" / "_hidden" / "_n.txt").unlink()
    assert "1 .pdf files are no notes" in done.output
    assert "Annotated 7 of 9 notes" in done.output
    assert plain(read_output(tmp_path / "out")) == on_one_machine(notes, tmp_path / "here")


def test_compressed(tmp_path):
    (tmp_path / "notes.jsonl.gz").write_bytes(gzip.compress(lines(12)))
    assert on_spark(tmp_path / "notes.jsonl.gz", tmp_path / "out").code == 0
    rows = plain(read_output(tmp_path / "out"))
    assert rows == on_one_machine(tmp_path / "notes.jsonl.gz", tmp_path / "here")


def test_bad_input(tmp_path):
    """Each ends in one sentence, and begins no output."""
    (tmp_path / "mixed").mkdir()
    for name in ("a.csv", "b.txt"):
        (tmp_path / "mixed" / name).write_text("id,note\n1,pain\n")
    (tmp_path / "delta/_delta_log").mkdir(parents=True)
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/a.pdf").write_text("pain")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/a.csv").write_text("id,text\n1,pain\n")
    (tmp_path / "tables/b.csv").write_text("2,She denies quillwort\n")
    said = {
        "nowhere": "does not exist",
        "mixed": "notes of more than one kind (csv, txt)",
        "mixed/a.csv": "has no column 'text': name the one to take with --text-column",
        "delta": "is a Delta table",
        "scans": "holds no notes",
        "tables": "differ in their first lines",
    }
    for name, words in said.items():
        done = on_spark(tmp_path / name, tmp_path / "out")
        assert_fails(done, words, without=tmp_path / "out")
        assert "quillwort" not in done.output
    done = on_spark(tmp_path / "tables/a.csv", tmp_path / "tables/a.csv/out")
    assert_fails(done, "lies in", without=tmp_path / "tables/a.csv/out")
    done = run(main, PACKAGE, tmp_path / "out", "--to", "parquet", "--engine", "spark", "--table", "ward.none")
    assert_fails(done, "Spark knows no table ward.none", without=tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine").touch()
    (tmp_path / "good.jsonl").write_bytes(lines(1))
    assert_fails(on_spark(tmp_path / "good.jsonl", tmp_path / "other"), "holds something else")


def test_rows_that_come_in_another_order_each_time(tmp_path):
    """Of notes with one id one is annotated, also where Spark numbers the rows of a table anew for every job."""
    rows = [{"id": f"n{i % 50}", "text": f"pain {i}"} for i in range(60)]
    with open_session() as spark:
        spark.createDataFrame(rows, "id string, text string").createOrReplaceTempView("notes")
        spark.sql("create or replace temporary view shuffled as select distinct id, text from notes")
        source = open_table(spark, "shuffled", Columns())
        output = Output(spark, str(tmp_path / "out"), "parquet")
        output.begin({"input": "shuffled"}, resume=False)
        described = describe(load_pipeline(PACKAGE))
        result = annotate_source(source, output, PACKAGE, described, 0.0)
    assert (result.totals.notes, result.totals.annotated) == (60, 50)
    found = read_output(tmp_path / "out")
    assert len({row["id"] for row in found if row["counts"]}) == 50
    assert sum(row["failure"] is not None for row in found) == 10
