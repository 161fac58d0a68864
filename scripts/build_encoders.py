"""Build small BERT and ALBERT encoders with random weights, their vocabularies learnt from the sample notes.

They let the whole project run without network until pretrained encoders are given; seeded, so the same
call makes the same encoders.

python -m scripts.build_encoders assets/sample encoders
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import sentencepiece
import torch
import typer
from tokenizers import BertWordPieceTokenizer
from transformers import (
    AlbertConfig,
    AlbertModel,
    AlbertTokenizerFast,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from wasabi import msg

from scripts import cli
from scripts.formats.files import decode, read_files
from scripts.note import InputError
from scripts.output import whole_folder

SEED = 42
MAX_PIECES = 512  # positions


def main(
    notes: Annotated[Path, typer.Argument(help="Folder whose .txt files the vocabularies are learnt from")],
    output: Annotated[Path, typer.Argument(help="Folder for bert-small and albert-small")],
    vocabulary: Annotated[int, typer.Option(help="Wordpieces of each vocabulary")] = 4000,
    hidden: Annotated[int, typer.Option(help="Width of the hidden states")] = 128,
    layers: Annotated[int, typer.Option(help="Transformer layers")] = 4,
) -> None:
    """Write OUTPUT/bert-small and OUTPUT/albert-small, as Hugging Face folders."""
    lines = [
        line
        for file in read_files(notes)
        if file.path.suffix == ".txt"
        for line in decode(file).splitlines()
        if line.strip()
    ]
    if not lines:
        raise InputError(f"{notes} has no .txt files to learn a vocabulary from.")
    for name, build in (("bert-small", build_bert), ("albert-small", build_albert)):
        with whole_folder(output / name) as folder:
            build(lines, folder, vocabulary, hidden, layers)
        msg.good(f"Built {output / name}")


def build_bert(lines: Sequence[str], folder: Path, vocabulary: int, hidden: int, layers: int) -> None:
    """Write a BERT with a WordPiece vocabulary learnt from the lines."""
    learnt = BertWordPieceTokenizer(lowercase=True)
    learnt.train_from_iterator(lines, vocab_size=vocabulary, min_frequency=2, show_progress=False)
    learnt.save_model(str(folder))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=MAX_PIECES)
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        intermediate_size=4 * hidden,
        max_position_embeddings=MAX_PIECES,
    )
    _save(BertModel(config), tokenizer, folder)


def build_albert(lines: Sequence[str], folder: Path, vocabulary: int, hidden: int, layers: int) -> None:
    """Write an ALBERT with a SentencePiece vocabulary learnt from the lines."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line.lower() for line in lines]),
        model_prefix=str(folder / "spiece"),
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        unk_piece="<unk>",
        pad_piece="<pad>",
        control_symbols="[CLS],[SEP],[MASK]",
        minloglevel=2,
    )
    tokenizer = AlbertTokenizerFast(str(folder / "spiece.model"), model_max_length=MAX_PIECES)
    torch.manual_seed(SEED)
    config = AlbertConfig(
        vocab_size=len(tokenizer),
        embedding_size=hidden // 2,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        intermediate_size=4 * hidden,
        max_position_embeddings=MAX_PIECES,
    )
    _save(AlbertModel(config), tokenizer, folder)
    (folder / "spiece.vocab").unlink()


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    cli.run(main)
