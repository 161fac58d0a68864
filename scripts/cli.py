"""How every command runs: typer reads the arguments, and bad input or a signal ends it with one sentence."""

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from wasabi import msg

# What steers a terminal, ends a line or turns the direction of writing.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InputError(Exception):
    """Input that the user has to correct; the message is one sentence for the user, without note text."""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM has come. No Exception, so that it is not taken for the fault of a note.

    number (int): Of the signal.
    stands (str): What of the work is done, in a sentence for the user.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.stands = "nothing is left half-written, and the same command does the rest."


def run(main: Callable | typer.Typer) -> None:
    """Run a command's `main` with the arguments of the command line.

    main (Callable | typer.Typer): Its signature states arguments and options, as typer reads them; or several of them.
    """
    if isinstance(main, typer.Typer):
        app = main
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
    with _messages_escaped():
        code = _run(app)
    if code:
        sys.exit(code)


def _run(app: typer.Typer) -> int:
    try:
        with _signals_raise():
            app()
    except InputError as error:
        msg.fail(str(error))
    except Stopped as stop:
        msg.fail(f"Stopped by {signal.Signals(stop.number).name}: {stop.stands}")
        return 128 + stop.number  # as shells say it
    except OSError as error:
        # A full disk, a missing right, a file that is a folder.
        msg.fail(f"{error.filename or 'Reading or writing'}: {error.strerror or error}.")
    else:
        return 0
    return 1


def printable(text: str) -> str:
    """A name, or what quotes one, with control characters escaped, so that it steers no terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


@contextmanager
def _messages_escaped() -> Iterator[None]:
    """Print names as they are made printable, whichever message they are in."""
    print_text: Any = msg.text

    def print_escaped(title: object = "", text: object = "", **options: Any) -> Any:
        return print_text(printable(str(title)), printable(str(text)), **options)

    printer: Any = msg  # of wasabi, whose every message goes through this
    printer.text = print_escaped
    try:
        yield
    finally:
        printer.text = print_text


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Raise `Stopped` at the first signal; from then on another one ends the process as it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)


def use_gpu(number: int) -> None:
    """Compute on a GPU from here on; a negative number stands for the CPU.

    RAISES (InputError): There is no such GPU, or torch was installed without support for it.
    """
    from thinc.api import require_gpu  # loads torch, which a command that computes nothing does without

    try:
        if number >= 0:
            require_gpu(number)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"GPU {number} cannot be used ({error}): install CuPy for its CUDA version, or give"
            " --vars.gpu -1 for the CPU."
        ) from None
