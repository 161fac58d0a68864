"""Unlabelled notes and tiny encoders whose vocabularies know their words, for the tests of their training."""

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import AlbertConfig, AlbertModel, AutoTokenizer

from scripts.archives import read_files
from tests import encoders
from tests.helpers import write_files
from tests.paths import ROOT

NAMES = ("bert", "albert", "albert-wordpiece")


def sample_texts(count: int = 40) -> list[str]:
    """Notes of the sample, which are invented."""
    files = [file for file in read_files(ROOT / "assets/sample/concepts") if file.path.suffix == ".txt"]
    return [file.data.decode() for file in files][:count]


def write_notes(folder: Path, texts: Sequence[str]) -> Path:
    """Write the texts as a folder of all kinds of files, with a note longer than a block and a blank one."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts[:30])
    one_a_file = {f"{number}.txt": text for number, text in enumerate(texts[30:])}
    return write_files(folder, {"a/notes.jsonl": lines, "scan.pdf": b"x", "blank.txt": " \n", **one_a_file})


def build_encoders(folder: Path, texts: Sequence[str]) -> Path:
    """Write a tiny encoder into a folder by each name, none of which has a head."""
    lines = [line for text in texts for line in text.splitlines() if line]
    for name, build in zip(NAMES, (encoders.build_bert, encoders.build_albert, encoders.build_bert), strict=True):
        (folder / name).mkdir()
        build(lines, folder / name)
    last = folder / NAMES[2]
    size = len(AutoTokenizer.from_pretrained(last))
    AlbertModel(AlbertConfig(vocab_size=size, embedding_size=32, **encoders.SHAPE)).save_pretrained(last)
    return folder
