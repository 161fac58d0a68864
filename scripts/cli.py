"""How every command runs: typer reads the arguments, and bad input ends in one sentence and exit code 1."""

import sys
from collections.abc import Callable

import typer
from wasabi import msg


class InputError(Exception):
    """Input that the user has to correct; the message is one sentence for the user, without note text."""


def run(main: Callable | typer.Typer) -> None:
    """Run a command's `main` with the arguments of the command line.

    main (Callable | typer.Typer): Its signature states arguments and options, as typer reads them; or several of them.
    """
    if isinstance(main, typer.Typer):
        app = main
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
    try:
        app()
    except InputError as error:
        msg.fail(str(error))
    except OSError as error:
        # A full disk, a missing right, a file that is a folder.
        msg.fail(f"{error.filename or 'Reading or writing'}: {error.strerror or error}.")
    else:
        return
    sys.exit(1)


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
