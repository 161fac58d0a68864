"""The encoders' folders: a BERT is read, and either kind is written in half precision."""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, BertForPreTraining, BertTokenizerFast
from transformers.modeling_utils import PreTrainedModel

from scripts.cli import InputError
from scripts.encoders import ADAPTED, check_encoder, reporting_faults
from scripts.files import whole_folder

LENGTH = 512  # pieces of the longest block
# No block is seen so often that it could be memorised; and for short blocks plain attention is the quicker one on a CPU
FASTEST = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"}


def load_bert(folder: Path, seed: int, **settings: Any) -> tuple[BertForPreTraining, BertTokenizerFast]:
    """Load a BERT for evaluation, its head with random weights if it has none.

    settings (Any): Of its config, where they are to be others.
    RAISES (InputError): It cannot be loaded, is no BERT, or does not take blocks of 512 pieces.
    """
    check_kind(folder, "bert")
    torch.manual_seed(seed)
    model = BertForPreTraining.from_pretrained(folder, use_safetensors=True, torch_dtype=torch.float32, **settings)
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    return model.eval(), tokenizer


def check_kind(folder: Path, kind: str) -> None:
    """Check that a folder holds an encoder of a kind, for blocks of 512 pieces.

    kind (str): The model_type of its config.json.
    RAISES (InputError): It does not, or cannot be loaded.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one with an encoder.")
    check_encoder(str(folder))
    config = AutoConfig.from_pretrained(folder)
    if config.model_type != kind:
        raise InputError(f"The encoder '{folder}' is no {kind.upper()}, but {config.model_type}.")
    if config.max_position_embeddings < LENGTH:
        raise InputError(f"The encoder '{folder}' takes {config.max_position_embeddings} pieces, less than {LENGTH}.")


def write_encoder(model: PreTrainedModel, tokenizer: BertTokenizerFast, out: Path, is_open: bool) -> None:
    """Write a Hugging Face folder with weights in half precision; the folder appears only when it is complete.

    is_open (bool): Whether all that it learnt from is open; if not, it is marked like an encoder adapted to notes.
    """
    with reporting_faults(out), whole_folder(out) as part:
        copy.deepcopy(model).half().save_pretrained(part)
        tokenizer.save_pretrained(part)
        config = json.loads((part / "config.json").read_text(encoding="utf8"))
        # spacy-transformers rebuilds a saved model from its config, and would compute in half precision
        config["torch_dtype"] = "float32"
        config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.1
        config.pop("_name_or_path", None)
        (part / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf8")
        if not is_open:
            (part / ADAPTED).write_text(json.dumps({"command": "distill"}), encoding="utf8")
