"""What a source holds: formats, pointers, folders of annotators; what cannot be read is named with what to do."""

import pytest

from scripts.cli import InputError
from scripts.convert.__main__ import main
from scripts.convert.source import choose_annotations, choose_format
from tests.commands import assert_fails, run
from tests.helpers import file, write_files

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 687\n"
ANN = "T1\tproblem 0 5\tfever\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no file in it"),
        ({"a.pdf": b"%PDF-1.7\n", "b.pdf": b"%PDF-1.4\n"}, r"2 PDF files \(first a.pdf\): export the notes"),
        ({"a.docx": b"PK\x03\x04xx"}, r"1 Office or zip files \(first a.docx\)"),
        ({"a.doc": b"\xd0\xcf\x11\xe0"}, "1 old Office files"),
        ({"a.parquet": b"PAR1xx"}, "1 Parquet files"),
        ({"a.gz": b"\x1f\x8bxx"}, "1 gzip files .*: unpack them"),
        ({"a.7z": b"7z\xbc\xafxx"}, "1 7z files .*: unpack them"),
        ({"a.json": b'\n{"a": 1}'}, "1 JSON files"),
        ({"a.xml": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><record id="1">'}, "1 XML <record> files"),
        ({"a.htm": b"<!DOCTYPE html>\n<html>"}, "1 HTML files"),
        (
            {"a.txt": b"fever", "b.txt": b"none", "c.png": b"\x89PNG"},
            r"2 .txt files .* and 1 PNG files .*: add the anno",
        ),
        ({"notes": b"fever"}, "1 suffixless files"),
        ({f"{name}.{name}": b"x" for name in "abcdefg"}, "and 4 others"),
        ({"a.txt": POINTER}, r"^a\.txt is a git-lfs pointer, not the file: run `git lfs pull`"),
        ({"a.bin": POINTER}, r"^a\.bin is a git-lfs pointer"),
        ({"a.txt": b"fever", "a.ann": POINTER}, r"^a\.ann is a git-lfs pointer"),
        ({"a.txt": POINTER, "a.ann": ANN.encode()}, r"^a\.txt is a git-lfs pointer"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_do(files, said):
    with pytest.raises(InputError, match=said):
        choose_format("mine", "auto", [file(*each) for each in files.items()])


def test_a_pointer_beside_notes_that_are_there_is_none_of_ours():
    files = [file("a.txt", "fever"), file("a.ann", ANN), file("model.bin", POINTER)]
    assert choose_format("mine", "auto", files) == "brat"


def test_the_sentence_holds_no_text_of_a_file():
    with pytest.raises(InputError) as error:
        choose_format("mine", "auto", [file("a.txt", "Zanzibarfever"), file("b.json", '{"quillwort": 1}')])
    assert not {"zanzibarfever", "quillwort"} & {*str(error.value).lower().split()}


@pytest.mark.parametrize(
    ("folder", "kept"),
    [
        ("", ["a/x/1.ann", "b/y/1.ann"]),
        ("a", ["a/x/1.ann"]),
        ("y", ["b/y/1.ann"]),
        ("b/y", ["b/y/1.ann"]),
        ("b/y/", ["b/y/1.ann"]),
    ],
)
def test_a_folder_of_annotations_is_chosen_by_its_name(folder, kept):
    files = [file("a/x/1.ann", ANN), file("b/y/1.ann", ANN), file("text/1.txt", "fever")]
    assert [str(each.path) for each in choose_annotations("brat", files, folder)] == [*kept, "text/1.txt"]


@pytest.mark.parametrize("folder", ["x/a", "1.ann", "text", "z"])
def test_a_folder_without_annotations_is_reported(folder):
    with pytest.raises(InputError, match=f"No folder '{folder}' with brat annotations"):
        choose_annotations("brat", [file("a/x/1.ann", ANN), file("text/1.txt", "fever")], folder)


def test_two_files_of_one_folder_cannot_be_chosen_between(tmp_path):
    concept = 'c="fever" 1:0 1:0||t="problem"\n'
    write_files(tmp_path / "in", {"1.txt": "fever\n", "1.con": concept, "1.txt.con": concept})
    assert_fails(run(main, "mine", tmp_path / "in", tmp_path / "out"), "both annotate 1.txt: remove one")


def test_folders_of_one_name_are_named_by_their_paths(tmp_path):
    write_files(tmp_path / "in", {"text/1.txt": "fever", "a/ann/1.ann": ANN, "b/ann/1.ann": ANN})
    done = run(main, "mine", tmp_path / "in", tmp_path / "out")
    assert_fails(done, "--annotations 'a/ann' or --annotations 'b/ann'")


def test_a_corpus_of_another_kind_is_refused_before_it_is_converted(tmp_path):
    """Nothing is tokenised: the message comes without the table of the ledger."""
    xml = '<annotation type="problem"/>\n' * 50
    write_files(tmp_path / "in", {f"{split}/1{end}": content for split in ("train", "dev", "test")
                                  for end, content in ((".txt", "fever\n" * 50), (".ann", xml))})  # fmt: skip
    done = run(main, "mine", tmp_path / "in", tmp_path / "out")
    assert_fails(done, "150 of 150 annotations (100.0 %)", "malformed line", without=tmp_path / "out")
    assert "Converting" not in done.output
    assert run(main, "mine", tmp_path / "in", tmp_path / "out", "--max-dropped", "100").code == 0
