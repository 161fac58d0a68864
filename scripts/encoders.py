"""What `train`, `pretrain` and `distill` need of an encoder: that it loads, at which rate it learns, what it holds."""

import hashlib
import pickle
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from wasabi import msg

from scripts.cli import InputError

if TYPE_CHECKING:
    from torch.nn import Module

ADAPTED = "pretrain.json"  # in the folder of an encoder that learnt from text which was not stated to be open
UNLABELLED = {"name": "unlabelled notes", "license": "the terms of the notes that the encoder was adapted to"}
BASE_WIDTH = 768  # of bert-base and albert-base, for which learning rates are stated
WARMUP = 0.1  # share of all steps
READERS = ("huggingface_hub", "safetensors", "tokenizers", "torch", "transformers")  # what reads an encoder's files
# In the errors of safetensors and torch (2.13) where a file cannot grow.
WRITING = ("while serializing", "PytorchStreamWriter", "iostream error", "unexpected pos")
# The heads that encoders were pretrained with, of BERT and DeBERTa, ALBERT, RoBERTa and MPNet, ELECTRA, DistilBERT and
# ModernBERT: most of them come with theirs.
HEADS = {"cls", "lm_predictions", "mask_predictions", "predictions", "sop_classifier", "lm_head",
         "discriminator_predictions", "generator_predictions", "generator_lm_head", "vocab_transform",
         "vocab_layer_norm", "vocab_projector", "head", "decoder"}  # fmt: skip
# Rows of padding for a round size: ModernBERT has 88 of 50,368, mDeBERTa 898 of 251,000. Vocabularies of different
# encoders are further apart: that of bert-base-cased has 1,526 pieces less than -uncased's.
FEWEST_SPARE, SPARE_SHARE = 128, 0.02
LONGEST_CAUSE = 200  # characters; some list all architectures there are


def scale_rate(rate: float, width: int) -> float:
    """The learning rate of an encoder by its width: in inverse proportion to the square.

    Narrow encoders take higher rates than wide ones (Yang et al. 2022 derive 1 / width for Adam); the square gives
    the project's own encoders, 384 wide, 2e-4 where bert-base takes 5e-5.

    rate (float): For an encoder 768 wide.
    width (int): Of the hidden states.
    """
    return rate * (BASE_WIDTH / width) ** 2


def is_adapted(encoder: str | Path) -> bool:
    """Whether an encoder learnt from text that its owner may not want to share, as `pretrain` and `distill` mark it."""
    return Path(encoder, ADAPTED).exists()


def check_encoder(encoder: str) -> int:
    """Load an encoder once, so that one that cannot be used is reported before the training begins.

    From here on Hugging Face's libraries print errors only, no warnings.

    RETURNS (int): The width of its hidden states.
    RAISES (InputError): It is not there, has pickled weights only, lacks its vocabulary or some of its weights, or has
        the tokenizer of another one.
    """
    # Imported here, so that a command's --help does not wait for them.
    from huggingface_hub.utils import logging as hub_logging
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers import logging as transformers_logging

    for logger in (hub_logging, transformers_logging):
        logger.set_verbosity_error()
    try:
        config = AutoConfig.from_pretrained(encoder)
        width, rows = config.hidden_size, config.vocab_size
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        settings = {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
        _, info = AutoModel.from_pretrained(encoder, **settings)
    except Exception as error:  # a damaged file gives errors of many kinds, safetensors' own has no base but this
        raise InputError(
            f"The encoder '{encoder}' cannot be loaded ({describe_cause(error)}): it has to be a folder with"
            " config.json, model.safetensors and tokenizer files, or a name that the hub has. In a closed network"
            " download it elsewhere and give its folder (--vars.bert, --vars.albert or --vars.teacher)."
        ) from error
    if not tokenizer.is_fast:
        raise InputError(f"The encoder '{encoder}' has no fast tokenizer: add its tokenizer.json.")
    # spacy-transformers 1.4 copies this file where the tokenizer's class names one, as ALBERT's does.
    if hasattr(tokenizer, "vocab_file") and not tokenizer.vocab_file:
        name = tokenizer.vocab_files_names["vocab_file"]
        raise InputError(f"The encoder '{encoder}' lacks its vocabulary file {name}: add it.")
    check_weights(encoder, info)
    check_vocabulary(encoder, max(tokenizer.get_vocab().values()) + 1, rows)
    return width


# The next two say what runtime/weights.py says of an encoder that is trained without this check; that file travels in
# the packages, so that neither can import the other.


def check_weights(encoder: str, info: Mapping[str, Any]) -> None:
    """Refuse weights that would be random, other than the pooler's, which no token needs; say how many are not used.

    info (Mapping[str, Any]): What transformers says of loading them.
    RAISES (InputError): Some are missing, as where all have other names, or have another shape.
    """
    missing = [key for key in info["missing_keys"] if not key.startswith("pooler.")]
    misshapen = list(info["mismatched_keys"])
    others = [key for key in info["unexpected_keys"] if key.partition(".")[0] not in HEADS]
    beginnings = ", ".join(sorted({key.partition(".")[0] for key in others}))
    if missing or misshapen:
        raise InputError(
            f"The encoder '{encoder}' does not have the weights that its config.json asks for: {len(missing)} are"
            f" missing and {len(misshapen)} have another shape, the first is {(missing + misshapen)[0]}"
            f"{f'; {len(others)} have other names ({beginnings})' if others else ''}. Save it with transformers'"
            " save_pretrained."
        )
    if others:
        msg.info(f"{len(others)} weights of the encoder '{encoder}' are not used ({beginnings})")


def check_vocabulary(encoder: str, pieces: int, rows: int) -> None:
    """Refuse the tokenizer of another encoder, as far as its size shows it.

    pieces, rows (int): Of the tokenizer, and of the weights.
    RAISES (InputError): There are more pieces, or so few that the other rows are no padding.
    """
    if not 0 <= rows - pieces <= max(FEWEST_SPARE, SPARE_SHARE * rows):
        raise InputError(
            f"The encoder '{encoder}' has a tokenizer of {pieces} pieces, but weights for {rows}: give it the"
            " tokenizer that it was trained with."
        )


def describe_cause(error: Exception) -> str:
    """The kind of an error, with its first line if a library that reads encoders raised it: that speaks of files."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [type(error).__module__, *(frame.f_globals.get("__name__", "") for frame in frames[-1:])]
    lines = str(error).split("\n")
    if not any(module.split(".")[0] in READERS for module in modules) or not lines[0]:
        return type(error).__name__
    return f"{type(error).__name__}: {shorten(lines[0].rstrip('.: '), LONGEST_CAUSE, placeholder=' ...')}"


def hash_weights(model: "Module") -> str:
    """A hash of all weights and their names.

    model (Module): On the CPU.
    """
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(name.encode("utf8"))
        digest.update(weights.contiguous().numpy())
    return digest.hexdigest()


@contextmanager
def reporting_faults(path: Path) -> Iterator[None]:
    """Report a full disk and a damaged checkpoint in a sentence; safetensors and torch raise their own errors for them.

    RAISES (InputError): Weights cannot be written to the folder or file, or not be read from it.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        if any(words in str(error) for words in WRITING):
            raise InputError(f"{path}: the weights cannot be written; is the disk full?") from error
        if isinstance(error, RuntimeError) and "PytorchStreamReader" not in str(error):
            raise
        raise InputError(f"{path} holds a damaged checkpoint: remove it to start again.") from error
