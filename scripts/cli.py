"""How every command runs: typer reads the arguments, and bad input ends in one sentence and exit code 1."""

import sys
from collections.abc import Callable

import typer
from wasabi import msg

from scripts.note import InputError


def run(main: Callable) -> None:
    """Run a command's `main` with the arguments of the command line.

    main (Callable): Its signature states arguments and options, as typer reads them.
    """
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
