"""The texts to annotate: ids, faults of single notes and of whole files, one note in memory at a time."""

import gzip
import lzma
import random
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.corpus.texts import Columns, Failure, Text, fingerprint, read_texts
from tests.helpers import tar_of, write_files, zip_of
from tests.test_files import link

TEXT = "\ufeffHe has\r\n\tchest  pain 😀\x0c\r\n"


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
        (b"fine\ncaf\xe9\n", 2, "not UTF-8"),
        ("fine".encode("utf-16"), 1, "not UTF-8"),
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
        ("t.csv", b"text\ncaf\xe9\nb\n", ["not UTF-8", ""]),
        ("t.jsonl", b'{"text": "\\ud800"}\n{"text": "\\ud83d\\ude00"}\n', ["not UTF-8", ""]),
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
    assert reasons(tmp_path / "z.zip") == ["damaged in its archive", ""]


def test_a_hard_link_in_an_archive_is_told(tmp_path):
    write_files(tmp_path, {"t.tar": tar_of({"a.txt": "a"}, "w", link("b.txt", "a.txt", tarfile.LNKTYPE))})
    assert reasons(tmp_path / "t.tar") == ["", "a hard link in an archive: unpack it and give the folder"]


def test_names_that_are_not_utf8_stay_two(tmp_path):
    names = [b"n\xe9.txt".decode("utf8", "surrogateescape"), b"n\xe8.txt".decode("utf8", "surrogateescape")]
    write_files(tmp_path, dict.fromkeys(names, "x"))
    assert ids(tmp_path) == ["n\\udce8", "n\\udce9"]


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "README"])
def test_a_single_file_of_another_kind_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=rf"{name} is no \.txt"):
        read(write_files(tmp_path, {name: ""}) / name)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.csv", "x,y\n1,2\n", "has no column 'text'"),
        ("a.zip", "<html>", "is damaged"),
        ("a.parquet", "PAR1", "is damaged"),
        ("a.jsonl.gz", "no gzip", "is damaged"),
    ],
)
def test_a_single_file_that_is_wrong_as_a_whole_is_refused(name, data, told, tmp_path):
    with pytest.raises(InputError, match=told):
        read(write_files(tmp_path, {name: data}) / name)


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
    assert sum(len(item.text) == size for item in read_texts(tmp_path / name, Columns(), Counter())) == len(notes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * size


@given(st.lists(st.text("ab/.", max_size=4), max_size=12))
def test_every_row_is_there_once_and_no_id_twice(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("rows") / "t.jsonl"
    path.write_text("".join(f'{{"id": "{name}", "text": "x"}}\n' for name in names))
    items = read(path)
    taken = [item.id for item in items if isinstance(item, Text)]
    assert len(items) == len(names) and len(set(taken)) == len(taken) == len(set(names) - {""})
