"""A Spark cluster on this machine, and a small pipeline package for its workers."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import spacy
import srsly

from scripts.cli import InputError

PACKAGE = "en_tiny_ward"
PATTERNS = [{"label": "problem", "pattern": "pain"}, {"label": "test", "pattern": "EKG"}]
# What a note can make the pipeline do: fail, be the one that the test waits for, or end its process.
CODE = """
import importlib.util, os, signal, time
from pathlib import Path
from spacy.language import Language
from spacy.util import load_model_from_init_py

GATE = Path(os.environ.get("MEDNER_TEST_GATE", "/nowhere"))


@Language.component("tiny_ward_acts")
def act(doc):
    if "quillwort" in doc.text:
        raise ValueError(doc.text)
    if "scripts here" in doc.text and GATE.is_dir() and importlib.util.find_spec("scripts"):
        raise ImportError
    if "gate" in doc.text and GATE.is_dir():
        (GATE / f"reached-{os.getpid()}").touch()
        while not (GATE / "open").exists():
            time.sleep(0.05)
    if "twice" in doc.text and GATE.is_dir() and len(list(GATE.glob("ended-*"))) < 2:
        (GATE / f"ended-{time.time_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return doc


def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
"""


def why_not() -> str:
    """Why Spark cannot be tried here; "" where it can."""
    try:
        import pyspark  # noqa: F401

        from scripts.annotate.spark.session import check_java

        check_java()
    except ImportError:
        return "PySpark is not installed"
    except InputError as error:
        return str(error)
    return ""


def write_package(site: Path) -> Path:
    """Make the pipeline a package that Python finds in a folder."""
    folder = site / PACKAGE
    nlp = spacy.blank("en")
    nlp.meta["name"], nlp.meta["version"] = "tiny_ward", "1.0.0"
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)  # type: ignore[attr-defined]
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(CODE, encoding="utf8")
    sys.path.insert(0, str(site))
    try:
        __import__(PACKAGE)  # registers the component
        nlp.add_pipe("tiny_ward_acts")
    finally:
        sys.path.remove(str(site))
    nlp.to_disk(folder / f"{PACKAGE}-1.0.0")
    shutil.copy(folder / f"{PACKAGE}-1.0.0" / "meta.json", folder)
    info = site / f"{PACKAGE}-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0.0\n", encoding="utf8")
    return site


class Cluster(NamedTuple):
    """A master and its workers, all on the loopback, and none with our code.

    url (str): Of the master.
    gate (Path): The folder by which notes wait; they leave a file there, and go on when there is one called open.
    env (dict[str, str]): For a driver.
    """

    url: str
    gate: Path
    env: dict[str, str]


@contextmanager
def cluster(folder: Path, site: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a standalone cluster of workers with one core each; end it with the block.

    folder (Path): Its work folder, to be made.
    site (Path): Where its Python finds packages beside its own.
    """
    import pyspark

    (folder / "gate").mkdir(parents=True)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPARK_HOME")}
    env |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    env |= {"PYTHONPATH": str(site), "MEDNER_TEST_GATE": str(folder / "gate"), "OMP_NUM_THREADS": "1"}
    start = [str(Path(pyspark.__file__).parent / "bin/spark-class"), "org.apache.spark.deploy"]
    port, processes = free_port(), []

    def launch(kind: str, *arguments: str) -> None:
        with (folder / f"{kind}-{len(processes)}.log").open("wb") as log:
            command = [start[0], f"{start[1]}.{kind}", "--host", "127.0.0.1", *arguments]
            processes.append(subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log))

    try:
        url = f"spark://127.0.0.1:{port}"
        launch("master.Master", "--port", str(port), "--webui-port", str(free_port()))
        for number in range(workers):
            launch("worker.Worker", "--cores", "1", "--memory", "1g", "--webui-port", str(free_port()),
                   "--work-dir", str(folder / f"work{number}"), url)  # fmt: skip
        wait_for(lambda: (folder / "master.Master-0.log").read_text().count("Registering worker") == workers)
        yield Cluster(url, folder / "gate", env)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(true: Any, seconds: float = 300) -> None:
    """Wait until something is true; the time is for what never will be."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def read_output(folder: Path) -> list[dict[str, Any]]:
    """The rows of all files, in order of the ids."""
    rows = [row for path in folder.glob("part-*.parquet") for row in pq.read_table(path).to_pylist()]
    rows += [row for path in folder.glob("part-*.json") for row in srsly.read_jsonl(path)]
    return sorted(rows, key=lambda row: (row["id"], json.dumps(row)))
