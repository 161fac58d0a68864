"""The finished package that is to go up: its wheel, the audit of it, and under what terms its notes stand."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

from scripts.cli import InputError
from scripts.corpus.terms import CONVERSION, closed_sources
from scripts.files import read_json


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
    if audit.get("sha256") != hashlib.sha256(wheel.read_bytes()).hexdigest():
        raise InputError(f"{path} is the audit of another wheel than {wheel.name}: package the model again.")
    return audit


def unpack(wheel: Path, folder: Path) -> Path:
    """Lay out what goes up, all of it from the wheel, since that is what was searched.

    RETURNS (Path): A folder with the pipeline's files and the wheel.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (config,) = folder.glob("*/*/config.cfg")
    shutil.copy(wheel, config.parent)
    return config.parent


def check_terms(meta: dict[str, Any], i_may_share: bool) -> None:
    """RAISES (InputError): The notes that the model, or before it the encoder, learnt from stand under terms."""
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
    """The ledger of the corpus that the model learnt from.

    RAISES (InputError): It is not there, or the corpus was converted again since.
    """
    path = corpora / meta["sources"][0]["name"] / CONVERSION
    ledger = read_json(path, "convert the corpus")
    scored = sum(scores["support"] for scores in meta["performance"]["ents_per_type"].values())
    if ledger["splits"]["test"]["entities"] != scored:
        raise InputError(f"{path} counts other test notes than the package was scored on: package the model again.")
    return ledger
