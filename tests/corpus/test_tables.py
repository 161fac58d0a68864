"""Tables with a note a row: what is kept, and that a faulty row spoils no other."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.corpus.tables import Columns, MissingColumn, Row, read_csv, read_jsonl, read_parquet, read_rows, table_of
from tests.helpers import hostile_text, memory_below

PATH = PurePosixPath("t.jsonl")


def jsonl(data: bytes, text: str = "text", id: str = "", max_chars: int = 1000) -> list[Row]:
    return list(read_jsonl(PATH, io.BytesIO(data), Columns(text, id, max_chars)))


def csv_rows(data: str | bytes, text: str = "text", id: str = "") -> list[Row]:
    data = data.encode("utf8") if isinstance(data, str) else data
    return list(read_csv(PurePosixPath("t.csv"), io.BytesIO(data), Columns(text, id)))


def parquet(table: pa.Table, text: str = "text", id: str = "", **options) -> list[Row]:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return list(read_parquet(PurePosixPath("t.parquet"), io.BytesIO(stream.getvalue()), Columns(text, id)))


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("a.jsonl", ".jsonl"),
        ("a.CSV", ".csv"),
        ("a.parquet", ".parquet"),
        ("a.jsonl.xz", ".jsonl"),
        ("a.csv.gz", ".csv"),
        ("a.ndjson", ".ndjson"),
        ("a.json.gz", ".json"),
        ("a.TSV", ".tsv"),
        ("a.parquet.gz", ""),
        ("a.txt.gz", ""),
        ("a.gz", ""),
        ("a.txt", ""),
        ("jsonl", ""),
    ],
)
def test_tables_are_known_by_their_suffix(name, table):
    assert table_of(PurePosixPath(name)) == table


@given(st.lists(hostile_text("\n\0"), min_size=1, max_size=4))
def test_text_is_kept_character_for_character(texts):
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    assert [row.text for row in jsonl(lines.encode("utf8"))] == texts
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["text"], *([text] for text in texts)])
    assert [row.text for row in csv_rows(stream.getvalue())] == texts
    assert [row.text for row in parquet(pa.table({"text": texts}))] == texts


def test_a_faulty_line_of_json_spoils_no_other():
    lines = [b'{"text": "a"}', b'{"text":', b"[1]", b'{"text": "caf\xe9"}', b"[" * 100_000, b'{"text": "b"}']
    faults = ["", "broken JSON", "no JSON object", "not UTF-8", "broken JSON", ""]
    rows = jsonl(b"\n".join(lines), max_chars=10_000)
    assert [(row.line, row.fault) for row in rows] == list(enumerate(faults, start=1))
    assert rows[-1].text == "b"


@pytest.mark.parametrize("pack", [gzip, bz2, lzma])
@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_of_a_table_cut_short_the_rows_before_the_damage_are_read(name, pack):
    noise = random.Random(0)
    texts = [noise.randbytes(1000).hex() for _ in range(500)]
    lines = ["text", *texts] if name == "t.csv" else [f'{{"text": "{text}"}}' for text in texts]
    suffix = {gzip: ".gz", bz2: ".bz2", lzma: ".xz"}[pack]
    stream = io.BytesIO(pack.compress("\n".join(lines).encode())[:-20])
    rows = read_rows(PurePosixPath(name + suffix), stream, Columns())
    found = []
    with pytest.raises(InputError, match=rf"^t\.\w+\{suffix} is damaged or cut short: the notes behind"):
        found.extend(row.text for row in rows)
    assert suffix == ".bz2" or len(found) > 10  # all of this one may be in a single damaged block
    assert found == texts[: len(found)]


def test_a_line_of_json_without_end_takes_no_memory():
    data = b'{"text": "' + b"x" * 8_000_000 + b'"}\n{"text": "b"}\n'
    tracemalloc.start()
    rows = jsonl(data, max_chars=10)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()
    assert [(row.line, row.fault, row.text) for row in rows] == [(1, "the line is too long", None), (2, "", "b")]


def test_a_byte_order_mark_before_a_table_is_no_part_of_it():
    assert jsonl(b'\xef\xbb\xbf{"text": "a"}') == [Row(1, "a")]
    assert csv_rows("\ufefftext\n\ufeffa\n") == [Row(2, "\ufeffa")]


def test_a_faulty_row_of_csv_spoils_no_other():
    data = b'text,id\n"one\r\n\r\nnote",1\n"quo"ted,2\nlost\n\n"caf\xe9",4\n"' + b"x" * 200_000 + b'",5\nlast,6\n'
    rows = csv_rows(data)
    assert [(row.line, row.id, row.fault) for row in rows] == [
        (2, "1", ""),
        (5, None, "broken quotes"),
        (6, None, "more or fewer columns than the first line has"),
        (8, "4", ""),
        (9, "5", ""),
        (10, "6", ""),
    ]
    assert rows[0].text == "one\r\n\r\nnote" and rows[3].text == "caf\udce9" and len(rows[4].text) == 200_000


def test_columns_are_taken_by_name():
    table = {"note": ["a"], "key": [7], "id": ["x"], "text": ["no"]}
    assert parquet(pa.table(table), "note", "key") == [Row(1, "a", 7, True)]
    assert parquet(pa.table(table)) == [Row(1, "no", "x", True)]
    assert csv_rows("note,key,id,text\na,7,x,no\n", "note", "key") == [Row(2, "a", "7", True)]
    assert jsonl(b'{"note": "a", "key": 7, "id": "x"}', "note", "key") == [Row(1, "a", 7, True)]


@pytest.mark.parametrize(("text", "id", "reported"), [("gone", "", "--text-column"), ("text", "gone", "--id-column")])
def test_a_column_that_is_not_there_is_named_and_no_word_of_the_table(text, id, reported):
    for read in (lambda: csv_rows("text,x\na,b\n", text, id), lambda: parquet(pa.table({"text": ["a"]}), text, id)):
        with pytest.raises(InputError, match=rf"has no column 'gone': name the one to take with {reported}"):
            read()


def test_rows_of_parquet_are_counted_over_batches_and_groups():
    table = pa.table({"text": [f"note {i}" if i % 50 else None for i in range(450)]})
    rows = parquet(table, row_group_size=130)
    assert [row.line for row in rows] == list(range(1, 451))
    assert [row.text for row in rows] == table["text"].to_pylist()


def test_bytes_in_a_parquet_file_that_are_no_utf8_spoil_no_other_row():
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"caf\xe9", b"fine"]).buffers())
    assert [(row.text, row.fault) for row in parquet(pa.table({"text": broken}))] == [(None, "not UTF-8"), ("fine", "")]


def test_a_parquet_file_on_disk_is_read_in_parts(tmp_path: Path):
    table = pa.table({"text": ["a" * 1000] * 20_000})
    pq.write_table(table, tmp_path / "t.parquet", use_dictionary=False, compression="none")
    tracemalloc.start()
    with (tmp_path / "t.parquet").open("rb") as stream:
        before = pa.total_allocated_bytes()
        rows = read_parquet(PurePosixPath("t.parquet"), stream, Columns())
        next(rows)
        assert pa.total_allocated_bytes() - before < 8_000_000
        assert sum(1 for _ in rows) == 19_999
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def rows_of(name: str, data: str | bytes, text: str = "text", id: str = "") -> list[tuple]:
    data = data.encode("utf8") if isinstance(data, str) else data
    rows = read_rows(PurePosixPath(name), io.BytesIO(data), Columns(text, id, 1000))
    return [(row.text, row.id, row.fault) for row in rows]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", "id,text\n1,a;\tb\n"),
        ("t.csv", "\ufeffid;text\r\n1;a;\tb\r\n".replace("a;\tb", '"a;\tb"')),
        ("t.csv", 'id\ttext\n1\t"a;\tb"\n'),
        ("t.csv", '"id";"text"\n"1";"a;\tb"\n'),
        ("t.tsv", 'id\ttext\n1\t"a;\tb"\n'),
        ("t.tsv.gz", gzip.compress(b'id\ttext\n1\t"a;\tb"\n')),
        ("t.csv", "ID,Text\n1,a;\tb\n"),
        ("t.ndjson", '{"id": "1", "text": "a;\\tb"}\n'),
        ("t.jsonl", '{"ID": "1", "TEXT": "a;\\tb"}\n'),
        ("t.jsonl", '\n \ufeff'.strip("\ufeff") + '[{"id": "1", "text": "a;\\tb"}]'),
        ("t.json", '[\n  {"id": "1",\n "text": "a;\\tb"}\n]\n'),
        ("t.json", '{"id": "1", "text": "a;\\tb"}\n'),
        ("t.json.bz2", bz2.compress(b'\xef\xbb\xbf[{"id": "1", "text": "a;\\tb"}]')),
    ],
)
def test_tables_are_read_as_people_have_them(name, data):
    assert rows_of(name, data) == [("a;\tb", "1", "")]


def test_a_name_in_other_case_counts_where_it_is_the_only_one():
    assert rows_of("t.csv", "TEXT,text\nno,yes\n") == [("yes", None, "")]
    assert rows_of("t.csv", "NOTE,Key\na,7\n", "note", "KEY") == [("a", "7", "")]
    assert [row.text for row in parquet(pa.table({"Text": ["a"], "x": [1]}))] == ["a"]
    with pytest.raises(InputError, match="has no column 'text'.*there are TEXT, Text"):
        rows_of("t.csv", "TEXT,Text\na,b\n")


def test_the_columns_that_are_there_are_named_unless_they_may_be_a_note():
    with pytest.raises(InputError, match="take with --text-column; there are ROW_ID, NOTE.$"):
        rows_of("t.csv", "ROW_ID,NOTE\n1,a\n")
    with pytest.raises(InputError, match="take with --id-column; there are a b, text.$"):
        parquet(pa.table({"a b": [1], "text": ["a"]}), "text", "gone")
    with pytest.raises(InputError, match=r"c0, .*, c19, \.\.\.\.$"):
        parquet(pa.table({f"c{i}": [1] for i in range(30)}))
    for first in ("17,No fever .", "fever", "", "1,2"):
        with pytest.raises(InputError, match="take with --text-column.$"):
            rows_of("t.csv", f"{first}\n18,Aspirin .\n")


def test_a_faulty_object_of_an_array_spoils_no_other_and_broken_json_is_told():
    data = b'[{"text": "a"},\n1,\n{"text": "caf\xe9"}, {"text": "b"}'
    rows = read_jsonl(PATH, io.BytesIO(data), Columns())
    assert [next(rows) for _ in range(4)] == [
        Row(1, "a"),
        Row(2, fault="no JSON object"),
        Row(3, "caf\udce9"),
        Row(3, "b"),
    ]
    with pytest.raises(InputError, match="t.jsonl has broken JSON in line 3: what stands from there on is missing"):
        next(rows)
    with pytest.raises(InputError, match="too long an object in line 2"):
        list(read_jsonl(PATH, io.BytesIO(b'[{"text": "a"},\n"' + b"x" * 3_000_000), Columns(max_chars=10)))


@pytest.mark.parametrize("data", ["[1]", '{"note": "a"}', '{\n"text": "a"}', '[{"note": "a"}]', "x", '{"text": null}'])
def test_a_json_file_of_something_else_is_no_table(data):
    with pytest.raises(MissingColumn, match="t.json does not begin with an object that has 'text'"):
        rows_of("t.json", data)
    assert rows_of("t.json", "") == rows_of("t.json", "[]") == []


@pytest.mark.parametrize("row", ["x" * 40_000_000, '"' + "x\n" * 20_000_000])
def test_a_row_of_csv_without_end_takes_no_memory(row):
    data = io.BytesIO(b"text\na\n" + row.encode())
    with memory_below(20_000_000):
        rows = read_csv(PurePosixPath("t.csv"), data, Columns(max_chars=10))
        assert next(rows) == Row(2, "a")
        with pytest.raises(InputError, match=r"t\.csv has too long a row in line 3: what stands from there on is missing"):
            next(rows)


def test_a_line_in_a_zip_is_cut_once(tmp_path):
    data = b'{"text": "' + b"x" * 8_000_000 + b'"}\n{"text": "b"}\n'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t.jsonl", data)
    with zipfile.ZipFile(stream) as archive, archive.open("t.jsonl") as member:
        rows = list(read_jsonl(PATH, member, Columns(max_chars=10)))
    assert [(row.line, row.fault) for row in rows] == [(1, "the line is too long"), (2, "")]
