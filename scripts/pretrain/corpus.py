"""The unlabelled notes, read and laid into blocks in memory, with counts of all that there was."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm
from wasabi import msg

from scripts.corpus.texts import read_all_texts
from scripts.pretrain.blocks import Block
from scripts.pretrain.encoder import Encoder
from scripts.pretrain.notes import EncodedNote, encode_notes, hash_notes
from scripts.pretrain.parts import Parts, divide


class Corpus(NamedTuple):
    """The notes as blocks, with the hash of all their text, and how many there were of what."""

    parts: Parts
    hash: str
    counts: dict[str, Any]


def read_corpus(source: Path, encoder: Encoder) -> Corpus:
    """Read the notes and lay them into blocks, in memory.

    RAISES (InputError): They cannot be read, or are too short.
    """
    unused: Counter[str] = Counter()
    texts = tqdm(read_all_texts(source, unused), desc="Reading notes", unit=" notes")
    notes = list(encode_notes(texts, encoder.tokenizer))
    filled = [note for note in notes if len(note.ids)]
    parts = divide(filled, encoder.vocabulary, encoder.length)
    corpus = Corpus(parts, hash_notes(notes), count(notes, parts, unused))
    report(corpus)
    return corpus


def count(notes: Sequence[EncodedNote], parts: Parts, unused: Counter[str]) -> dict[str, Any]:
    """How many notes, blocks and pieces there are, and files that are no notes."""
    return {
        "notes": len(notes),
        "blank_notes": sum(not len(note.ids) for note in notes),
        "held_out_notes": parts.held_out_notes,
        "pieces": sum(len(note.ids) for note in notes),
        "train": count_blocks(parts.train),
        "held_out": count_blocks(parts.held_out),
        "unused_files": dict(sorted(unused.items())),
    }


def count_blocks(blocks: Sequence[Block]) -> dict[str, int]:
    return {"blocks": len(blocks), "pieces": sum(block.pieces for block in blocks)}


def report(corpus: Corpus) -> None:
    for suffix, number in corpus.counts["unused_files"].items():
        msg.info(f"{number:,} {suffix} files are no notes")
    train, held_out = len(corpus.parts.train), len(corpus.parts.held_out)
    msg.info(f"{corpus.counts['notes']:,} notes, {train:,} blocks to train on, {held_out:,} held out")
