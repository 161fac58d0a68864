"""Notes without annotations: ids, faults of single notes and of whole files, one note in memory at a time."""

import gzip
import json
import lzma
import random
import re
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.corpus.texts import Columns, Failure, Text, fingerprint, read_all_texts, read_texts
from tests.helpers import link, tar_of, write_files, zip_of

TEXT = "\ufeffHe has\r\n\tchest  pain 😀\x0c\r\n"
NO_UTF8 = "not UTF-8: convert the file, for instance by iconv -f cp1252 -t utf-8"


def read(source: Path, **columns: str | int) -> list[Text | Failure]:
    return list(read_texts(source, Columns(**columns), Counter()))


def ids(source: Path) -> list[str]:
    return [item.id for item in read(source)]


def reasons(source: Path, **columns: str | int) -> list[str]:
    return [item.reason if isinstance(item, Failure) else "" for item in read(source, **columns)]


def test_a_folder_is_read_with_all_below_it(tmp_path):
    table = '{"text": "two"}\n{"text": "three"}\n'
    write_files(tmp_path, {"b/2.txt": TEXT, "a.TXT": "a", "b/t.jsonl": table, "b/z.zip": zip_of({"x/4.txt": "four"})})
    assert read(tmp_path) == [
        Text("a", "a", "a.TXT"),
        Text("b/2", TEXT, "b/2.txt"),
        Text("b/t.jsonl/1", "two", "b/t.jsonl", 1),
        Text("b/t.jsonl/2", "three", "b/t.jsonl", 2),
        Text("b/z.zip/x/4", "four", "b/z.zip/x/4.txt"),
    ]


@pytest.mark.parametrize(("suffix", "pack"), [(".zip", zip_of), (".tar.gz", tar_of), (".tgz", tar_of)])
def test_an_archive_is_read_with_the_archives_inside(suffix, pack, tmp_path):
    inner = pack({"c.txt": "c", "../up.txt": "up"})
    write_files(tmp_path, {f"notes{suffix}": pack({"b.txt": TEXT, "a.txt": "a", f"in{suffix}": inner, ".x.txt": "x"})})
    start = f"notes{suffix}"
    expected = [f"{start}/b", f"{start}/a", f"{start}/in{suffix}/c", f"{start}/in{suffix}/up"]
    assert ids(tmp_path / start) == expected
    assert read(tmp_path / start)[0] == Text(f"{start}/b", TEXT, f"{start}/b.txt")


def test_files_that_are_no_notes_are_counted(tmp_path):
    write_files(tmp_path, {"a.txt": "a", "a.ann": "", "b.pdf": "", "c.zip": zip_of({"d.PDF": ""}), "README": ""})
    unused = Counter()
    assert len(list(read_texts(tmp_path, Columns(), unused))) == 1
    assert unused == {".ann": 1, ".pdf": 2, "(none)": 1}


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"fine\ncaf\xe9\n", 2, NO_UTF8),
        ("fine".encode("utf-16"), 1, NO_UTF8),
        ("\nfine".encode("utf-16-le"), 2, "null bytes (UTF-16?)"),
        (b"", 0, "no text"),
        (b"x" * 41, 0, "longer than 40 characters"),
        ("é".encode() * 41, 0, "longer than 40 characters"),
        (b"x" * 500, 0, "longer than 40 characters"),
    ],
)
def test_a_file_that_is_no_text_is_a_failure_and_the_rest_goes_on(data, line, reason, tmp_path):
    write_files(tmp_path, {"sub/a.txt": data, "sub/b.txt": "b", "longest.txt": "😀" * 40})
    assert read(tmp_path, max_chars=40)[1:] == [
        Failure("sub/a", "sub/a.txt", line, reason),
        Text("sub/b", "b", "sub/b.txt"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("t.csv", b"text\ncaf\xe9\nb\n", [NO_UTF8, ""]),
        ("t.jsonl", b'{"text": "\\ud800"}\n{"text": "\\ud83d\\ude00"}\n', [NO_UTF8, ""]),
        (
            "t.jsonl",
            b'{"text": "\\u0000"}\n{"text": 1}\n{"text": ""}',
            ["null bytes (UTF-16?)", "the text is no text", "no text"],
        ),
        ("t.csv", "text\nééééé\néééé\n", ["longer than 4 characters", ""]),
    ],
)
def test_a_row_that_is_no_text_is_a_failure(name, data, expected, tmp_path):
    assert reasons(write_files(tmp_path, {name: data}) / name, max_chars=4) == expected


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_rows_have_the_id_of_their_column_or_their_number(name, tmp_path):
    with_ids = {"t.jsonl": '{"id": "p1", "text": "a"}\n\n{"id": 2, "text": "b"}\n', "t.csv": "id,text\np1,a\n2,b\n"}
    without = {"t.jsonl": '{"text": "a"}\n\n{"text": "b"}\n', "t.csv": "x,text\n,a\n,b\n"}
    write_files(tmp_path / "one", {name: with_ids[name]})
    write_files(tmp_path / "two", {name: without[name]})
    assert ids(tmp_path / "one" / name) == ids(tmp_path / "one") == ["p1", "2"]
    assert ids(tmp_path / "two" / name) == ["1", "2"]
    assert ids(tmp_path / "two") == [f"{name}/1", f"{name}/2"]


def test_two_notes_of_one_id_are_not_taken_for_one(tmp_path):
    write_files(tmp_path, {"a.txt": "a", "t.jsonl": '{"id": "a", "text": "b"}\n{"id": "c", "text": "d"}\n'})
    assert read(tmp_path) == [
        Text("a", "a", "a.txt"),
        Failure("a", "t.jsonl", 1, "an earlier note has the same id"),
        Text("c", "d", "t.jsonl", 2),
    ]


@pytest.mark.parametrize("note_id", ['"a\\nb"', '"\\u0000"', '"\\ud800"', '""', "null", "[1]", "true", "1.5"])
def test_an_id_that_cannot_name_a_note_is_a_failure(note_id, tmp_path):
    write_files(tmp_path, {"t.jsonl": f'{{"id": {note_id}, "text": "a"}}\n{{"id": "b", "text": "b"}}\n'})
    first, second = read(tmp_path)
    assert isinstance(first, Failure) and "id" in first.reason and first.line == 1
    assert isinstance(second, Text)


@pytest.mark.parametrize(
    ("note_id", "expected"), [("1.0", "1"), ("-7.0", "-7"), ("1e3", "1000"), ("1.5", None), ("1e300", None), ("NaN", None)]
)
def test_whole_numbers_that_became_floats_are_ids(note_id, expected, tmp_path):
    write_files(tmp_path, {"t.jsonl": f'{{"id": {note_id}, "text": "a"}}\n'})
    (item,) = read(tmp_path)
    assert (item.id if isinstance(item, Text) else None) == expected


def test_a_compressed_note_is_a_note_and_its_name_is_an_id_once(tmp_path):
    write_files(tmp_path, {"a.txt.gz": gzip.compress(TEXT.encode()), "b.TXT.xz": lzma.compress(b"b"), "c.gz": b""})
    write_files(tmp_path, {"a.txt": "x", "d.txt.gz": gzip.compress(b"d" * 999)[:-9], "z.zip": zip_of({"e.txt.gz": b""})})
    unused = Counter()
    items = list(read_texts(tmp_path, Columns(max_chars=40), unused))
    assert items[0] == Text("a", "x", "a.txt")
    assert items[1] == Failure("a", "a.txt.gz", 0, "an earlier note has the same id")
    assert items[2] == Text("b", "b", "b.TXT.xz")
    assert items[3] == Failure("d.txt.gz", "d.txt.gz", 0, "is damaged or cut short: download it again.")
    assert items[4].file == "z.zip/e.txt.gz" and isinstance(items[4], Failure)
    assert unused == {".gz": 1}


def test_a_compressed_note_is_unpacked_no_further_than_its_limit(tmp_path):
    write_files(tmp_path, {"a.txt.gz": gzip.compress(bytes(50_000_000)), "b.txt": "b"})
    tracemalloc.start()
    assert reasons(tmp_path, max_chars=1000) == ["longer than 1,000 characters", ""]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_json_beside_notes_is_taken_if_it_holds_notes_and_counted_if_not(tmp_path):
    members = {"a.txt": "a", "meta.json": '{"version": 1}', "n.json": '[{"id": "n", "text": "b"}]', "z.json": "[1]"}
    write_files(tmp_path, members)
    unused = Counter()
    assert [item.id for item in read_texts(tmp_path, Columns(), unused)] == ["a", "n"]
    assert list(read_all_texts(tmp_path, Counter())) == ["a", "b"]
    assert unused == {".json": 2}
    with pytest.raises(InputError, match="meta.json does not begin with an object that has 'text'"):
        read(tmp_path / "meta.json")
    with pytest.raises(InputError, match="meta.json has no column 'text'"):
        all_texts(tmp_path / "meta.json")


def test_a_damaged_file_in_a_folder_is_a_failure(tmp_path):
    notes = {f"{i}.txt": f"note {i}" for i in range(30)}
    inner = zip_of({"a.txt": "a"})
    write_files(
        tmp_path,
        {
            "a.tgz": tar_of(notes)[:-30],
            "b.zip": b"<html>Please log in</html>",
            "c.zip": zip_of({"x.zip": inner[:-20], "y.txt": "y"}),
            "d.parquet": b"PAR1",
            "e.csv": "no,column\n1,2\n",
            "f.jsonl.xz": lzma.compress(b'{"text": "a"}\n' * 9)[:-20],
            "g.jsonl.gz": gzip.compress(b'{"text": "g"}\n'),
        },
    )
    (tmp_path / "h.txt").symlink_to(tmp_path / "gone.txt")
    items = read(tmp_path)
    failed = {item.file: item.reason for item in items if isinstance(item, Failure)}
    assert sorted(failed) == ["a.tgz", "b.zip", "c.zip/x.zip", "d.parquet", "e.csv", "f.jsonl.xz", "h.txt"]
    assert failed["b.zip"].startswith("is damaged") and "has no column 'text'" in failed["e.csv"]
    assert {"c.zip/y", "g.jsonl.gz/1"} <= {item.id for item in items if isinstance(item, Text)}


def test_a_damaged_member_is_a_failure_and_the_others_are_read(tmp_path):
    data = zip_of({"a.txt": "first", "b.txt": "second"}, zipfile.ZIP_STORED)
    write_files(tmp_path, {"z.zip": data.replace(b"first", b"fault", 1)})
    assert reasons(tmp_path / "z.zip") == ["is damaged or cut short: download it again.", ""]


def test_links_in_an_archive_are_reported(tmp_path):
    kinds = {"b.txt": tarfile.LNKTYPE, "c.txt": tarfile.SYMTYPE, "d.zip": tarfile.SYMTYPE, "e.pdf": tarfile.LNKTYPE}
    links = [link(name, "a.txt", kind) for name, kind in kinds.items()]
    write_files(tmp_path, {"t.tar": tar_of({"a.txt": "a"}, "w", *links)})
    unused = Counter()
    text, *failures = read_texts(tmp_path, Columns(), unused)
    reason = "is a link in an archive: unpack it and give the folder."
    assert isinstance(text, Text) and unused == {".pdf": 1}
    assert failures == [Failure(f"t.tar/{name}", f"t.tar/{name}", 0, reason) for name in ("b.txt", "c.txt", "d.zip")]


def test_names_that_are_not_utf8_stay_two(tmp_path):
    names = [b"n\xe9.txt".decode("utf8", "surrogateescape"), b"n\xe8.txt".decode("utf8", "surrogateescape")]
    write_files(tmp_path, dict.fromkeys(names, "x"))
    assert ids(tmp_path) == ["n\\udce8", "n\\udce9"]


@pytest.mark.parametrize("members", [{}, {"a.pdf": "x"}, {"t.jsonl": "\n"}, {"t.csv": "text\n"}, {"z.zip": zip_of({})}])
def test_a_source_without_notes_is_reported(members, tmp_path):
    write_files(tmp_path, members)
    for source in (tmp_path, *(tmp_path / name for name in members if not name.endswith("pdf"))):
        with pytest.raises(InputError, match=rf"{source.name} holds no notes: no \.txt, \.jsonl, "):
            read(source)
        with pytest.raises(InputError, match=rf"{source.name} holds no notes: no \.txt, \.jsonl, "):
            list(read_all_texts(source, Counter()))


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "README"])
def test_a_single_file_of_another_kind_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=rf"{name} is no \.txt"):
        read(write_files(tmp_path, {name: ""}) / name)


@pytest.mark.parametrize(
    ("name", "data", "reported"),
    [
        ("a.csv", "x,y\n1,2\n", "has no column 'text'"),
        ("a.zip", "<html>", "is damaged"),
        ("a.parquet", "PAR1", "is damaged"),
        ("a.jsonl.gz", "no gzip", "is damaged"),
    ],
)
def test_a_single_file_that_is_wrong_as_a_whole_is_refused(name, data, reported, tmp_path):
    with pytest.raises(InputError, match=reported):
        read(write_files(tmp_path, {name: data}) / name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("z.tar", tar_of({f"{i}.txt": f"note {i}" for i in range(9)}, "w")[: 10 * tarfile.BLOCKSIZE]),
        ("t.csv.gz", gzip.compress(b"text\n" + b"".join(b"%d\n" % i for i in range(99_999)))[:-9]),
    ],
)
def test_of_a_single_file_that_is_damaged_further_on_the_notes_before_are_read(name, data, tmp_path):
    *texts, failure = read(write_files(tmp_path, {name: data}) / name)
    assert len(texts) > 4 and all(isinstance(text, Text) for text in texts)
    assert isinstance(failure, Failure) and (failure.file, failure.line) == (name, 0)
    assert failure.reason.startswith("is damaged or cut short: ")


def test_a_folder_of_damaged_files_is_a_list_of_failures(tmp_path):
    write_files(tmp_path, {"a.zip": "<html>", "b.parquet": "PAR1", "x.pdf": ""})
    assert [item.id for item in read(tmp_path) if isinstance(item, Failure)] == ["a.zip", "b.parquet"]


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="gone does not exist"):
        read(tmp_path / "gone")


def test_the_fingerprint_changes_with_names_and_contents_only(tmp_path):
    members = {"a.txt": "a", "b/c.txt": "c"}
    one = fingerprint(write_files(tmp_path / "one", members))
    assert fingerprint(write_files(tmp_path / "copy", members)) == one
    others = [
        {"a.txt": "b", "b/c.txt": "c"},
        {"a.txt": "a"},
        {"a.txt": "a", "c.txt": "c"},
        {"a.txt": "", "b/c.txt": "ac"},
    ]
    found = {fingerprint(write_files(tmp_path / str(i), other)) for i, other in enumerate(others)}
    assert len(found) == 4 and one not in found


@pytest.mark.parametrize("name", ["in", "z.zip", "z.tar.gz", "t.jsonl", "t.csv"])
def test_one_note_at_a_time_is_in_memory(name, tmp_path):
    noise, size = random.Random(0), 200_000
    notes = {f"{i}.txt": noise.randbytes(size // 2).hex() for i in range(40)}
    data = {
        "z.zip": lambda: zip_of(notes),
        "z.tar.gz": lambda: tar_of(notes),
        "t.jsonl": lambda: "".join(f'{{"text": "{text}"}}\n' for text in notes.values()),
        "t.csv": lambda: "text\n" + "\n".join(notes.values()),
    }
    write_files(tmp_path, {name: data[name]()} if name in data else {f"in/{note}": notes[note] for note in notes})
    tracemalloc.start()
    texts = read_texts(tmp_path / name, Columns(), Counter())
    assert sum(isinstance(item, Text) and len(item.text) == size for item in texts) == len(notes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * size


@given(st.lists(st.text("ab/.", max_size=4), min_size=1, max_size=12))
def test_every_row_is_there_once_and_no_id_twice(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("rows") / "t.jsonl"
    path.write_text("".join(f'{{"id": "{name}", "text": "x"}}\n' for name in names))
    items = read(path)
    taken = [item.id for item in items if isinstance(item, Text)]
    assert len(items) == len(names) and len(set(taken)) == len(taken) == len(set(names) - {""})


# --- the texts alone


def jsonl(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text, "id": 1}) + "\n" for text in texts).encode()


def all_texts(source: Path) -> list[str]:
    return list(read_all_texts(source, Counter()))


def test_every_text_of_a_mixed_folder_is_read_in_order_of_path(tmp_path):
    files = {"b/two.TXT": "Two .\r\n", "a.jsonl": jsonl("One .", "", "Uno ."), "c.jsonl.xz": lzma.compress(jsonl("é"))}
    unused: Counter[str] = Counter()
    more = {"scan.pdf": b"\xff", ".hidden.txt": "x", "notes.tgz": tar_of({"3.txt": "3"}), "empty.txt": ""}
    source = write_files(tmp_path, files | more)
    expected = ["One .", "", "Uno .", "Two .\r\n", "é", "", "3"]
    assert list(read_all_texts(source, unused)) == expected
    assert unused == {".pdf": 1}


def test_a_single_file_is_taken(tmp_path):
    lines = b"\xef\xbb\xbf" + jsonl("A .") + b"\n\n" + jsonl("B .")
    write_files(tmp_path, {"n.txt": "Note .", "n.jsonl": lines, "n.csv.gz": gzip.compress(b"text\nA .\n"), "n.doc": ""})
    pq.write_table(pa.table({"text": ["A .", "B ."], "id": [1, 1]}), tmp_path / "n.parquet")
    assert all_texts(tmp_path / "n.txt") == ["Note ."]
    assert all_texts(tmp_path / "n.jsonl") == all_texts(tmp_path / "n.parquet") == ["A .", "B ."]
    assert all_texts(tmp_path / "n.csv.gz") == ["A ."]
    with pytest.raises(InputError, match=r"n\.doc is no \.txt"):
        all_texts(tmp_path / "n.doc")


@pytest.mark.parametrize(
    ("name", "content", "reported"),
    [
        ("n.txt", b"fine\ncaf\xe9\n", "n.txt, line 2: not UTF-8"),
        ("n.txt", b"fine\nZanzibar\0", "n.txt, line 2: null bytes"),
        ("n.jsonl", jsonl("a") + b"{'text': 'Zanzibar'}\n", "n.jsonl, line 2: broken JSON"),
        ("n.jsonl", b"[" * 100_000, "n.jsonl has broken JSON in line 1: what stands"),
        ("n.jsonl", b'\n{"note": "Zanzibar"}\n', "n.jsonl, line 2: no text"),
        ("n.jsonl", b'["Zanzibar"]', "n.jsonl, line 1: no JSON object"),
        ("n.jsonl", b'{"text": 7}', "n.jsonl, line 1: the text is no text"),
        ("n.jsonl", b'{"text": "Zanzibar \\ud800"}', "n.jsonl, line 1: not UTF-8"),
        ("n.jsonl", b'{"text": "caf\xe9"}', "n.jsonl, line 1: not UTF-8"),
        ("n.jsonl.xz", lzma.compress(jsonl("a") + b"x"), "n.jsonl.xz, line 2: broken JSON"),
        ("n.jsonl.xz", lzma.compress(jsonl("a" * 9999))[:-20], "n.jsonl.xz is damaged"),
        ("n.jsonl.xz", jsonl("a"), "n.jsonl.xz is damaged"),
        ("n.csv", b"text,x\nZanzibar\n", "n.csv, line 2: more or fewer columns"),
        ("n.parquet", b"PAR1", "n.parquet is damaged"),
        ("n.zip", zip_of({"a.txt": "Zanzibar"})[:-9], "n.zip is damaged"),
        ("n.tar", tar_of({"a.txt": b"Zanzibar\xff"}, "w"), "n.tar/a.txt, line 1: not UTF-8"),
    ],
)
def test_a_text_that_cannot_be_read_ends_it_named_with_its_line_and_without_its_words(
    name, content, reported, tmp_path
):
    write_files(tmp_path, {"a.txt": "Fine .", name: content})
    with pytest.raises(InputError, match="^" + re.escape(reported)) as raised:
        all_texts(tmp_path)
    assert "Zanzibar" not in str(raised.value) and str(raised.value).endswith((".", "--text-column.", "note."))


def test_a_table_of_other_columns_beside_the_notes_is_unused(tmp_path):
    write_files(tmp_path, {"a.txt": "Fine .", "meta.csv": "note,ward\n1,2\n", "in/b.zip": zip_of({"m.csv": "x\n1\n"})})
    unused = Counter()
    assert list(read_all_texts(tmp_path, unused)) == ["Fine ."] and unused == {".csv": 2}
    with pytest.raises(InputError, match=r"meta\.csv has no column 'text': give that name to the column"):
        all_texts(tmp_path / "meta.csv")
    (tmp_path / "a.txt").unlink()
    with pytest.raises(InputError, match="holds no notes"):
        all_texts(tmp_path)


def test_links_in_an_archive_stand_for_texts_that_are_read_anyway(tmp_path):
    links = (link("b.txt", "a.txt", tarfile.LNKTYPE), link("c.txt", "a.txt", tarfile.SYMTYPE))
    write_files(tmp_path, {"n.tar": tar_of({"a.txt": "Fine ."}, "w", *links)})
    unused = Counter()
    assert list(read_all_texts(tmp_path / "n.tar", unused)) == ["Fine ."] and unused == {".txt": 2}


def test_ids_and_lengths_do_not_matter_where_texts_have_no_names(tmp_path):
    rows = [{"id": note_id, "text": "x"} for note_id in ("a", "a", None, [1], "\n")]
    members = {"t.jsonl": "\n".join(map(json.dumps, rows)), "long.txt": "x" * 20_000_001, "a\nb.txt": "x"}
    write_files(tmp_path, members)
    assert sorted(map(len, all_texts(tmp_path))) == [1] * 6 + [20_000_001]


def test_texts_alone_are_those_of_the_named_notes(tmp_path):
    rows = [{"id": f"n{i}", "text": f"row {i}\n"} for i in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    members = {
        "t.jsonl": "".join(json.dumps({**row, "id": f"j{row['id']}"}) + "\n" for row in rows),
        "t.csv.gz": gzip.compress(b"text\na\nb\n"),
        "n.txt": TEXT,
    }
    inner = tar_of({"z.txt": "z", "sub/a.txt": TEXT, ".hid.txt": "", "../u.txt": "u"})
    write_files(tmp_path, members | {"b/z.zip": zip_of({**members, "in.tgz": inner}), "b/a.txt": "a", "x.pdf": ""})
    unused, unused_too = Counter(), Counter()
    named = list(read_texts(tmp_path, Columns(), unused))
    texts = list(read_all_texts(tmp_path, unused_too))
    failed = {item.id for item in named if isinstance(item, Failure)}
    assert failed == {"jn0", "jn1", "jn2"}  # in z.zip again
    for item, text in zip(named, texts, strict=True):
        assert isinstance(item, Failure) or item.text == text
    assert unused == unused_too == {".pdf": 1}
    assert named == list(read_texts(tmp_path, Columns(), Counter()))
    assert texts == all_texts(tmp_path)
