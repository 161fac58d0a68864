"""What is trained: an encoder with the head that restores words."""

from pathlib import Path
from typing import Any, NamedTuple

import srsly
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
from transformers.configuration_utils import PretrainedConfig
from transformers.modeling_utils import PreTrainedModel
from transformers.trainer_utils import set_seed
from wasabi import msg

from scripts.cli import InputError
from scripts.encoders import ADAPTED, check_encoder, reporting_faults
from scripts.files import whole_folder
from scripts.masking import Masking, Vocabulary, read_vocabulary

# BERT has single words hidden, ALBERT up to three at once, each as in its own pretraining.
MASKINGS = {"bert": Masking(longest=1), "albert": Masking(longest=3)}


class Encoder(NamedTuple):
    """An encoder with its head, and what cuts text into its pieces.

    width (int): Of the hidden states.
    length (int): Of a block, in pieces with the special ones.
    """

    name: str
    model: PreTrainedModel
    tokenizer: Any
    vocabulary: Vocabulary
    masking: Masking
    width: int
    length: int

    def move_to(self, device: torch.device) -> None:
        torch.nn.Module.to(self.model, device)  # PreTrainedModel.to is typed as if it had no `self`


def check_output(output: Path) -> None:
    """RAISES (InputError): The folder holds something else than an encoder of this command, which it would replace."""
    if output.exists() and not (output / ADAPTED).exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output} exists and is not of this command's making: give another place for the output.")


def load_encoder(name: str, seed: int) -> Encoder:
    """Load an encoder with its head, which begins with random weights if there is none.

    RAISES (InputError): It cannot be loaded, is no BERT or ALBERT, or its tokenizer does not serve.
    """
    width = check_encoder(name)
    config = AutoConfig.from_pretrained(name)
    if config.model_type not in MASKINGS:
        raise InputError(
            f"The encoder '{name}' cannot be trained further: it is no BERT or ALBERT, but {config.model_type}."
        )
    tokenizer = AutoTokenizer.from_pretrained(name)
    vocabulary = read_vocabulary(tokenizer, name)
    model = _load_model(name, config, seed)
    length = min(config.max_position_embeddings, tokenizer.model_max_length)
    return Encoder(name, model, tokenizer, vocabulary, MASKINGS[config.model_type], width, length)


def _load_model(name: str, config: PretrainedConfig, seed: int) -> PreTrainedModel:
    set_seed(seed)
    # Attention without dropout takes a third of the time on a CPU: 3.1 instead of 8.2 s a step (torch 2.13, bf16).
    model, info = AutoModelForMaskedLM.from_pretrained(
        name,
        use_safetensors=True,
        torch_dtype=torch.float32,
        attention_probs_dropout_prob=0.0,
        output_loading_info=True,
    )
    if info["missing_keys"]:
        msg.warn("The encoder comes without the head that restores words: a new one is trained along.")
    model.config.attention_probs_dropout_prob = config.attention_probs_dropout_prob
    return model


def write_encoder(encoder: Encoder, record: dict[str, Any], output: Path) -> None:
    """Write a Hugging Face folder, head included, so that it can be trained further again."""
    with reporting_faults(output), whole_folder(output) as folder:
        encoder.model.save_pretrained(folder)
        encoder.tokenizer.save_pretrained(folder)
        srsly.write_json(folder / ADAPTED, record)
