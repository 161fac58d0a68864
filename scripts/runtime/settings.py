"""Settings of layers: what a config says holds, whatever was said when the weights were saved."""

from collections.abc import Iterator
from contextlib import contextmanager

from thinc.api import Model

KEPT = ("keep_output", "window")


@contextmanager
def keeping_settings(model: Model) -> Iterator[None]:
    """Meanwhile a model is loaded, with which thinc also loads its attributes; ours keep the values of the config."""
    kept = [(node, name, node.attrs[name]) for node in model.walk() for name in KEPT if name in node.attrs]
    yield
    for node, name, value in kept:
        node.attrs[name] = value
