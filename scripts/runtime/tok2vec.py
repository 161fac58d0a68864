"""An encoder of a component's own, which spaCy's `replace_listeners` puts in the place of a listener."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from . import CODE, versioned

NAME, LISTENER = (versioned(f"medner.{name}.v1", CODE) for name in ("Tok2VecTransformer", "TransformerListener"))


def own(encoder: Model) -> Model[list[Doc], list[Floats2d]]:
    """A layer that gives the vectors of tokens.

    encoder (Model): As `medner.TransformerModel.v1` makes it.
    """
    return Model("medner-tok2vec", forward, init=init, layers=[encoder], dims={"nO": encoder.maybe_get_dim("nO")})


def own_config(encoder: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    """What a config says of a layer in place of a listener.

    encoder, listener (dict): What it says of the transformer's model, and of the listener.
    RAISES (ValueError): The listener is another one than ours.
    """
    if listener["@architectures"] != LISTENER:
        raise ValueError(f"{listener['@architectures']} cannot be replaced by this transformer, only {LISTENER}.")
    return {**encoder, "@architectures": NAME}


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    (encoder,) = model.layers
    encoder.initialize(X)
    model.set_dim("nO", encoder.get_dim("nO"))


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[list[Floats2d], Callable]:
    (encoder,) = model.layers
    found, backprop = encoder(docs, is_train)
    return found.vectors, backprop
