"""Files changed at random, as bad disks, editors and tools change them; by seed, so that all runs are alike."""

import random
from collections.abc import Iterator, Mapping

from scripts.archives import File
from tests.helpers import file

_PIECES = [b"\n", b"\r\n", b"\t", b" ", b'"', b"|", b"||", b";", b":", b"-", b"#", b"<", b"&", b"\0", b"\xff", b"\xe9",
           b"\xef\xbb\xbf", "\u2028".encode(), "😀".encode(), b"-1", b"0", b"999999999", b"9" * 5000, b"1e9", b"T1",
           b"B-", b"O", b"{", b"]", b"c=", "٣".encode(), "²".encode()]  # fmt: skip


def mutations(files: Mapping[str, str | bytes], number: int = 2_000, seed: int = 0) -> Iterator[list[File]]:
    """Copies of some files, in each of which a few bytes of one file are others."""
    chance = random.Random(seed)
    contents = {name: file(name, content).data for name, content in files.items()}
    for _ in range(number):
        name = chance.choice(sorted(contents))
        data = contents[name]
        for _ in range(chance.randint(1, 3)):
            data = _change(data, chance)
        yield [File(file(each, b"").path, data if each == name else content) for each, content in contents.items()]


def _change(data: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(data))
    end = min(len(data), place + chance.choice((1, 1, 2, 5, 40)))
    return {
        "flip": lambda: data[:place] + bytes(byte ^ 1 << chance.randint(0, 7) for byte in data[place:end]) + data[end:],
        "drop": lambda: data[:place] + data[end:],
        "insert": lambda: data[:place] + chance.choice(_PIECES) + data[place:],
        "replace": lambda: data[:place] + chance.choice(_PIECES) + data[end:],
        "repeat": lambda: data[:end] + data[place:],
        "cut": lambda: data[:place],
    }[chance.choice(("flip", "flip", "drop", "insert", "insert", "replace", "repeat", "cut"))]()
