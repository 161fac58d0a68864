"""Whether an encoder's weights, config and tokenizer belong together, and how much its weights take."""

from collections.abc import Mapping
from typing import Any

from transformers.modeling_utils import PreTrainedModel
from transformers.tokenization_utils_fast import PreTrainedTokenizerFast

# Rows of padding for a round size: ModernBERT has 88 of 50,368, mDeBERTa 898 of 251,000. Vocabularies of different
# encoders are further apart: that of bert-base-cased has 1,526 pieces less than -uncased's.
FEWEST_SPARE, SPARE_SHARE = 128, 0.02


def check_weights(name: str, info: Mapping[str, Any]) -> None:
    """Refuse weights that the encoder would have at random, other than the pooler's, which is not used.

    name (str): Folder of the encoder, or its name on the hub.
    info (Mapping[str, Any]): What transformers says of loading it.
    RAISES (ValueError): Some are missing, as where all have other names, or have another shape.
    """
    missing = [key for key in info["missing_keys"] if not key.startswith("pooler.")]
    misshapen = list(info["mismatched_keys"])
    if missing or misshapen:
        raise ValueError(
            f"The encoder '{name}' does not have the weights that its config.json asks for: {len(missing)} are missing"
            f" and {len(misshapen)} have another shape, the first is {(missing + misshapen)[0]}."
        )


def check_vocabulary(name: str, tokenizer: PreTrainedTokenizerFast, rows: int) -> None:
    """Refuse a tokenizer of another encoder, as far as its size shows it.

    rows (int): Vectors of pieces that the encoder has.
    RAISES (ValueError): There are more pieces, or so few that the rest is no padding.
    """
    pieces = max(tokenizer.get_vocab().values()) + 1
    if not 0 <= rows - pieces <= max(FEWEST_SPARE, SPARE_SHARE * rows):
        raise ValueError(
            f"The encoder '{name}' has a tokenizer of {pieces} pieces, but weights for {rows}: they do not belong"
            " together."
        )


def longest_window(encoder: PreTrainedModel) -> int:
    """How many pieces, special ones and padding included, an encoder has positions for.

    RoBERTa, MPNet and their kin begin to count behind the padding's place, so that of 514 positions 512 are left.
    """
    longest = encoder.config.max_position_embeddings
    positions = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    return longest if padding is None else longest - padding - 1
