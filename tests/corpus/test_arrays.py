"""JSON arrays are read element by element, as json.loads reads them whole."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.corpus import arrays
from scripts.corpus.arrays import BrokenArray, ElementTooLong, read_array
from tests.helpers import hostile_text

LIMIT = 10_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile_text("\n\0[]{},"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class Drop(io.BytesIO):
    """Gives so many bytes at once, however many are asked for."""

    size = 1

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.size)


def read(data: bytes, begin: int = 1, limit: int = LIMIT, size: int = 1) -> list[tuple[int, object]]:
    stream = Drop(data[begin:])
    stream.size = size
    return list(read_array(stream, data[:begin], limit))


@given(st.lists(VALUES, max_size=4), st.sampled_from([None, 1]), st.booleans(), st.sampled_from([1, 2, 7, 1000]))
def test_elements_are_what_json_reads_however_the_bytes_come(values, indent, ascii, size):
    data = json.dumps(values, indent=indent, ensure_ascii=ascii).encode()
    assert [value for _, value in read(data, size=size)] == values
    assert [value for _, value in read(data + b" \n", min(3, len(data)), size=size)] == values


def test_each_element_has_the_line_in_which_it_begins():
    data = b'\n[ {"a":\n 1},\n\n 2\n,"x" ]\n'
    assert read(data, begin=3) == [(2, {"a": 1}), (5, 2), (6, "x")]
    assert list(read_array(io.BytesIO(b", 2]"), b"[1", LIMIT, line=7)) == [(7, 1), (7, 2)]


@pytest.mark.parametrize(
    ("data", "before", "line"),
    [
        (b"[1, 2", 1, 1),
        (b"[1\n, {", 1, 2),
        (b"[1 2]", 1, 1),
        (b"[1, ]", 1, 1),
        (b"[,1]", 0, 1),
        (b"[1]\n[2]", 1, 2),
        (b'[1,\n"x\n"]', 1, 2),
        (b"[", 0, 1),
        (b"[1, " + b"[" * 9000, 1, 1),
    ],
)
def test_what_is_broken_is_told_with_its_line_behind_what_was_whole(data, before, line):
    found = []
    with pytest.raises(BrokenArray) as raised:
        for element in read_array(io.BytesIO(data[1:]), data[:1], LIMIT):
            found.append(element)
    assert raised.value.line == line
    assert len(found) >= before


def test_bytes_that_are_no_utf8_spoil_their_own_element_only():
    assert read(b'["caf\xe9", "b"]') == [(1, "caf\udce9"), (1, "b")]


def test_an_element_without_end_takes_no_memory():
    data = b'[1, "' + b"x" * 30_000_000
    tracemalloc.start()
    with pytest.raises(ElementTooLong):
        list(read_array(io.BytesIO(data), b"", 1_000_000))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_long_array_is_in_memory_in_parts(monkeypatch):
    monkeypatch.setattr(arrays, "CHUNK", 2**12)
    data = json.dumps([{"text": "x" * 1000}] * 20_000).encode()
    tracemalloc.start()
    assert sum(1 for _ in read_array(io.BytesIO(data), b"", LIMIT)) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
