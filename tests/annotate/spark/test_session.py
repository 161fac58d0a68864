"""What is said where Spark cannot run, and when it gives up."""

import os
import subprocess
import sys

import pytest

from scripts.annotate.spark.session import check_java, explain
from scripts.cli import InputError
from tests.paths import ROOT

JAVA = "#!/bin/sh\necho 'openjdk version \"{}\" 2025-01-01' >&2\n"


def home_of(tmp_path, version: str) -> str:
    java = tmp_path / version / "bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA.format(version))
    java.chmod(0o755)
    return str(tmp_path / version)


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.1"])
def test_java_that_does(tmp_path, monkeypatch, version):
    monkeypatch.setenv("JAVA_HOME", home_of(tmp_path, version))
    check_java()


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", "nonsense"])
def test_java_that_does_not(tmp_path, monkeypatch, version):
    monkeypatch.setenv("JAVA_HOME", home_of(tmp_path, version))
    with pytest.raises(InputError, match="is of another version"):
        check_java()


def test_no_java(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="There is no Java here"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InputError, match="There is no Java here"):
        check_java()


def test_explain():
    """A worker's sentence is what counts; of anything else no more than its kind, as its message may quote a note."""
    traceback = "Traceback ...\nscripts.cli.InputError: On the worker a: en_x is not installed.\n\tat org.apache.spark"
    assert explain(RuntimeError(traceback)) == "On the worker a: en_x is not installed."
    assert "pain" not in explain(RuntimeError("She denies pain"))
    assert "RuntimeError" in explain(RuntimeError("She denies pain"))


def test_no_pyspark(tmp_path):
    """One sentence names what to install."""
    (tmp_path / "pyspark.py").write_text("raise ImportError\n")
    code = "from scripts.annotate.spark.session import open_session; open_session().__enter__()"
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert "InputError: PySpark is not installed: pip install -r requirements-spark.txt." in done.stderr
