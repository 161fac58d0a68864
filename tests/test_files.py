"""Folders and archives read in memory, texts paired with annotations, bytes made text."""

import io
import random
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from scripts.archives import ARCHIVE_SUFFIXES, archive_stem, decode, is_utf8, open_members, pair, read_files
from scripts.cli import InputError
from tests.helpers import file, paths, tar_of, write_files, zip_of

NOTES = {"docs/a.txt": "She had pain .\n", "concepts/a.txt.con": 'c="pain" 1:2 1:2||t="problem"\n'}
PACKERS = {
    ".tar": lambda members: tar_of(members, "w"),
    ".tar.gz": lambda members: tar_of(members, "w:gz"),
    ".tgz": lambda members: tar_of(members, "w:gz"),
    ".tar.bz2": lambda members: tar_of(members, "w:bz2"),
    ".tar.xz": lambda members: tar_of(members, "w:xz"),
    ".zip": zip_of,
}


def read(folder: Path, name: str, data: bytes) -> list:
    (folder / name).write_bytes(data)
    return list(read_files(folder / name))


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def with_headers(data: bytes, field: int, value: int) -> bytes:
    """A zip with a byte changed in each member's header, and in the directory, where it is two further on."""
    changed = bytearray(data)
    for signature, position in ((b"PK\x03\x04", field), (b"PK\x01\x02", field + 2)):
        start = changed.find(signature)
        while start >= 0:
            changed[start + position] = value
            start = changed.find(signature, start + 4)
    return bytes(changed)


# --- folders and archives


def test_a_folder_is_read_in_order_of_path(tmp_path):
    write_files(tmp_path, {"b/2.txt": "two", "a.txt": "a", "b/10.txt": "ten"})
    assert list(read_files(tmp_path)) == [file("a.txt", "a"), file("b/10.txt", "ten"), file("b/2.txt", "two")]
    assert paths(read_files(tmp_path, "corpus")) == ["corpus/a.txt", "corpus/b/10.txt", "corpus/b/2.txt"]


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_an_archive_of_any_kind_holds_the_same_files(suffix, tmp_path):
    name = f"notes{suffix}"
    expected = [file(f"{name}/{path}", NOTES[path]) for path in sorted(NOTES)]
    assert read(tmp_path, name, PACKERS[suffix](NOTES)) == expected
    assert read(tmp_path, name.upper(), PACKERS[suffix](NOTES)) == [
        file(f"{name.upper()}/{path}", NOTES[path]) for path in sorted(NOTES)
    ]


def test_a_tar_that_the_browser_has_already_unzipped_is_read(tmp_path):
    assert len(read(tmp_path, "notes.tar.gz", tar_of(NOTES, "w"))) == 2


def test_a_plain_file_is_read_as_itself(tmp_path):
    assert read(tmp_path, "train.tsv", b"pain\tB-x\n") == [file("train.tsv", "pain\tB-x\n")]


def test_a_source_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        list(read_files(tmp_path / "nowhere"))


@pytest.mark.parametrize("outer", sorted(PACKERS))
@pytest.mark.parametrize("inner", [".zip", ".tar.gz"])
def test_archives_inside_archives_are_read(outer, inner, tmp_path):
    packed = PACKERS[outer]({f"deep/inner{inner}": PACKERS[inner](NOTES), "readme.txt": "x"})
    start = f"outer{outer}/deep/inner{inner}"
    expected = [f"{start}/concepts/a.txt.con", f"{start}/docs/a.txt", f"outer{outer}/readme.txt"]
    assert paths(read(tmp_path, f"outer{outer}", packed)) == expected


def test_archives_in_a_folder_are_read(tmp_path):
    write_files(tmp_path, {"part/notes.zip": zip_of(NOTES), "part/z.txt": "z"})
    assert paths(read_files(tmp_path)) == [
        "part/notes.zip/concepts/a.txt.con",
        "part/notes.zip/docs/a.txt",
        "part/z.txt",
    ]


def test_an_empty_archive_has_no_files(tmp_path):
    assert read(tmp_path, "empty.zip", zip_of({})) == []
    assert read(tmp_path, "empty.tar.gz", tar_of({})) == []


def test_resource_forks_and_hidden_files_are_left_out(tmp_path):
    members = {"docs/a.txt": "a", "docs/._a.txt": "fork", "__MACOSX/docs/b.txt": "fork", ".git/a.txt": "x"}
    assert paths(read(tmp_path, "mac.zip", zip_of(members))) == ["mac.zip/docs/a.txt"]
    assert paths(read(tmp_path, "mac.tar.gz", tar_of(members))) == ["mac.tar.gz/docs/a.txt"]
    write_files(tmp_path / "folder", members)
    assert paths(read_files(tmp_path / "folder")) == ["docs/a.txt"]


def test_a_folder_below_a_hidden_one_is_read(tmp_path):
    write_files(tmp_path / ".data" / "notes", {"a.txt": "a"})
    assert paths(read_files(tmp_path / ".data" / "notes")) == ["a.txt"]
    assert paths(read_files(tmp_path / ".data", ".data")) == [".data/notes/a.txt"]


def test_links_in_a_folder_are_followed(tmp_path):
    write_files(tmp_path / "elsewhere", {"train/a.txt": "a"})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "train").symlink_to(tmp_path / "elsewhere" / "train")
    (tmp_path / "notes" / "b.txt").symlink_to(tmp_path / "elsewhere" / "train" / "a.txt")
    assert list(read_files(tmp_path / "notes")) == [file("b.txt", "a"), file("train/a.txt", "a")]


def test_a_link_to_a_folder_above_is_no_endless_way(tmp_path):
    write_files(tmp_path, {"sub/a.txt": "a"})
    (tmp_path / "sub" / "round").symlink_to(tmp_path)
    assert paths(read_files(tmp_path)) == ["sub/a.txt"]


def test_a_link_to_nothing_is_an_error_not_a_missing_note(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(FileNotFoundError):
        list(read_files(tmp_path))


def test_names_that_are_not_utf8_can_be_printed_and_stored(tmp_path):
    name = b"caf\xe9.txt".decode("utf8", "surrogateescape")
    write_files(tmp_path / "folder", {name: "x"})
    assert list(read_files(tmp_path / "folder")) == [file("caf?.txt", "x")]
    assert read(tmp_path, "a.tar.gz", tar_of({name: "x"})) == [file("a.tar.gz/caf?.txt", "x")]


def test_members_opened_one_by_one_are_forgotten():
    packed = tar_of({f"{i}.txt": "" for i in range(3000)})
    tracemalloc.start()
    assert sum(1 for _ in open_members(PurePosixPath("a.tar.gz"), io.BytesIO(packed))) == 3000
    assert tracemalloc.get_traced_memory()[1] < 400_000
    tracemalloc.stop()


# --- members that are not to be trusted


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("member", "path"),
    [
        ("../../up.txt", "up.txt"),
        ("a/../../b.txt", "a/b.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("//server/x.txt", "server/x.txt"),
        ("./here.txt", "here.txt"),
    ],
)
def test_a_member_path_leads_nowhere_outside_its_archive(pack, member, path, tmp_path):
    name = "evil.zip" if pack is zip_of else "evil.tar.gz"
    assert read(tmp_path, name, pack({member: "x"})) == [file(f"{name}/{path}", "x")]


def test_symbolic_links_and_devices_in_a_tar_are_not_followed(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("outside", encoding="utf8")
    links = [link("docs/b.txt", str(secret), tarfile.SYMTYPE), link("docs/c.txt", "a.txt", tarfile.SYMTYPE)]
    devices = [link("docs/d.txt", "", tarfile.CHRTYPE), link("docs/e.txt", "", tarfile.FIFOTYPE)]
    found = read(tmp_path, "links.tar.gz", tar_of(NOTES, "w:gz", *links, *devices))
    assert [path.split("/", 1)[1] for path in paths(found)] == sorted(NOTES)


def test_a_file_that_was_hard_linked_to_an_earlier_one_is_read(tmp_path):
    data = tar_of(NOTES, "w:gz", link("docs/b.txt", "docs/a.txt", tarfile.LNKTYPE))
    assert read(tmp_path, "links.tar.gz", data)[-1] == file("links.tar.gz/docs/b.txt", NOTES["docs/a.txt"])


def test_a_hard_link_to_a_file_outside_its_tar_is_refused(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("outside", encoding="utf8")
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path, "x.tar.gz", tar_of(NOTES, "w:gz", link("docs/b.txt", str(secret), tarfile.LNKTYPE)))


def test_of_a_member_that_a_tar_holds_twice_the_later_counts(tmp_path):
    # tar --append and --update write a changed file again, behind the old one.
    target = io.BytesIO(tar_of({"a.txt": "old"}, "w"))
    with tarfile.open(fileobj=target, mode="a") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"new"))
    assert read(tmp_path, "a.tar", target.getvalue()) == [file("a.tar/a.txt", "new")]


def test_reading_writes_nothing(tmp_path, monkeypatch):
    write_files(tmp_path, {"in/a.zip": zip_of({"b.tgz": tar_of(NOTES), "../c.txt": "c"}), "in/d.txt": "d"})
    for name in ("temp", "cwd"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert len(list(read_files(tmp_path / "in"))) == 4
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# --- archives that are not whole


def many_members() -> dict[str, bytes]:
    # Some that compress, some that do not, and sizes around a tar's block of 512 bytes.
    sizes = (0, 1, 511, 512, 513, 900)
    noise = random.Random(0)
    return {f"docs/{i}.txt": noise.randbytes(size) if i % 2 else b"w " * size for i, size in enumerate(sizes)}


def assert_cuts_are_told(tmp_path: Path, name: str, data: bytes, may_lack_padding: bool = False) -> None:
    whole = read(tmp_path, name, data)
    steps = range(0, len(data), max(1, len(data) // 100))
    ends = range(len(data) - 24, len(data))
    between_members = range(0, len(data), tarfile.BLOCKSIZE)
    for length in [*steps, *ends, *between_members]:
        try:
            found = read(tmp_path, name, data[:length])
        except InputError as error:
            assert name in str(error)
        else:
            assert may_lack_padding, f"cut to {length} of {len(data)} bytes and not told"
            assert found == whole, f"cut to {length} of {len(data)} bytes, and notes are missing"


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_cut_short_anywhere_is_told(suffix, tmp_path):
    assert_cuts_are_told(tmp_path, f"cut{suffix}", PACKERS[suffix](many_members()))


def test_a_plain_tar_cut_short_is_told_or_whole(tmp_path):
    # Nothing but zeros to fill up the last record is behind its end mark.
    assert_cuts_are_told(tmp_path, "cut.tar", tar_of(many_members(), "w"), may_lack_padding=True)


def test_a_plain_tar_with_a_damaged_header_is_told(tmp_path):
    data = tar_of({"a.txt": "a", "b.txt": "b"}, "w").replace(b"b.txt", b"B.txt")
    with pytest.raises(InputError, match=r"bad\.tar is damaged"):
        read(tmp_path, "bad.tar", data)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", [".zip", ".tar.gz"])
def test_an_archive_cut_short_behind_an_archive_inside_it_is_told(inner, compression, tmp_path):
    # The inner zip is stored as it is, so what is left of the outer one ends like a whole zip.
    members = {f"a{inner}": PACKERS[inner](many_members()), **many_members()}
    assert_cuts_are_told(tmp_path, "cut.zip", zip_of(members, compression))


def test_an_archive_cut_short_behind_an_empty_archive_inside_it_is_told(tmp_path):
    members = {"a.zip": zip_of({}), **many_members()}
    assert_cuts_are_told(tmp_path, "cut.zip", zip_of(members, zipfile.ZIP_STORED))


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_an_inner_archive_cut_short_is_named(pack, tmp_path):
    outer = zip_of({"parts/inner.zip": zip_of(NOTES)[:-30], "a.txt": "a"})
    with pytest.raises(InputError, match=r"outer\.zip/parts/inner\.zip is damaged or cut short"):
        read(tmp_path, "outer.zip", outer)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_a_changed_byte_is_told_or_does_no_harm(suffix, tmp_path):
    data = PACKERS[suffix](many_members())
    expected = sorted(found.data for found in read(tmp_path, f"a{suffix}", data))
    chance = random.Random(1)
    # A zip's directory at its end is under no checksum.
    end = data.find(b"PK\x01\x02") if suffix == ".zip" else len(data)
    for _ in range(80):
        changed = bytearray(data)
        changed[chance.randrange(end)] ^= 1 << chance.randrange(8)
        try:
            found = read(tmp_path, f"a{suffix}", bytes(changed))
        except InputError:
            continue
        assert sorted(file.data for file in found) == expected


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
@pytest.mark.parametrize("data", [b"", b"<html>Please log in</html>", b"\x1f\x8b", b"PK\x03\x04"])
def test_what_only_has_the_name_of_an_archive_is_told(suffix, data, tmp_path):
    with pytest.raises(InputError, match=rf"portal{suffix} is damaged or cut short"):
        read(tmp_path, f"portal{suffix}", data)


def test_an_encrypted_zip_is_told(tmp_path):
    flags, encrypted = 6, 1
    with pytest.raises(InputError, match=r"locked\.zip needs a password"):
        read(tmp_path, "locked.zip", with_headers(zip_of(NOTES), flags, encrypted))


def test_a_zip_packed_in_an_unknown_way_is_told(tmp_path):
    method, deflate64 = 8, 9  # as Windows packs large files
    with pytest.raises(InputError, match=r"windows\.zip is packed in a way unknown here"):
        read(tmp_path, "windows.zip", with_headers(zip_of(NOTES), method, deflate64))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Task_1C.zip", "Task_1C"),
        ("test_data.tar.gz", "test_data"),
        ("test_data.tgz", "test_data"),
        ("Test_Data.TAR.GZ", "Test_Data"),
        ("2012-08-23.test-data.groundtruth.tar.gz", "2012-08-23.test-data.groundtruth"),
        ("test_data", "test_data"),
    ],
)
def test_the_stem_of_an_archive_is_its_name_without_the_suffix(name, stem):
    assert archive_stem(name) == stem


# --- pairing


def stem(found) -> str:
    return found.path.name.split(".")[0]


def pairs(texts: list[str], annotations: list[str], skip_unpaired: bool = False) -> list[tuple[str, str, str]]:
    texts, annotations = [file(path, "") for path in texts], [file(path, "") for path in annotations]
    found = pair(texts, annotations, stem, skip_unpaired)
    return [(one.id, str(one.text.path), str(one.annotation.path)) for one in found]


def test_a_note_and_one_of_the_same_name_further_down_are_two_pairs():
    assert pairs(["a/1.txt", "a/old/1.txt"], ["a/1.ann", "a/old/1.ann"]) == [
        ("a/1", "a/1.txt", "a/1.ann"),
        ("a/old/1", "a/old/1.txt", "a/old/1.ann"),
    ]


def test_texts_and_annotations_are_paired_by_stem_whatever_their_order():
    found = pairs(["docs/b.txt", "docs/a.txt", "docs/ab.txt"], ["con/ab.con", "con/a.con", "con/b.con"])
    assert found == [
        ("ab", "docs/ab.txt", "con/ab.con"),
        ("a", "docs/a.txt", "con/a.con"),
        ("b", "docs/b.txt", "con/b.con"),
    ]


def test_of_two_texts_the_one_with_the_longest_path_in_common_is_taken():
    texts = ["beth/txt/1.txt", "partners/txt/1.txt"]
    assert pairs(texts, ["partners/concept/1.con", "beth/concept/1.con"]) == [
        ("partners/txt/1", "partners/txt/1.txt", "partners/concept/1.con"),
        ("beth/txt/1", "beth/txt/1.txt", "beth/concept/1.con"),
    ]


def test_a_text_of_the_same_split_comes_before_one_nearby():
    texts = ["n2c2/train_data/1.txt", "other/test_data/1.txt"]
    found = pairs(texts, ["n2c2/reference_standard_for_test_data/1.con", "n2c2/train_data/1.con"])
    assert [text for _, text, _ in found] == ["other/test_data/1.txt", "n2c2/train_data/1.txt"]


def test_notes_of_the_same_stem_get_the_folder_into_their_id():
    found = pairs(["a/1.txt", "b/1.txt", "b/2.txt"], ["a/1.ann", "b/1.ann", "b/2.ann"])
    assert [note_id for note_id, _, _ in found] == ["a/1", "b/1", "2"]


def test_an_annotation_without_a_text_is_named():
    with pytest.raises(InputError, match=r"concepts/b\.con has no text file"):
        pairs(["docs/a.txt"], ["concepts/a.con", "concepts/b.con"])


def test_a_text_without_an_annotation_is_named():
    with pytest.raises(InputError, match=r"docs/b\.txt has no annotation file"):
        pairs(["docs/a.txt", "docs/b.txt"], ["concepts/a.con"])


def test_a_text_in_a_folder_without_annotated_texts_is_no_orphan():
    assert len(pairs(["docs/a.txt", "README.txt", "more/notes.txt"], ["concepts/a.con"])) == 1


def test_files_without_a_partner_can_be_left_out():
    assert pairs(["docs/a.txt", "docs/b.txt"], ["con/c.con", "con/a.con"], skip_unpaired=True) == [
        ("a", "docs/a.txt", "con/a.con")
    ]


def test_an_annotation_that_fits_two_texts_is_told():
    with pytest.raises(InputError, match=r"concepts/1\.con fits both \S+/1\.txt and \S+/1\.txt: remove one"):
        pairs(["beth/1.txt", "partners/1.txt"], ["concepts/1.con"])


@pytest.mark.parametrize("skip_unpaired", [False, True])
def test_two_annotations_of_one_text_are_told(skip_unpaired):
    with pytest.raises(InputError, match=r"a/1\.con and b/1\.con both annotate docs/1\.txt"):
        pairs(["docs/1.txt"], ["a/1.con", "b/1.con"], skip_unpaired)


def test_nothing_pairs_with_nothing():
    assert pairs([], []) == []


# --- bytes to text


def test_text_is_decoded_character_for_character():
    text = "\ufeffOne\r\ntwo\rthree\x0b\x0c\x85\u2028\n\n"
    assert decode(file("a.txt", text)) == text


def test_bytes_that_are_not_utf8_are_named_with_their_line():
    with pytest.raises(InputError, match=r"docs/a\.txt, line 3: not UTF-8"):
        decode(file("docs/a.txt", b"one\ntwo\ncaf\xe9\n"))


def test_a_fallback_is_taken_only_where_the_bytes_are_not_utf8():
    assert decode(file("a.txt", b"caf\xe9"), fallback="latin-1") == "café"
    assert decode(file("a.txt", b"caf\xc3\xa9"), fallback="latin-1") == "café"
    assert is_utf8(file("a.txt", b"caf\xc3\xa9"))
    assert not is_utf8(file("a.txt", b"caf\xe9"))


@pytest.mark.parametrize("fallback", ["", "latin-1"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_utf16_is_told_by_its_null_bytes(encoding, fallback):
    with pytest.raises(InputError, match=r"a\.txt, line 1: null bytes \(UTF-16\?\)"):
        decode(file("a.txt", "pain".encode(encoding)), fallback)


def test_utf16_with_a_byte_order_mark_is_told():
    marked = file("a.txt", "pain".encode("utf-16"))
    with pytest.raises(InputError, match="line 1: not UTF-8"):
        decode(marked)
    with pytest.raises(InputError, match="line 1: null bytes"):
        decode(marked, fallback="latin-1")


def test_a_null_byte_is_named_with_its_line():
    with pytest.raises(InputError, match="line 2: null bytes"):
        decode(file("a.txt", "one\nt\0wo\n"))
