"""One reader a corpus format: `recognises(file)` an annotation file, `read(files)` into Notes."""

from collections.abc import Sequence
from types import ModuleType

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.formats import (
    a1,
    bioc,
    brat,
    con,
    conll,
    i2b2_2006,
    i2b2_2009,
    i2b2_2012,
    i2b2_2014,
    i2b2_2014_risk,
    jsonl,
    n2c2_2019,
    n2c2_2022_1,
    offset_table,
    pubtator,
    spacy_docs,
    xmi,
)

# A file is of the first format that recognises it.
FORMATS: dict[str, ModuleType] = {
    "con": con,
    "brat": brat,
    "a1": a1,
    "i2b2-2006": i2b2_2006,
    "i2b2-2009": i2b2_2009,
    "i2b2-2012": i2b2_2012,
    "i2b2-2014-risk": i2b2_2014_risk,
    "i2b2-2014": i2b2_2014,
    "n2c2-2019": n2c2_2019,
    "n2c2-2022-1": n2c2_2022_1,
    "jsonl": jsonl,
    "pubtator": pubtator,
    "bioc": bioc,
    "offset-table": offset_table,
    "spacy": spacy_docs,
    "xmi": xmi,
    "conll": conll,
}


def choose_labels(format: str, labels: str) -> dict[str, str]:
    """What a reader takes to choose which of its labels mentions have; nothing if that is left to it.

    labels (str): One of the `LABELS` of the format, or "".
    RAISES (InputError): The format has no such choice.
    """
    known = getattr(FORMATS[format], "LABELS", ())
    if labels and labels not in known:
        choices = f"it takes {' or '.join(known)}" if known else "its labels are as they stand"
        raise InputError(f"--labels {labels} cannot be chosen for {format}: {choices}.")
    return {"labels": labels} if labels else {}


def detect(files: Sequence[File]) -> str:
    """The name of the format that the files are in.

    RAISES (InputError): None of the formats is there, or more than one.
    """
    formats = {next((name for name, format in FORMATS.items() if format.recognises(file)), "") for file in files}
    found = [name for name in FORMATS if name in formats]
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"The corpus holds {' and '.join(found)} files: name the format to read with --format."
        if found
        else "The corpus is empty: no .con, .ann or CoNLL (.conll, .tsv, .iob, .bio) file in it."
    )
