"""Compare evaluated models: is the difference real, what goes wrong, in tables and in one report to read.

python -m scripts.compare metrics/sample metrics/sample/bert.json metrics/sample/albert.json \
    --corpus corpus/sample --training training/sample

Runs of one model with several seeds are named MODEL-seedN.json; they are averaged.
"""

from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from scripts import cli
from scripts.compare.comparison import compare
from scripts.compare.summary import print_comparison
from scripts.corpus.terms import CONVERSION, read_terms
from scripts.files import read_json, whole_file


def main(
    output: Annotated[Path, typer.Argument(help="Folder for comparison.json, comparison.md and report.html")],
    metrics: Annotated[list[Path], typer.Argument(help="Results of `evaluate`, .json")],
    corpus: Annotated[Path, typer.Option(help="Folder of the converted corpus")],
    training: Annotated[Path, typer.Option(help="Folder with the models' log.jsonl")],
    show_text: Annotated[bool, typer.Option("--show-text", help="Show example errors, with text of the notes")] = False,
) -> None:
    """Compare the models that METRICS were measured of, and write the report."""
    # Imported here, so that --help does not wait for spaCy and torch
    from scripts.compare.examples import find_examples
    from scripts.compare.report import render_html, render_markdown

    results = [read_json(path, "evaluate the model") for path in metrics]
    comparison = compare(results)
    logs = {result["model"]: read_log(training / result["model"] / "log.jsonl") for result in results}
    ledger = read_json(corpus / CONVERSION, "convert the corpus")
    shown = show_text or read_terms(corpus).open
    examples = find_examples(corpus / "test.spacy", metrics) if shown else None
    pages = {
        "comparison.json": srsly.json_dumps(comparison, indent=2),
        "comparison.md": render_markdown(comparison),
        "report.html": render_html(comparison, logs, ledger, examples),
    }
    for name, page in pages.items():
        with whole_file(output / name) as path:
            path.write_text(page, encoding="utf8")
    print_comparison(comparison)
    msg.good(f"Compared {len(comparison['models'])} models, see {output / 'report.html'}")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a training's log, one for each evaluation; none, with a warning, if there is no log."""
    if not path.is_file():
        msg.warn(f"{path} does not exist: the report has no training curve of this model.")
        return []
    return list(srsly.read_jsonl(path))  # type: ignore[arg-type]


if __name__ == "__main__":
    cli.run(main)
