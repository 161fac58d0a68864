"""The finished package that is to go up: its wheel, the audit of it, and under what terms its notes stand."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

from scripts.cli import InputError
from scripts.corpus.terms import CONVERSION, are_sources, closed_sources
from scripts.files import hash_file, read_json


def find_wheel(package: Path) -> Path:
    wheels = list(package.glob("dist/*.whl"))
    if len(wheels) != 1:
        raise InputError(f"{package / 'dist'} holds {len(wheels)} wheels instead of one: package the model first.")
    return wheels[0]


def read_audit(wheel: Path) -> dict[str, Any]:
    """The result of the search for text of the notes that lies beside a wheel.

    RAISES (InputError): There is none, it found text, or it is that of another wheel.
    """
    path = wheel.with_suffix(".whl.audit.json")
    audit = read_json(path, "package the model")
    if audit.get("hits") != 0:
        raise InputError(f"{path} does not say that the wheel is free of text of the notes: package the model again.")
    if audit.get("sha256") != hash_file(wheel):
        raise InputError(f"{path} is the audit of another wheel than {wheel.name}: package the model again.")
    return audit


def unpack(wheel: Path, folder: Path) -> Path:
    """Lay out what goes up, all of it from the wheel, since that is what was searched.

    RETURNS (Path): A folder with the pipeline's files and the wheel.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    configs = list(folder.glob("*/*/config.cfg"))
    if len(configs) != 1:
        raise InputError(f"{wheel.name} holds {len(configs)} pipelines instead of one: package the model again.")
    shutil.copy(wheel, configs[0].parent)
    return configs[0].parent


def check_terms(meta: dict[str, Any], i_may_share: bool) -> None:
    """RAISES (InputError): The notes that the model, or before it the encoder, learnt from stand under terms."""
    if not are_sources(meta["sources"]) or len(meta["sources"]) < 2:
        raise InputError("The package does not state which notes its model learnt from: package the model again.")
    corpus, _, *adapted = meta["sources"]
    closed = closed_sources([corpus, *adapted])
    if closed and not i_may_share:
        raise InputError(
            f"The model learnt from {closed[0]['name']}, which stands under {_the(closed[0]['license'])}: give"
            " --i-may-share if that lets you share it."
        )


def _the(licence: str) -> str:
    return licence if licence.startswith("the ") else f"the {licence}"


def read_ledger(corpora: Path, meta: dict[str, Any]) -> dict[str, Any]:
    """The ledger of the corpus that the model learnt from, found by the name that `convert` was given.

    corpora (Path): The folder of all converted corpora.
    RAISES (InputError): It is not there, or the corpus was converted again since.
    """
    name = meta["sources"][0]["name"]
    paths = sorted(corpora.glob(f"*/{CONVERSION}"))
    ledgers = [read_json(path, "convert the corpus", "corpus", "splits") for path in paths]
    found = [ledger for ledger in ledgers if ledger["corpus"] == name]
    if not found:
        raise InputError(f"{corpora} holds no corpus that was converted as {name}: convert it first.")
    scored = sum(scores["support"] for scores in meta["performance"]["ents_per_type"].values())
    for ledger in found:
        if ledger["splits"]["test"]["entities"] == scored:
            return ledger
    raise InputError(f"{name} in {corpora} has other test notes than the package was scored on: package it again.")
