"""Package a trained pipeline as a wheel that `pip install` and `spacy.load` take.

python -m scripts.package training/sample/bert/model-best metrics/sample/bert.json corpus/sample packages \
    --name medner_bert --version 1.2.3

The wheel is searched for text of the notes before it is kept; the result lies beside it.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError
from scripts.corpus.terms import are_sources, read_terms
from scripts.files import hash_file, read_json, whole_folder
from scripts.package.meta import FROM_METRICS, meta_fields

if TYPE_CHECKING:
    from scripts.package.audit import Audit

NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")  # what setuptools leaves as it is
NUMBER = "(0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}(\.{NUMBER})*((a|b|rc|\.post|\.dev){NUMBER})*")  # PEP 440, spelt as wheels spell it


def main(
    model: Annotated[Path, typer.Argument(help="Folder of the trained pipeline")],
    metrics: Annotated[Path, typer.Argument(help="Its results of `evaluate`, .json")],
    corpus: Annotated[Path, typer.Argument(help="Folder of the converted corpus that it was trained on")],
    output: Annotated[Path, typer.Argument(help="Folder for the packages")],
    name: Annotated[str, typer.Option(help="Name without the language, e.g. medner_bert")],
    version: Annotated[str, typer.Option(help="Version of the package")],
    show_text: Annotated[
        bool, typer.Option("--show-text", help="If the wheel holds text of the notes, print it")
    ] = False,
) -> None:
    """Write OUTPUT/en_NAME-VERSION with the wheel in its dist folder."""
    # Imported here, so that --help does not wait for spaCy and torch
    from scripts.package.audit import audit
    from scripts.package.build import LANG, build_wheel, check_loads, make_package
    from scripts.package.known import general_text, read_notes

    check_names(name, version)
    trained = read_json(model / "meta.json", "train the model")
    results = read_json(metrics, "evaluate the model", "test_sha256", *FROM_METRICS)
    sources = check_sources(trained, results, corpus)
    fields = meta_fields(results, sources)
    full_name = f"{LANG}_{name}-{version}"
    with tempfile.TemporaryDirectory() as folder, whole_folder(output / full_name) as destination:
        meta = Path(folder, "meta.json")
        srsly.write_json(meta, {**trained, **fields})
        source = make_package(model, Path(folder), meta, name, version, results["encoder"])
        wheel = build_wheel(source)
        check_loads(wheel)
        result = audit(wheel, read_notes(corpus), general_text(model, fields, name, version))
        check_audit(result, show_text)
        srsly.write_json(wheel.with_suffix(".whl.audit.json"), result.to_json())
        shutil.copytree(source, destination, dirs_exist_ok=True)
    msg.good(f"Packaged {output / full_name}")


def check_names(name: str, version: str) -> None:
    """RAISES (InputError): No Python package can be called so."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a package: give one such as medner_bert, in lower-case letters.")
    if not VERSION.fullmatch(version):
        raise InputError(f"{version!r} cannot be the version of a package: give one such as 0.1.0.")


def check_sources(trained: dict[str, Any], results: dict[str, Any], corpus: Path) -> list[dict[str, str]]:
    """The notes that a model learnt from, with their terms, as `train` stated them.

    RAISES (InputError): It learnt from other notes than those of the corpus, or was scored on others.
    """
    sources = trained.get("sources")
    if not are_sources(sources):
        raise InputError("The model does not state which notes it learnt from: train it again.")
    name = read_terms(corpus).corpus
    if sources[0]["name"] != name:
        raise InputError(f"The model learnt from {sources[0]['name']}, but {corpus} holds {name}: give its own corpus.")
    if sources[0].get("sha256") != hash_file(corpus / "train.spacy"):
        raise InputError(f"The model learnt from other notes than {corpus} holds now: train it again.")
    if results["test_sha256"] != hash_file(corpus / "test.spacy"):
        raise InputError(f"The model was scored on other notes than {corpus} holds now: evaluate it again.")
    return sources


def check_audit(result: "Audit", show_text: bool) -> None:
    """RAISES (InputError): The wheel holds text of the notes."""
    for file, (words, phrases) in result.hits.items() if show_text else ():
        msg.warn(f"{file}: {', '.join(sorted([*words, *map(' '.join, phrases)]))}")
    if result.hits:
        found = ", ".join(f"{file} ({len(words) + len(phrases):,})" for file, (words, phrases) in result.hits.items())
        raise InputError(
            f"The wheel was not kept, for it holds words of the notes that are not the encoder's: {found}. See them"
            " with --show-text, and take out what put them there."
        )


if __name__ == "__main__":
    cli.run(main)
