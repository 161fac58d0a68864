"""Tiny BERT and ALBERT encoders with random weights, for tests of what happens around an encoder."""

import io
from collections.abc import Sequence
from pathlib import Path

import sentencepiece
import torch
from tokenizers.implementations import BertWordPieceTokenizer
from transformers import (
    AlbertConfig,
    AlbertModel,
    AlbertTokenizerFast,
    BertConfig,
    BertModel,
    BertTokenizerFast,
)
from transformers.modeling_utils import PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

SEED, MAX_PIECES, VOCABULARY, WIDTH = 42, 512, 1000, 64
SHAPE = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": MAX_PIECES,
}


def build_bert(lines: Sequence[str], folder: Path) -> None:
    """Write a BERT with a WordPiece vocabulary learnt from the lines."""
    learnt = BertWordPieceTokenizer(lowercase=True)
    learnt.train_from_iterator(lines, vocab_size=VOCABULARY, min_frequency=2, show_progress=False)
    learnt.save_model(str(folder))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=MAX_PIECES)
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=len(tokenizer),
        **SHAPE,
    )
    _save(BertModel(config), tokenizer, folder)


def build_albert(lines: Sequence[str], folder: Path) -> None:
    """Write an ALBERT with a SentencePiece vocabulary learnt from the lines."""
    learnt = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line.lower() for line in lines]),
        model_writer=learnt,
        vocab_size=VOCABULARY,
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
    (folder / "spiece.model").write_bytes(learnt.getvalue())
    tokenizer = AlbertTokenizerFast(str(folder / "spiece.model"), model_max_length=MAX_PIECES)
    torch.manual_seed(SEED)
    config = AlbertConfig(
        vocab_size=len(tokenizer),
        embedding_size=WIDTH // 2,
        **SHAPE,
    )
    _save(AlbertModel(config), tokenizer, folder)


def _save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
