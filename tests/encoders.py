"""Tiny encoders of each kind with random weights, for tests of what happens around an encoder."""

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers.implementations import BertWordPieceTokenizer, ByteLevelBPETokenizer
from transformers import (
    AlbertConfig,
    AlbertTokenizerFast,
    AutoModel,
    BertConfig,
    BertTokenizerFast,
    DebertaV2Config,
    DebertaV2TokenizerFast,
    DistilBertConfig,
    DistilBertTokenizerFast,
    ElectraConfig,
    ElectraTokenizerFast,
    ModernBertConfig,
    MPNetConfig,
    MPNetTokenizerFast,
    RobertaConfig,
    RobertaTokenizerFast,
)
from transformers.configuration_utils import PretrainedConfig
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

SEED, MAX_PIECES, VOCABULARY, WIDTH = 42, 512, 1000, 64
SHAPE = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": MAX_PIECES,
}
# RoBERTa's and MPNet's first positions are for padding.
SHIFTED = {**SHAPE, "max_position_embeddings": MAX_PIECES + 2}
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MODERN_SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def build_bert(lines: Sequence[str], folder: Path) -> None:
    """Write a BERT with a WordPiece vocabulary learnt from the lines."""
    tokenizer = BertTokenizerFast(_learn_wordpieces(lines, folder), model_max_length=MAX_PIECES)
    _save(BertConfig(vocab_size=len(tokenizer), **SHAPE), tokenizer, folder)


def build_albert(lines: Sequence[str], folder: Path) -> None:
    """Write an ALBERT with a SentencePiece vocabulary learnt from the lines."""
    vocabulary = _learn_sentencepieces(lines, folder / "spiece.model", unk_piece="<unk>", pad_piece="<pad>")
    tokenizer = AlbertTokenizerFast(vocabulary, model_max_length=MAX_PIECES)
    _save(AlbertConfig(vocab_size=len(tokenizer), embedding_size=WIDTH // 2, **SHAPE), tokenizer, folder)


def build_electra(lines: Sequence[str], folder: Path) -> None:
    """Write an ELECTRA, whose pieces' vectors are narrower than the layers."""
    tokenizer = ElectraTokenizerFast(_learn_wordpieces(lines, folder), model_max_length=MAX_PIECES)
    _save(ElectraConfig(vocab_size=len(tokenizer), embedding_size=WIDTH // 2, **SHAPE), tokenizer, folder)


def build_distilbert(lines: Sequence[str], folder: Path) -> None:
    """Write a DistilBERT, whose config has names of its own."""
    tokenizer = DistilBertTokenizerFast(_learn_wordpieces(lines, folder), model_max_length=MAX_PIECES)
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=WIDTH, n_layers=2, n_heads=2, hidden_dim=2 * WIDTH)
    _save(config, tokenizer, folder)


def build_mpnet(lines: Sequence[str], folder: Path) -> None:
    """Write an MPNet, with WordPieces and the special pieces of RoBERTa."""
    vocabulary = Path(_learn_wordpieces(lines, folder))
    others = [line for line in vocabulary.read_text(encoding="utf8").splitlines() if line not in MODERN_SPECIAL]
    # As Microsoft's, in which [UNK] stands behind the five of RoBERTa
    vocabulary.write_text("\n".join([*ROBERTA_SPECIAL[:4], "[UNK]", *others, "<mask>"]) + "\n", encoding="utf8")
    tokenizer = MPNetTokenizerFast(str(vocabulary), model_max_length=MAX_PIECES)
    _save(MPNetConfig(vocab_size=len(tokenizer), **SHIFTED), tokenizer, folder)


def build_roberta(lines: Sequence[str], folder: Path) -> None:
    """Write a RoBERTa, with pieces of bytes and no limit in its tokenizer's files."""
    learnt = ByteLevelBPETokenizer()
    learnt.train_from_iterator(lines, vocab_size=VOCABULARY, special_tokens=ROBERTA_SPECIAL, show_progress=False)
    tokenizer = RobertaTokenizerFast(*learnt.save_model(str(folder)))
    _save(RobertaConfig(vocab_size=len(tokenizer), **SHIFTED), tokenizer, folder)


def build_deberta(lines: Sequence[str], folder: Path) -> None:
    """Write a DeBERTa like v3's: positions in the attention only, and more rows than pieces."""
    vocabulary = _learn_sentencepieces(lines, folder / "spm.model", unk_piece="[UNK]", pad_piece="[PAD]")
    tokenizer = DebertaV2TokenizerFast(vocabulary)
    relative = {"relative_attention": True, "position_biased_input": False, "pos_att_type": "p2c|c2p"}
    buckets = {"position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True}
    config = DebertaV2Config(vocab_size=len(tokenizer) + 9, type_vocab_size=0, **relative, **buckets, **SHAPE)
    _save(config, tokenizer, folder)


def build_modernbert(lines: Sequence[str], folder: Path) -> None:
    """Write a ModernBERT, whose tokenizer has no class of its own: only its post-processor knows the special pieces."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    learnt.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=MODERN_SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    learnt.train_from_iterator(lines, trainer)
    special = [(piece, learnt.token_to_id(piece)) for piece in ("[CLS]", "[SEP]")]
    template = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", special)
    learnt.post_processor = template  # type: ignore[assignment]
    names = {f"{piece[1:-1].lower()}_token": piece for piece in MODERN_SPECIAL}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=learnt, **names)
    attention = {"global_attn_every_n_layers": 2, "local_attention": 16}
    places = {f"{name}_token_id": learnt.token_to_id(f"[{name.upper()}]") for name in ("pad", "cls", "sep")}
    config = ModernBertConfig(vocab_size=len(tokenizer), **SHAPE, **attention, **places)
    _save(config, tokenizer, folder)


BUILD: dict[str, Callable[[Sequence[str], Path], None]] = {
    "bert": build_bert,
    "albert": build_albert,
    "roberta": build_roberta,
    "deberta": build_deberta,
    "electra": build_electra,
    "distilbert": build_distilbert,
    "mpnet": build_mpnet,
    "modernbert": build_modernbert,
}


def _learn_wordpieces(lines: Sequence[str], folder: Path) -> str:
    learnt = BertWordPieceTokenizer(lowercase=True)
    learnt.train_from_iterator(lines, vocab_size=VOCABULARY, min_frequency=2, show_progress=False)
    (vocabulary,) = learnt.save_model(str(folder))
    return vocabulary


def _learn_sentencepieces(lines: Sequence[str], vocabulary: Path, **special: str) -> str:
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
        control_symbols="[CLS],[SEP],[MASK]",
        minloglevel=2,
        **special,
    )
    vocabulary.write_bytes(learnt.getvalue())
    return str(vocabulary)


def _save(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        # transformers 4.53: DeBERTa's module is compiled as it is imported, in a way that torch 2.13 wants to leave
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
