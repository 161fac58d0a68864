"""Refuse to commit notes, and what may hold text of notes: corpora, predictions, tables, archives, weights.

python .ci/refuse_notes.py FILE...

Files are judged by their names alone, so that not even this reads a note; of notebooks the outputs have to be empty.
The names are relative to the project's folder, as pre-commit gives them.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

# Endings of notes and annotations, of what the commands write, of containers, and of weights, which may memorise text
ENDINGS = {
    ".txt", ".text", ".doc", ".docx", ".odt", ".rtf", ".pdf", ".htm", ".html", ".eml", ".hl7",
    ".con", ".concept", ".ast", ".rel", ".chains", ".ann", ".a1", ".a2", ".xml", ".xmi",
    ".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes", ".bilou", ".tsv", ".csv", ".xls", ".xlsx",
    ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".db", ".sqlite",
    ".spacy", ".pkl", ".pickle", ".npy", ".npz", ".log", ".bak", ".whl",
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar",
    ".safetensors", ".bin", ".pt", ".pth", ".onnx", ".model",
}  # fmt: skip
# Where such files are the project's own: invented notes, settings, templates, encoders made from openly licensed text
OWN = (
    "assets/sample/*",
    "scripts/serve/static/index.html",
    "tests/*",
    "benchmarks/results/*.jsonl",
    "encoders/*-compact/*.json",
    "encoders/*-compact/model.safetensors",
    "encoders/*-compact/vocab.txt",
    "requirements*.txt",
    "scripts/*/templates/*.jinja",
)
# What the commands make from notes, and the user's own archives: nothing in there is committed, whatever its name.
MADE = ("corpus/*", "training/*", "metrics/*", "packages/*", "exports/*", "annotated*/*", "assets/n2c2/*",
        "assets/text/*", "assets/teacher/*")  # fmt: skip
READABLE = ("assets/n2c2/README.md",)


def main(names: Iterable[str]) -> int:
    refused = [(name, reason) for name in names if (reason := refusal(PurePosixPath(name).as_posix()))]
    for name, reason in refused:
        print(f"{name}: {reason}")
    if refused:
        print("Notes and what was made from them are not committed: invent an example below tests/ or assets/sample/.")
    return bool(refused)


def refusal(name: str) -> str:
    """Why a file must not be committed, or nothing if it may be."""
    if matches(name, MADE) and name not in READABLE:
        return "lies where notes and what is made from them are kept"
    endings = {suffix.lower() for suffix in PurePosixPath(name).suffixes}
    if endings & ENDINGS and not matches(name, OWN):
        return f"may hold text of notes ({' '.join(sorted(endings & ENDINGS))})"
    if PurePosixPath(name).suffix == ".ipynb" and any(outputs(Path(name))):
        return "is a notebook with outputs; clear them"
    return ""


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def outputs(notebook: Path) -> Iterator[object]:
    for cell in json.loads(notebook.read_text(encoding="utf8"))["cells"]:
        yield from cell.get("outputs", [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
