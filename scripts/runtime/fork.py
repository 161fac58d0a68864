"""Threads in forked processes, so that `nlp.pipe(..., n_process=2)` works after, and while, the pipeline is used."""

import os
import sys
import threading

from .cores import Cores, forget_all, list_cores

_SETTING = "TOKENIZERS_PARALLELISM"
_set_here = False
_forking = threading.Lock()
_paused: list[Cores] = []


def before_fork() -> None:
    """Let no core compute meanwhile, as the child would wait for locks of threads that it does not have.

    Let the tokenizers library use no threads in the child; unasked it does so with a warning.
    """
    global _set_here
    _forking.acquire()
    for cores in list_cores():
        cores.pause()
        _paused.append(cores)
    _set_here = _SETTING not in os.environ
    if _set_here:
        os.environ[_SETTING] = "false"


def after_fork_in_parent() -> None:
    if _set_here:
        os.environ.pop(_SETTING, None)
    while _paused:
        _paused.pop().resume()
    _forking.release()


def after_fork_in_child() -> None:
    """Compute with one thread: those of OpenMP are gone after a fork, yet torch would wait for them forever.

    The processes share the cores anyway.
    """
    global _forking
    _forking = threading.Lock()
    _paused.clear()
    forget_all()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)
