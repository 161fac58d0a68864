"""Threads in forked processes, so that `nlp.pipe(..., n_process=2)` works after the pipeline was used."""

import os
import sys

_SETTING = "TOKENIZERS_PARALLELISM"
_set_here = False


def before_fork() -> None:
    """Let the tokenizers library use no threads in the child; unasked it does so with a warning."""
    global _set_here
    _set_here = _SETTING not in os.environ
    if _set_here:
        os.environ[_SETTING] = "false"


def after_fork_in_parent() -> None:
    if _set_here:
        del os.environ[_SETTING]


def after_fork_in_child() -> None:
    """Compute with one thread: those of OpenMP are gone after a fork, yet torch would wait for them forever.

    The processes share the cores anyway.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
