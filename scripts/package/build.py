"""The wheel of a pipeline: spaCy's own package, with the code that travels as a sub-package of its own."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from spacy import about
from spacy.cli.package import package
from spacy.util import get_minor_version_range, load_config, registry
from thinc.api import Config

from scripts import runtime
from scripts.cli import InputError
from scripts.corpus.pipelines import reset_strings
from scripts.package.meta import RANGES
from scripts.runtime import architectures, component, fork, ner, tokenizer  # noqa: F401  (fill NAMES)

LANG = "en"
RUNTIME = Path(runtime.__file__).parent  # what travels
# Of the two files that spaCy (3.8) generates, the lines that do not know of a sub-package and of what it registers
INIT = (
    "get_model_meta\n",
    "get_model_meta\n\nfrom .runtime import architectures, assertion, component, fork, ner, tokenizer\n",
)
SETUP = ("packages=[model_name],", "packages=[model_name, model_name + '.runtime'],")
POINTS = "entry_points={'spacy_models': ['{m} = {m}'.format(m=model_name)]}"
REGISTRIES = (
    "architectures",
    "factories",
    "scorers",
    "tokenizers",
)  # of spaCy's, in which the code that travels registers
VERSIONED = re.compile(r"[._][0-9a-f]{8}$")  # the end of a name that a package registers
CODE = 'CODE = ""'  # in the runtime's __init__.py


def make_package(model: Path, folder: Path, meta: Path, name: str, version: str, encoder: str) -> Path:
    """Lay out a package, with no path of this machine, no string of the notes, and the code that its pipeline needs.

    spaCy's `package` imports each file of code alone, so it cannot take modules that import each other.

    folder (Path): Where to make it.
    meta (Path): Its meta.json.
    encoder (str): Name of the encoder, in place of its path.
    RETURNS (Path): Its folder.
    """
    package(model, folder, meta, name=name, version=version, silent=False, create_sdist=False)
    full_name = f"{LANG}_{name}"
    source = folder / f"{full_name}-{version}"
    state_versions(source)
    code = add_runtime(source, source / full_name)
    pipeline = pipeline_of(source)
    config = pin_names(load_config(pipeline / "config.cfg"), code)
    clear_paths(config, encoder).to_disk(pipeline / "config.cfg")
    reset_strings(pipeline)
    return source


def pipeline_of(source: Path) -> Path:
    """The folder of the pipeline in a package's folder."""
    (config,) = source.glob("*/*/config.cfg")
    return config.parent


def state_versions(source: Path) -> None:
    """Say which versions of spaCy a package takes; spaCy's `package` states the one that runs and its later patches."""
    for path in [*source.rglob("meta.json"), *source.rglob("README.md")]:
        text = path.read_text(encoding="utf8")
        path.write_text(text.replace(get_minor_version_range(about.__version__), RANGES["spacy"]), encoding="utf8")


def add_runtime(source: Path, module: Path) -> str:
    """Copy the code that travels into a package, which imports it.

    RETURNS (str): The digest of the code, which its registered names end in.
    """
    code = code_digest()
    (module / "runtime").mkdir()
    for path in code_files():
        shutil.copy(path, module / "runtime")
    _replace(module / "runtime" / "__init__.py", CODE, f'CODE = "{code}"')
    _replace(module / "__init__.py", *INIT)
    _replace(source / "setup.py", *SETUP)
    _replace(source / "setup.py", POINTS, f"{POINTS[:-1]}, **{entry_points(module.name, code)!r}}}")
    return code


def entry_points(module: str, code: str) -> dict[str, list[str]]:
    """Where spaCy finds what a package registers, as long as it is installed, without an import of the package.

    module (str): The package's name for Python.
    code (str): The digest of its code.
    RETURNS (dict[str, list[str]]): By the name that spaCy gives to each registry's entry points.
    """
    points: dict[str, list[str]] = {f"spacy_{group}": [] for group in REGISTRIES}
    for name in sorted(runtime.NAMES):
        (group,) = (group for group in REGISTRIES if registry.has(group, name))
        function = getattr(registry, group).get(name)
        place = f"{module}.runtime{function.__module__.removeprefix(runtime.__name__)}:{function.__name__}"
        points[f"spacy_{group}"].append(f"{runtime.versioned(name, code)} = {place}")
    return points


def code_files() -> list[Path]:
    """The files of the code that travels; what else may lie beside them, such as an editor's copy, does not."""
    return sorted(RUNTIME.glob("*.py"))


def code_digest() -> str:
    """A short hash of the code that travels: two packages share a registered name only if it means the same code."""
    digest = hashlib.sha256()
    for path in code_files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


def pin_names(config: Config, code: str) -> Config:
    """The config with the names of our registered functions as the package's own code registers them.

    code (str): The digest of that code.
    RAISES (InputError): A name stands for the code of another package, or for none.
    """

    def pin(section: dict[str, Any]) -> dict[str, Any]:
        return {key: pin_value(key, value) for key, value in section.items()}

    def pin_value(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return pin(value)
        is_ours = (key.startswith("@") or key == "factory") and value.startswith("medner")
        return pin_name(value, code) if is_ours else value

    pinned = Config(config)
    for section in ("nlp", "components"):  # the others are for training, whose code does not travel
        pinned[section] = pin(config[section])
    return pinned


def pin_name(name: str, code: str) -> str:
    """RAISES (InputError): The name stands for the code of another package, or for none."""
    base = VERSIONED.sub("", name)
    if base not in runtime.NAMES:
        raise InputError(f"The pipeline needs {name}, which no code that travels registers: train it again.")
    pinned = runtime.versioned(base, code)
    if name not in (base, pinned):
        raise InputError(f"The pipeline needs {name}, the code of another package: package it where it was made.")
    return pinned


def clear_paths(config: Config, encoder: str) -> Config:
    """The config without the paths of the machine that trained; nothing loads them."""
    config["paths"] = dict.fromkeys(config["paths"])
    config["components"]["transformer"]["model"]["name"] = encoder
    return config


def build_wheel(source: Path) -> Path:
    """RAISES (InputError): setuptools cannot build it."""
    # Not isolated: that would fetch setuptools from the index, which a closed network does not have.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise InputError(f"The wheel could not be built: {built.stdout[-300:]}{built.stderr[-300:]}")
    for leftover in (source / "build", *source.glob("*.egg-info")):
        shutil.rmtree(leftover, ignore_errors=True)
    (wheel,) = source.glob("dist/*.whl")
    return wheel


def check_loads(wheel: Path) -> None:
    """Unpack a wheel, and load its pipeline in a process of its own, as whoever installs it would.

    RAISES (InputError): It does not load.
    """
    module = wheel.name.partition("-")[0]
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        command = [sys.executable, "-c", f"import {module}; {module}.load()('Given aspirin .')"]
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"The package does not load: {done.stderr.strip()[-300:]}")


def _replace(path: Path, old: str, new: str) -> None:
    """RAISES (RuntimeError): The text does not stand in the file exactly once, so this spaCy writes another one."""
    text = path.read_text(encoding="utf8")
    if text.count(old) != 1:
        raise RuntimeError(f"{path.name} has not one '{old.strip()}': it is of another version than was tried.")
    path.write_text(text.replace(old, new), encoding="utf8")
