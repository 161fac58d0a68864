"""The layers that configs name: the encoder, on top of spacy-transformers' component, and what listens to it."""

from typing import Any

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from . import registered
from .listener import TokenListener
from .mentions import Mentions, build_classifier
from .shim import PRECISIONS, EncoderShim
from .tok2vec import own
from .transformer import TransformerModel
from .vectors import TokenVectors


@registry.architectures(registered("medner.TransformerModel.v1"))
def create_transformer(
    name: str, window: int, precision: str, tokenizer_config: dict[str, Any], transformer_config: dict[str, Any]
) -> Model[list[Doc], TokenVectors]:
    """An encoder that gives each token the mean of its wordpieces, and zeros to one that has none, such as a blank.

    name (str): Folder of the encoder, or its name on the hub.
    window (int): Longest stretch of a note that is computed together, in wordpieces with the special ones; the
        encoder's own limit holds as well. Windows end at line ends, else sentence ends, else tokens.
    precision (str): "float32", "bfloat16", "int8" or "auto": bfloat16 on a GPU or CPU that has instructions for it,
        else predictions by 8-bit integers on x86, else float32. "int8" is about predictions on a CPU; training and a
        GPU then compute as with "auto". Weights are trained and saved in float32 in any case.
    tokenizer_config, transformer_config (dict): Further settings for Hugging Face's tokenizer and model.
    RAISES (ValueError): The precision is none of these.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}', but has to be one of {', '.join(PRECISIONS)}.")
    return TransformerModel(name, window, EncoderShim(tokenizer_config, transformer_config, precision))


@registry.architectures(registered("medner.Tok2VecTransformer.v1"))
def create_tok2vec(
    name: str, window: int, precision: str, tokenizer_config: dict[str, Any], transformer_config: dict[str, Any]
) -> Model[list[Doc], list[Floats2d]]:
    """An encoder for one component alone, with the settings of `medner.TransformerModel.v1`: what spaCy's
    `replace_listeners` leaves in the place of a listener."""
    return own(create_transformer(name, window, precision, tokenizer_config, transformer_config))


@registry.architectures(registered("medner.TransformerListener.v1"))
def create_listener(upstream: str, keep_output: bool) -> Model[list[Doc], list[Floats2d]]:
    """The vectors of the tokens, for a component after the transformer.

    upstream (str): Name of the transformer component, or "*".
    keep_output (bool): Whether the vectors stay in `doc._.trf_data` after prediction; else they go once all components
        that listen have read them.
    """
    return TokenListener(upstream, keep_output)


@registry.architectures(registered("medner.MentionClassifier.v1"))
def create_mention_classifier(
    tok2vec: Model[list[Doc], list[Floats2d]], nO: int | None = None
) -> Model[Mentions, Floats2d]:
    """A linear layer on the mean and the maximum of the vectors of a mention's tokens, then softmax.

    tok2vec (Model): What gives the tokens' vectors, such as a listener.
    nO (int | None): The number of values; None to find them in the train notes.
    """
    return build_classifier(tok2vec, nO)
