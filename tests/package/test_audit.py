"""The audit of a wheel: what is planted in it is found, whatever the file; what is general English is not."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import srsly
from hypothesis import given
from hypothesis import strategies as st

from scripts.package.audit import Leaf, audit, collect_terms, read_leaves

NOTES = ["Mr. Quendrick takes Zorblattin twice daily .\nMRN 90817263 .", "Denies the old wobbly cough and rash ."]
GENERAL = ["takes", "twice", "daily", "denies", "the", "old", "cough", "wobbly"]


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def search(tmp_path: Path, **files: bytes):
    wheel = tmp_path / "package.whl"
    wheel.write_bytes(zipped(**files))
    return audit(wheel, NOTES, GENERAL)


PLANTED = {
    "text": b"# as zorblattin does",
    "json": json.dumps({"labels": ["drug", "Zorblattin"]}).encode(),
    "json key": json.dumps({"ZORBLATTIN": 1}).encode(),
    "json number": b'{"seen": [1, 90817263]}',
    "msgpack": srsly.msgpack_dumps({"attrs": [{"names": ["zorblattin"]}], b"raw": b"\xff\x00"}),
    "msgpack in msgpack": srsly.msgpack_dumps({"inner": srsly.msgpack_dumps(["quendrick"]), "raw": b"\xff\x00"}),
    "zip in msgpack": srsly.msgpack_dumps({"state": zipped(data=b"zorblattin"), "raw": b"\xff\x00"}),
    "compressed zip": zipped(data=zipped(data=b"zorblattin")),
    "weights": np.random.default_rng(0).bytes(100_000) + b"\x00zorblattin\x00" + np.random.default_rng(1).bytes(9),
    "array": srsly.msgpack_dumps({"W": np.frombuffer(b"\xff\xfe\xfd\x00zorblattin\x00\x00", dtype=np.uint8)}),
    "pickle": pickle.dumps({"encoder.zorblattin": 1.5}, protocol=2),  # in its bytes "zorblattinq"
    "number in a pickle": pickle.dumps([90817263], protocol=2),
    "bytes in a pickle": pickle.dumps(srsly.msgpack_dumps(["zorblattin"]), protocol=4),
    "after a pickle": pickle.dumps("other", protocol=2) + b"\xff\x00zorblattin\x00",
    "cut pickle": pickle.dumps(["zorblattin", "x" * 50], protocol=2)[:-9],
    "safetensors": safetensors.numpy.save({"rash": np.ones(3, dtype=np.float32)}),
    "metadata of safetensors": safetensors.numpy.save({}, {"note": "rash"}),
    "phrase of general words": b"they said: the old, wobbly one",
    "phrase in weights": b"\xff\xfe\x00\x00\x00the old wobbly\xff",
    "number": b"id: 90817263",
}


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_is_found(tmp_path, case):
    result = search(tmp_path, clean=b"nothing here", planted=PLANTED[case])
    assert list(result.hits) == ["planted"] and result.files == 2
    assert result.to_json()["hits"] >= 1
    assert not any(word in json.dumps(result.to_json()) for word in ("zorblattin", "quendrick", "wobbly", "90817263"))


def test_what_is_planted_in_a_name_is_found(tmp_path):
    assert list(search(tmp_path, **{"notes/zorblattin.txt": b""}).hits) == ["notes/zorblattin.txt"]


CLEAN = {
    "general words": b"takes the old cough twice daily",
    "other words": b"plimadine 12345678",
    "a part of a word": b"zorblattins zorblatt",
    "short words": b"mr mrn",
    "other order": b"wobbly old the",
    "over a line end": b"the old\nwobbly",
    "apart in a list": json.dumps(["the", "old", "wobbly"]).encode(),
}


@pytest.mark.parametrize("case", CLEAN)
def test_what_does_not_come_from_the_notes_is_no_hit(tmp_path, case):
    result = search(tmp_path, clean=CLEAN[case])
    assert result.hits == {} and result.to_json()["hits"] == 0 and result.terms > 5


def test_a_wheels_hashes_are_no_words(tmp_path):
    assert search(tmp_path, RECORD=b"a.py,sha256=xx-zorblattin-x,12").hits == {}


def test_random_weights_give_no_hits_by_chance(tmp_path):
    weights = np.random.default_rng(7).bytes(3_000_000)
    letters = [chr(97 + i) for i in range(26)]
    notes = [" ".join(a + b + c + d for a in letters for b in letters for c in "ae" for d in "rst")]
    wheel = tmp_path / "package.whl"
    wheel.write_bytes(zipped(model=weights))
    assert audit(wheel, notes, []).hits == {}


def test_counts_sizes_and_steps_are_no_text_of_notes(tmp_path):
    """De-identified notes hold nearly every number of four digits, and so do a package's own files."""
    notes = [" ".join(map(str, range(1000, 100_000, 7)))]
    wheel = tmp_path / "package.whl"
    moves = srsly.msgpack_dumps({"moves": json.dumps({"B-": {"Drug": 4792}}), "raw": b"\xff"})
    config = b"max_steps = 1001\ninitial_rate = 0.0002\n"
    wheel.write_bytes(zipped(moves=moves, RECORD=b"a.py,sha256=xx-x,2050\n", config=config))
    assert audit(wheel, notes, ["steps", "rate", "initial", "moves", "drug"]).hits == {}


VALUES = st.recursive(
    st.text(max_size=8) | st.integers(-(2**40), 2**40) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([srsly.json_dumps, srsly.msgpack_dumps]))
def test_every_string_of_a_file_is_a_leaf(value, dump):
    data = dump({"planted": [value, {"here": "Zorblattin"}]})
    leaves = list(read_leaves(data if isinstance(data, bytes) else data.encode()))
    assert "zorblattin" in collect_terms(leaves).words


@given(st.binary(max_size=200))
def test_no_bytes_break_the_search(data):
    assert all(isinstance(leaf, Leaf) for leaf in read_leaves(data))
