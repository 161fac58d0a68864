"""Folders and archives: each file of them read in memory or opened one by one, damage reported; bytes made text."""

import contextlib
import io
import random
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from scripts import archives
from scripts.archives import (
    ARCHIVE_SUFFIXES,
    BEGINNING,
    DAMAGED,
    Fault,
    Limits,
    archive_stem,
    decode,
    is_utf8,
    limits_of,
    open_files,
    read_files,
)
from scripts.cli import InputError
from tests.helpers import file, link, memory_below, paths, tar_of, write_files, zip_of

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


def opened(source: Path, in_memory: bool = False) -> list[tuple[str, bytes | str]]:
    """The path of each file, opened one by one, with its content, or why it has none."""
    return [
        (str(found.path), found.reason if isinstance(found, Fault) else found.stream.read())
        for found in open_files(source, in_memory=in_memory)
    ]


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


@pytest.mark.parametrize("suffix", PACKERS)
def test_control_characters_in_names_are_escaped_where_they_enter(suffix, tmp_path):
    name, safe = "d\x1b]0;x\x07/a\n\x9b.txt", "d\\x1b]0;x\\x07/a\\n\\x9b.txt"
    write_files(tmp_path / "in", {name: "a", f"z\x1b{suffix}": PACKERS[suffix]({name: "b"})})
    assert opened(tmp_path / "in") == [(safe, b"a"), (f"z\\x1b{suffix}/{safe}", b"b")]
    assert paths(read_files(tmp_path / "in", "c\x1b")) == [f"c\\x1b/{safe}", f"c\\x1b/z\\x1b{suffix}/{safe}"]
    assert opened(tmp_path / "in" / f"z\x1b{suffix}") == [(f"z\\x1b{suffix}/{safe}", b"b")]


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
    write_files(tmp_path, {"b.txt": "b"})
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(InputError, match=r"^a\.txt cannot be read: No such file or directory\.$"):
        list(read_files(tmp_path))
    assert opened(tmp_path) == [("a.txt", "cannot be read: No such file or directory."), ("b.txt", b"b")]


def test_names_that_are_not_utf8_can_be_printed_and_stored(tmp_path):
    names = [data.decode("utf8", "surrogateescape") for data in (b"caf\xe8.txt", b"caf\xe9.txt")]
    members = {names[0]: "e", names[1]: "é"}
    write_files(tmp_path / "folder", members)
    assert list(read_files(tmp_path / "folder")) == [file("caf\\udce8.txt", "e"), file("caf\\udce9.txt", "é")]
    found = read(tmp_path, "a.tar.gz", tar_of(members))
    assert found == [file("a.tar.gz/caf\\udce8.txt", "e"), file("a.tar.gz/caf\\udce9.txt", "é")]


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_an_archive_and_the_folder_in_it_have_the_same_files_in_the_same_order(suffix, tmp_path):
    inner = {"y/1.txt": "1", "y.txt": "y", "Ä.txt": "Ä"}
    members = {"b.txt": "b", "b/2.txt": "2", "b-c/1.txt": "1", "b b.txt": "bb", "a/10.txt": "", "a/9.txt": "9",
               ".hid": "", "b/in.zip": zip_of(inner), "in.tgz": tar_of(inner)}  # fmt: skip
    folder = list(read_files(write_files(tmp_path / "notes", members), f"notes{suffix}"))
    assert len(folder) == 6 + 2 * len(inner)
    assert read(tmp_path, f"notes{suffix}", PACKERS[suffix](members)) == folder
    backwards = dict(reversed(members.items()))
    assert read(tmp_path, f"notes{suffix}", PACKERS[suffix](backwards)) == folder
    write_files(tmp_path / "outer", {f"notes{suffix}": PACKERS[suffix](members)})
    assert list(read_files(tmp_path / "outer")) == folder


# --- opened one by one


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_files_opened_one_by_one_come_as_stored_and_the_same_every_time(suffix, tmp_path):
    inner = zip_of({"z.txt": "z", "c.txt": "c"})
    members = {"b.txt": "b", ".hid.txt": "x", "a.txt": "a", "in.zip": inner, "../up.txt": "up"}
    name = f"notes{suffix}"
    write_files(tmp_path, {name: PACKERS[suffix](members), "z.txt": "last", "m.txt": "first"})
    in_archive = [("b.txt", b"b"), ("a.txt", b"a"), ("in.zip/z.txt", b"z"), ("in.zip/c.txt", b"c"), ("up.txt", b"up")]
    expected = [("m.txt", b"first"), *((f"{name}/{path}", data) for path, data in in_archive), ("z.txt", b"last")]
    assert opened(tmp_path) == expected == opened(tmp_path)
    assert opened(tmp_path / name) == expected[1:-1]


def test_a_damaged_archive_is_a_fault_and_the_files_before_and_behind_it_are_opened(tmp_path):
    cut = tar_of({f"{i}.txt": f"note {i}" for i in range(9)}, "w")[: 6 * tarfile.BLOCKSIZE]
    write_files(tmp_path, {"a.tar": cut, "b.zip": "<html>", "c.txt": "c", "d.zip": zip_of({"in.zip": "no"})})
    damaged = "is damaged or cut short: download it again."
    assert opened(tmp_path) == [
        *((f"a.tar/{i}.txt", f"note {i}".encode()) for i in range(3)),
        ("a.tar", damaged), ("b.zip", damaged), ("c.txt", b"c"), ("d.zip/in.zip", damaged),
    ]  # fmt: skip


def test_a_damaged_archive_inside_another_takes_no_other_file_with_it(tmp_path):
    inner = zip_of({"1.txt": "one"}, zipfile.ZIP_STORED)
    data = zip_of({"a.zip": inner, "b.txt": "two"}, zipfile.ZIP_STORED)
    write_files(tmp_path, {"z.zip": data.replace(b"one", b"odd")})
    assert opened(tmp_path) == [
        ("z.zip/a.zip", "is damaged or cut short: download it again."),
        ("z.zip/b.txt", b"two"),
    ]


def test_links_in_a_tar_are_faults_where_it_is_not_in_memory(tmp_path):
    links = [link("b.txt", "a.txt", tarfile.LNKTYPE), link("c.txt", "a.txt", tarfile.SYMTYPE)]
    write_files(tmp_path, {"t.tar": tar_of({"a.txt": "a"}, "w", *links)})
    reason = "is a link in an archive: unpack it and give the folder."
    assert opened(tmp_path) == [("t.tar/a.txt", b"a"), ("t.tar/b.txt", reason), ("t.tar/c.txt", reason)]


def test_members_opened_one_by_one_are_forgotten(tmp_path):
    write_files(tmp_path, {"a.tar.gz": tar_of({f"{i}.txt": "" for i in range(3000)})})
    tracemalloc.start()
    assert sum(1 for _ in open_files(tmp_path)) == 3000
    assert tracemalloc.get_traced_memory()[1] < 600_000
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
    # Opened one by one, the earlier one is already gone when the later one is met.
    assert opened(tmp_path) == [("a.tar/a.txt", b"old"), ("a.tar/a.txt", b"new")]


def test_of_an_archive_that_a_tar_holds_twice_no_file_of_the_earlier_is_left(tmp_path):
    target = io.BytesIO(tar_of({"in.zip": zip_of({"a.txt": "old", "b.txt": "old"})}, "w"))
    new = zip_of({"a.txt": "new"})
    with tarfile.open(fileobj=target, mode="a") as archive:
        info = tarfile.TarInfo("./in.zip")
        info.size = len(new)
        archive.addfile(info, io.BytesIO(new))
    assert read(tmp_path, "a.tar", target.getvalue()) == [file("a.tar/in.zip/a.txt", "new")]


def test_of_a_member_that_a_zip_holds_twice_both_are_read(tmp_path):
    data = zip_of({"a.txt": "old", "b.txt": "new"}).replace(b"b.txt", b"a.txt")
    assert read(tmp_path, "a.zip", data) == [file("a.zip/a.txt", "old"), file("a.zip/a.txt", "new")]


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


def assert_cuts_are_reported(tmp_path: Path, name: str, data: bytes, may_lack_padding: bool = False) -> None:
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
            assert may_lack_padding, f"cut to {length} of {len(data)} bytes and not reported"
            assert found == whole, f"cut to {length} of {len(data)} bytes, and notes are missing"


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_cut_short_anywhere_is_reported(suffix, tmp_path):
    assert_cuts_are_reported(tmp_path, f"cut{suffix}", PACKERS[suffix](many_members()))


def test_a_plain_tar_cut_short_is_reported_or_whole(tmp_path):
    # Nothing but zeros to fill up the last record is behind its end mark.
    assert_cuts_are_reported(tmp_path, "cut.tar", tar_of(many_members(), "w"), may_lack_padding=True)


def test_a_plain_tar_with_a_damaged_header_is_reported(tmp_path):
    data = tar_of({"a.txt": "a", "b.txt": "b"}, "w").replace(b"b.txt", b"B.txt")
    with pytest.raises(InputError, match=r"bad\.tar is damaged"):
        read(tmp_path, "bad.tar", data)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", [".zip", ".tar.gz"])
def test_an_archive_cut_short_behind_an_archive_inside_it_is_reported(inner, compression, tmp_path):
    # The inner zip is stored as it is, so what is left of the outer one ends like a whole zip.
    members = {f"a{inner}": PACKERS[inner](many_members()), **many_members()}
    assert_cuts_are_reported(tmp_path, "cut.zip", zip_of(members, compression))


def test_an_archive_cut_short_behind_an_empty_archive_inside_it_is_reported(tmp_path):
    members = {"a.zip": zip_of({}), **many_members()}
    assert_cuts_are_reported(tmp_path, "cut.zip", zip_of(members, zipfile.ZIP_STORED))


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_an_inner_archive_cut_short_is_named(pack, tmp_path):
    outer = zip_of({"parts/inner.zip": zip_of(NOTES)[:-30], "a.txt": "a"})
    with pytest.raises(InputError, match=r"outer\.zip/parts/inner\.zip is damaged or cut short"):
        read(tmp_path, "outer.zip", outer)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_a_changed_byte_is_reported_or_does_no_harm(suffix, tmp_path):
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


@pytest.mark.parametrize("suffix", sorted(PACKERS))
def test_whatever_bytes_are_changed_each_file_is_read_or_a_fault(suffix, tmp_path):
    """In a zip's directory, too, where names and places are: no other error comes of it."""
    data = PACKERS[suffix]({"é.zip": zip_of(many_members()), **many_members()})
    path, chance = tmp_path / f"a{suffix}", random.Random(2)
    for i in range(120):
        changed = bytearray(data)
        for _ in range(1 + i % 3):
            changed[chance.randrange(max(0, len(data) - 600) if i % 2 else 0, len(data))] = chance.randrange(256)
        path.write_bytes(changed)
        for found in (*open_files(path, in_memory=True), *open_files(path)):
            assert str(found.path).startswith(path.name)
            assert not isinstance(found, Fault) or found.reason


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
def test_whatever_bytes_are_changed_a_stream_ends_or_says_that_it_is_damaged(suffix, tmp_path):
    data = PACKERS[suffix](many_members())
    path, chance = tmp_path / f"a{suffix}", random.Random(3)
    for _ in range(120):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(changed)
        for found in open_files(path):
            with contextlib.suppress(*DAMAGED):
                assert isinstance(found, Fault) or len(found.stream.read()) < 10_000


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
@pytest.mark.parametrize("data", [b"", b"<html>Please log in</html>", b"\x1f\x8b", b"PK\x03\x04"])
def test_what_only_has_the_name_of_an_archive_is_reported(suffix, data, tmp_path):
    with pytest.raises(InputError, match=rf"portal{suffix} is damaged or cut short"):
        read(tmp_path, f"portal{suffix}", data)


def test_an_encrypted_zip_is_reported(tmp_path):
    flags, encrypted = 6, 1
    with pytest.raises(InputError, match=r"locked\.zip needs a password"):
        read(tmp_path, "locked.zip", with_headers(zip_of(NOTES), flags, encrypted))


def test_a_zip_packed_in_an_unknown_way_is_reported(tmp_path):
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
def test_utf16_is_reported_by_its_null_bytes(encoding, fallback):
    with pytest.raises(InputError, match=r"a\.txt, line 1: null bytes \(UTF-16\?\)"):
        decode(file("a.txt", "pain".encode(encoding)), fallback)


def test_utf16_with_a_byte_order_mark_is_reported():
    marked = file("a.txt", "pain".encode("utf-16"))
    with pytest.raises(InputError, match="line 1: not UTF-8"):
        decode(marked)
    with pytest.raises(InputError, match="line 1: null bytes"):
        decode(marked, fallback="latin-1")


def test_a_null_byte_is_named_with_its_line():
    with pytest.raises(InputError, match="line 2: null bytes"):
        decode(file("a.txt", "one\nt\0wo\n"))


# --- archives that unpack to more than there is room for

BOMB = bytes(32_000_000)
ROOM = 16_000_000


@pytest.fixture
def small(monkeypatch):
    """From fewer bytes on the ratio is looked at."""
    monkeypatch.setattr(archives, "FREE", 100_000)


def packed(folder: Path, suffix: str, members: dict[str, str | bytes]) -> Path:
    return write_files(folder, {f"n{suffix}": PACKERS[suffix](members)}) / f"n{suffix}"


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_unpacks_to_too_much_is_named_and_takes_no_memory(suffix, small, tmp_path):
    path = packed(tmp_path, suffix, {"a.txt": "a", "b/bomb.txt": BOMB})
    refused = [(Limits(2_000_000, 200_000), "unpacks to 32,000,001 bytes with what was read before.*--max-unpacked")]
    if suffix != ".tar":
        refused.append((Limits(2**30, 20), r"unpacks to 32,000,000 bytes, [\d,]+ times its size.*--max-ratio"))
    for limits, reason in refused:
        with memory_below(ROOM), pytest.raises(InputError, match=rf"^n\{suffix}/b/bomb.txt {reason}"):
            list(read_files(path, limits=limits))
    assert len(list(read_files(path, limits=Limits(2**30, 10**6)))) == 2


def test_the_sum_of_all_archives_of_a_folder_is_limited(tmp_path):
    noise = random.Random(0).randbytes(1000)
    write_files(tmp_path, {f"{i}.zip": zip_of({"a.txt": noise, "z.zip": zip_of({"b.txt": noise})}) for i in range(3)})
    assert len(list(read_files(tmp_path, limits=Limits(10_000, 200)))) == 6
    with pytest.raises(InputError, match=r"^2\.zip/"):
        list(read_files(tmp_path, limits=Limits(7500, 200)))


@pytest.mark.parametrize("suffix", PACKERS)
def test_of_kinds_that_hold_no_notes_only_the_beginning_is_read(suffix, small, tmp_path):
    path = packed(tmp_path, suffix, {"a.txt": "a", "x.PDF": b"%PDF" + BOMB})
    with memory_below(ROOM):
        found = list(read_files(path, limits=Limits(1000, 1)))
    beginning = b"%PDF" + bytes(BEGINNING - 4)
    assert found == [file(f"n{suffix}/a.txt", "a"), file(f"n{suffix}/x.PDF", beginning)]
    (tmp_path / "x.pdf").write_bytes(b"%PDF" + BOMB)
    assert list(read_files(tmp_path / "x.pdf")) == [file("x.pdf", beginning)]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["in.zip", "in.tar.gz", "t.parquet"])
def test_opened_one_by_one_only_what_is_read_whole_is_limited(suffix, name, small, tmp_path):
    path = packed(tmp_path, suffix, {"a.txt": "a", name: BOMB, "b.txt": BOMB, "c.csv": BOMB})
    with memory_below(ROOM):
        found = {str(each.path): each for each in open_files(path, limits=Limits(2_000_000, 200))}
    faults = {path: each.reason for path, each in found.items() if isinstance(each, Fault)}
    assert len(found) == 4 and [*faults] == [f"n{suffix}/{name}"]
    assert faults[f"n{suffix}/{name}"].startswith("unpacks to 32,000,000 bytes")


def test_a_header_that_lies_about_a_size_lets_no_more_through(tmp_path):
    data = bytearray(zip_of({"a.txt": BOMB}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.find(signature) + place
        data[start : start + 4] = (500).to_bytes(4, "little")
    (tmp_path / "n.zip").write_bytes(data)
    with memory_below(ROOM), pytest.raises(InputError, match=r"^n\.zip.* is damaged"):
        list(read_files(tmp_path / "n.zip", limits=Limits(1000, 200)))


def test_limits_that_make_no_sense_are_refused():
    assert limits_of(2, 3) == Limits(2**21, 3)
    for numbers in ((0, 3), (2, 0)):
        with pytest.raises(InputError, match="take numbers from 1"):
            limits_of(*numbers)
