"""Reading unlabelled notes: every note of every file, and bad ones named."""

import json
import lzma
from collections import Counter
from pathlib import Path

import pytest

from scripts.cli import InputError
from scripts.pretrain.texts import read_texts
from tests.helpers import tar_of, write_files


def read(source: Path) -> list[str]:
    return list(read_texts(source, Counter()))


def lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text, "id": 1}) + "\n" for text in texts).encode()


def test_a_mixed_folder_is_read_whole_in_order_of_path(tmp_path):
    files = {"b/two.TXT": "Two .\r\n", "a.jsonl": lines("One .", "", "Uno ."), "c.jsonl.xz": lzma.compress(lines("é"))}
    unused: Counter[str] = Counter()
    source = write_files(
        tmp_path, files | {"scan.pdf": b"\xff", ".hidden.txt": "x", "notes.tgz": tar_of({"3.txt": "3"})}
    )
    assert list(read_texts(source, unused)) == ["One .", "", "Uno .", "Two .\r\n", "é", "3"]
    assert unused == {".pdf": 1}


def test_a_single_file_is_taken(tmp_path):
    write_files(
        tmp_path, {"n.txt": "Note .", "n.jsonl": b"\xef\xbb\xbf" + lines("A .") + b"\n\n" + lines("B ."), "n.doc": ""}
    )
    assert read(tmp_path / "n.txt") == ["Note ."]
    assert read(tmp_path / "n.jsonl") == ["A .", "B ."]
    with pytest.raises(InputError, match=r"n\.doc holds no \.txt"):
        read(tmp_path / "n.doc")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("n.txt", b"fine\ncaf\xe9\n", "n.txt, line 2: not UTF-8"),
        ("n.txt", b"Zanzibar\0", "n.txt, line 1: null bytes"),
        ("n.jsonl", lines("a") + b"{'text': 'Zanzibar'}\n", "n.jsonl, line 2: no JSON"),
        ("n.jsonl", b"[" * 100_000, "n.jsonl, line 1: no JSON"),
        ("n.jsonl", b'\n{"note": "Zanzibar"}\n', 'n.jsonl, line 2: no "text"'),
        ("n.jsonl", b'["Zanzibar"]', 'n.jsonl, line 1: no "text"'),
        ("n.jsonl", b'{"text": 7}', 'n.jsonl, line 1: no "text"'),
        ("n.jsonl", b'{"text": "Zanzibar \\ud800"}', "n.jsonl, line 1: half a character"),
        ("n.jsonl", b'{"text": "caf\xe9"}', "n.jsonl, line 1: not UTF-8"),
        ("n.jsonl.xz", lzma.compress(lines("a") + b"x"), "n.jsonl.xz, line 2: no JSON"),
        ("n.jsonl.xz", lzma.compress(lines("a" * 9999))[:-20], "n.jsonl.xz is damaged"),
        ("n.jsonl.xz", lines("a"), "n.jsonl.xz is damaged"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_without_its_text(name, content, told, tmp_path):
    write_files(tmp_path, {"a.txt": "Fine .", name: content})
    with pytest.raises(InputError, match="^" + told.replace(".", r"\.")) as raised:
        read(tmp_path)
    assert "Zanzibar" not in str(raised.value)


def test_no_notes_are_told(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        read(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none")
