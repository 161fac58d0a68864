"""Package a trained pipeline as a wheel that `pip install` and `spacy.load` take.

python -m scripts.package training/sample/bert/model-best metrics/sample/bert.json corpus/sample packages \
    --name medner_bert --version 0.1.0

The wheel is searched for text of the notes before it is kept; the result lies beside it.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, cast

import srsly
import typer
from packaging.version import Version
from spacy.cli.package import package
from spacy.pipeline import TrainablePipe
from spacy.util import load_config
from wasabi import msg

from scripts import cli
from scripts.audit import Audit, audit, read_leaves
from scripts.corpora import CORPORA
from scripts.docs import create_nlp, read_docs
from scripts.evaluate import load_model, read_json
from scripts.note import InputError
from scripts.output import whole_folder
from scripts.split import SPLITS
from scripts.strings import reset_strings

LANG = "en"
CONFIGS = Path(__file__).parents[1] / "configs"
# The registered functions that the pipeline needs; files that travel import nothing of ours.
TRAVELLING_CODE = [
    Path(__file__).with_name(f"{name}.py")
    for name in ("architectures", "callbacks", "recognizer", "tokenizer", "threads")
]
# Installed with the package, each in the range that was tried: this version and its later patches.
REQUIREMENTS = ("spacy", "spacy-transformers", "transformers", "torch")


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
    trained = read_json(model / "meta.json", "train the model")
    results = read_json(metrics, "evaluate the model")
    full_name = f"{LANG}_{name}-{version}"
    with tempfile.TemporaryDirectory() as folder, whole_folder(output / full_name) as destination:
        meta = Path(folder, "meta.json")
        srsly.write_json(meta, {**trained, **card(results, trained.get("sources", []))})
        package(model, Path(folder), meta, TRAVELLING_CODE, name=name, version=version, silent=False,
                create_sdist=False)  # fmt: skip
        source = Path(folder, full_name)
        pipeline = source / f"{LANG}_{name}" / full_name
        _clear_paths(pipeline / "config.cfg", results["encoder"])
        reset_strings(pipeline)
        wheel = _build_wheel(source)
        result = audit(wheel, read_notes(corpus), general_text(pipeline, meta))
        check_audit(result, show_text)
        srsly.write_json(wheel.with_suffix(".whl.audit.json"), result.to_json())
        shutil.copytree(source, destination, dirs_exist_ok=True)
    msg.good(f"Packaged {output / full_name}")


def general_text(model: Path, meta: Path) -> Iterator[str]:
    """What may stand in the wheel, for no note put it there.

    These are the encoder's tokenizer, the names of settings and layers, spaCy's strings, our code, configs and card.
    """
    nlp = load_model(model)
    transformer, ner = (cast(TrainablePipe, nlp.get_pipe(name)) for name in ("transformer", "ner"))
    encoder: Any = transformer.model.shims[0]
    tokenizer = encoder._hfmodel.tokenizer
    yield from (leaf.text for leaf in read_leaves(tokenizer.backend_tokenizer.to_str().encode()))
    yield from (*tokenizer.init_kwargs, *encoder._model.config.to_dict(), *cast(Any, ner).cfg)
    for layer in (node for pipe in (transformer, ner) for node in pipe.model.walk()):
        yield from (layer.name, *layer.param_names, *layer.dim_names, *layer.ref_names, *layer.attrs)
    yield from create_nlp().vocab.strings
    yield from (path.read_text(encoding="utf8") for path in (*TRAVELLING_CODE, *CONFIGS.glob("*.cfg")))
    yield from (leaf.text for leaf in read_leaves(meta.read_bytes()))


def read_notes(corpus: Path) -> Iterator[str]:
    """The text of all notes of a corpus."""
    for split in SPLITS:
        yield from (doc.text for doc in read_docs(corpus / f"{split}.spacy", create_nlp().vocab))


def check_audit(result: Audit, show_text: bool) -> None:
    """RAISES (InputError): The wheel holds text of the notes."""
    for file, (words, phrases) in result.hits.items() if show_text else ():
        msg.warn(f"{file}: {', '.join(sorted([*words, *map(' '.join, phrases)]))}")
    if result.hits:
        found = ", ".join(f"{file} ({len(words) + len(phrases):,})" for file, (words, phrases) in result.hits.items())
        raise InputError(
            f"The wheel was not kept, for it holds words of the notes that are not the encoder's: {found}. See them"
            " with --show-text, and take out what put them there."
        )


def card(metrics: dict[str, Any], adapted: list[dict[str, str]]) -> dict[str, Any]:
    """The fields of meta.json, from which spaCy also writes the package's README.

    metrics (dict[str, Any]): As `evaluate` writes it.
    adapted (list[dict[str, str]]): Name and licence of the notes that the encoder was adapted to, if it was.
    RETURNS (dict[str, Any]): Description, licence, sources, scores on the test notes, requirements.
    """
    corpus, encoder = metrics["corpus"], metrics["encoder"]
    licence = CORPORA[corpus].licence if corpus in CORPORA else f"the terms of {corpus}"
    notes = [{"name": corpus, "license": licence}, *adapted]
    terms = [source["license"] for source in notes if source["license"] != "CC0-1.0"]
    scores = ("ents_p", "ents_r", "ents_f", "token_accuracy", "ents_per_type")
    return {
        "description": f"Medical named entities: {encoder} fine-tuned on {corpus} with medner.",
        "author": "medner",
        "license": terms[0] if terms else "MIT",
        "sources": [notes[0], {"name": encoder, "license": "see the encoder"}, *adapted],
        "performance": {key: metrics[key] for key in scores},
        "notes": (
            f"The code is under the MIT licence; the notes of {corpus} that it was trained on: {licence}."
            f" Scores are strict matches on its {metrics['notes']} test notes,"
            f" {metrics['support']:,} mentions. The wheel was searched for words and 3-grams of the notes, and none was"
            " found; what the weights may have memorised, no such search can tell."
        ),
        "requirements": [_tried_range(name) for name in REQUIREMENTS],
    }


def _tried_range(name: str) -> str:
    tried = Version(installed_version(name))
    return f"{name}>={tried.base_version},<{tried.major}.{tried.minor + 1}.0"


def _clear_paths(path: Path, encoder: str) -> None:
    """Take the paths of the machine that trained out of a pipeline's config; nothing loads them."""
    config = load_config(path)
    config["paths"] = dict.fromkeys(config["paths"])
    config["components"]["transformer"]["model"]["name"] = encoder
    config.to_disk(path)


def _build_wheel(source: Path) -> Path:
    # Not isolated: that would fetch setuptools from the index, which a closed network does not have.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise InputError(f"The wheel could not be built: {built.stdout[-300:]}{built.stderr[-300:]}")
    for leftover in (source / "build", *source.glob("*.egg-info")):
        shutil.rmtree(leftover, ignore_errors=True)
    (wheel,) = source.glob("dist/*.whl")
    return wheel


if __name__ == "__main__":
    cli.run(main)
