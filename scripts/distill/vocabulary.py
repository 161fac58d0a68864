"""A BERT's vocabulary for medical English: pieces that the text does not use go, its frequent words come."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import BertForPreTraining, BertTokenizerFast

from scripts.cli import InputError
from scripts.corpus.texts import read_all_texts
from scripts.distill.encoder import LENGTH

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


class Pieces(NamedTuple):
    """A vocabulary: all its pieces, in the order of their numbers, and those among them that are new words."""

    all: list[str]
    new: list[str]


class Usage(NamedTuple):
    """How often a text uses each piece, and how many pieces it would save to have a word as one of its own."""

    used: Counter[str]
    saved: Counter[str]


def count_words(source: Path, tokenizer: BertTokenizerFast) -> Counter[str]:
    """How often each word (lower-cased, split at punctuation, as WordPiece sees it) occurs in the text."""
    backend, counts = tokenizer.backend_tokenizer, Counter()
    for text in tqdm(read_all_texts(source, Counter()), desc="Counting words", mininterval=5):
        normal = backend.normalizer.normalize_str(text)
        counts.update(word for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal))
    return counts


def count_usage(tokenizer: BertTokenizerFast, counts: Counter[str]) -> Usage:
    """Only words of more than three plain letters, and of more than one piece, can save any."""
    usage = Usage(Counter(), Counter())
    encoded = tokenizer.backend_tokenizer.encode_batch(list(counts), add_special_tokens=False)
    for (word, count), item in zip(counts.items(), encoded, strict=True):
        for piece in set(item.tokens):
            usage.used[piece] += count
        if len(item.tokens) > 1 and len(word) > 3 and word.isascii() and word.isalpha():
            usage.saved[word] = count * (len(item.tokens) - 1)
    return usage


def choose_pieces(tokenizer: BertTokenizerFast, counts: Counter[str], size: int, words: int, least: int) -> Pieces:
    """The pruned vocabulary, in the teacher's order (which is by frequency in general English), then the new words.

    size (int): Number of pieces, special ones included; fewer come out if the teacher has no more that serve.
    words (int): New whole words at most, the ones that save most pieces.
    least (int): A piece of the teacher's used so often in the text is kept; general English fills up to `size`.
    RAISES (InputError): What has to be kept is more than `size`.
    """
    usage = count_usage(tokenizer, counts)
    new = [word for word, _ in usage.saved.most_common(words)]
    teacher = [piece for piece in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))) if piece not in SPECIAL]
    kept = {piece for piece in teacher if usage.used[piece] >= least or is_plain_character(piece)}
    room = size - len(SPECIAL) - len(kept) - len(new)
    if room < 0:
        raise InputError(
            f"{len(kept):,} pieces and {len(new):,} new words do not fit in {size:,} (--size): raise --least, or lower"
            " --words."
        )
    kept.update([piece for piece in teacher if piece not in kept and is_general(piece)][:room])
    return Pieces([*SPECIAL, *(piece for piece in teacher if piece in kept), *new], new)


def is_plain_character(piece: str) -> bool:
    """One character (or its ## form) of Latin, Greek, punctuation, arrows or mathematics: what notes may hold."""
    character = piece.removeprefix("##")
    return len(character) == 1 and (ord(character) < 0x400 or 0x2000 <= ord(character) < 0x2300)


def is_general(piece: str) -> bool:
    """A piece of English, and not one like [unused0]."""
    return piece.removeprefix("##").isascii() and "[" not in piece


@torch.no_grad()
def replace_pieces(model: BertForPreTraining, tokenizer: BertTokenizerFast, pieces: Sequence[str]) -> None:
    """Give the model another vocabulary: each piece with its former embedding, a new word with the mean of its parts'.

    tokenizer (BertTokenizerFast): Of the former vocabulary.
    """
    embeddings = average_rows(pieces, tokenizer, model.bert.embeddings.word_embeddings.weight)
    biases = average_rows(pieces, tokenizer, model.cls.predictions.decoder.bias)
    model.resize_token_embeddings(len(pieces), mean_resizing=False)
    model.bert.embeddings.word_embeddings.weight.copy_(embeddings)
    model.cls.predictions.decoder.bias.copy_(biases)


def average_rows(pieces: Sequence[str], tokenizer: BertTokenizerFast, old: Tensor) -> Tensor:
    """The row of each piece; for a new word the mean of its former pieces'."""
    rows, vocabulary = [], tokenizer.get_vocab()
    for piece in pieces:
        known = vocabulary.get(piece)
        ids = tokenizer.encode(piece, add_special_tokens=False) if known is None else [known]
        rows.append(old[ids].mean(0))
    return torch.stack(rows)


def make_tokenizer(pieces: Sequence[str]) -> BertTokenizerFast:
    """An uncased tokenizer of these pieces."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf8")
        return BertTokenizerFast(str(path), do_lower_case=True, model_max_length=LENGTH)
