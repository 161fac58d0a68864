"""What travels to a cluster's workers."""

import subprocess
import sys

import pyarrow as pa
import pytest
from pyspark.cloudpickle import dumps, register_pickle_by_value, unregister_pickle_by_value

import scripts
from scripts.annotate.spark.rows import read_notes
from scripts.annotate.spark.worker import annotate_notes, load_once
from scripts.cli import InputError
from tests.spark import PACKAGE

# In a process that has none of our modules
UNPACK = """
import importlib.util, pickle, sys
assert importlib.util.find_spec("scripts") is None
function = pickle.load(sys.stdin.buffer)
print(function.__name__, [name for name in sys.modules if name.startswith("scripts")])
"""


@pytest.mark.parametrize("function", [read_notes, annotate_notes])
def test_it_travels_without_our_modules(tmp_path, monkeypatch, function):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    register_pickle_by_value(scripts)
    try:
        packed = dumps(function)
    finally:
        unregister_pickle_by_value(scripts)
    done = subprocess.run([sys.executable, "-c", UNPACK], input=packed, cwd=tmp_path, capture_output=True)
    assert done.stdout.decode().strip() == f"{function.__name__} []", done.stderr.decode()


def test_another_build_is_refused(site):
    with pytest.raises(InputError, match="is another build than where the run was begun"):
        load_once(PACKAGE, {"model": "en_tiny_ward 1.0.0", "model_sha256": "another"})


def test_a_package_that_is_not_there(site):
    with pytest.raises(InputError, match="en_nowhere is not installed"):
        list(annotate_notes([pa.RecordBatch.from_pylist([])], "en_nowhere", {}, 0.0))
