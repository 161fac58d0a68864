"""Serve trained pipelines over HTTP, with a page to look at what they find.

python -m scripts.serve en_medner_bert en_medner_albert
"""

import os
import socket
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.cli import InputError

LEAST_TOKEN = 16  # characters
# Of torch and of oneDNN, read when they are loaded. Both keep what computes a shape for the next batch of just that
# shape; notes of many clients have ever new ones, and a thousand of these, the default, take hundreds of megabytes.
SHAPE_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")


def main(
    models: Annotated[list[str], typer.Argument(help="Folders of trained pipelines, or names of installed ones")],
    host: Annotated[str, typer.Option(help="Address to be seen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port, 0 for any that is free")] = 8000,
    token_file: Annotated[Path | None, typer.Option(help="File with the token that clients have to show")] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Let whoever reaches another address ask")] = False,
    allowed_host: Annotated[list[str], typer.Option(help="Another name that clients call the service by")] = [],  # noqa: B006  (typer's way)
    max_chars: Annotated[int, typer.Option(help="Longest note taken, in characters")] = 500_000,
    max_bytes: Annotated[int, typer.Option(help="Longest request taken, and line of a stream")] = 8_000_000,
    max_waiting: Annotated[int, typer.Option(help="Notes for a model that may wait at once")] = 1000,
    timeout: Annotated[float, typer.Option(help="Seconds for a request to come in, and for its answer")] = 30.0,
    ssl_certfile: Annotated[Path | None, typer.Option(help="Certificate for TLS, PEM")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="Its key, where it is in another file")] = None,
) -> None:
    """Serve MODELS, the first one where a request names none, until SIGTERM or Ctrl-C."""
    check_numbers(max_chars, max_bytes, max_waiting, timeout)
    names = name_models(models)
    check_files(ssl_certfile, ssl_keyfile)
    token = read_token(token_file)
    for cache in SHAPE_CACHES:
        os.environ.setdefault(cache, "16")
    # Imported here, so that --help does not wait for spaCy and torch.
    from scripts.corpus.pipelines import load_pipeline
    from scripts.serve.app import Service, create_app
    from scripts.serve.limits import Limits
    from scripts.serve.server import bind, configure, is_loopback, serve

    if not (token or no_token or is_loopback(host)):
        raise InputError(f"{host} is seen by others: give --token-file, or --no-token if they may all ask.")
    with bind(host, port) as bound:
        msg.info(f"Loading {', '.join(names)}")
        pipelines = {name: load_pipeline(model) for name, model in names.items()}
        service = Service(pipelines, Limits(max_chars, max_bytes, max_waiting, timeout))
        hosts = [name.lower() for name in (*names_of(host, is_loopback(host)), *allowed_host)]
        serve(configure(create_app(service, hosts, token), service, ssl_certfile, ssl_keyfile), service, bound)


def check_numbers(max_chars: int, max_bytes: int, max_waiting: int, timeout: float) -> None:
    """RAISES (InputError): An option has a value that makes no sense."""
    if min(max_chars, max_bytes, max_waiting) < 1:
        raise InputError("--max-chars, --max-bytes and --max-waiting take numbers from 1.")
    if not timeout >= 1:
        raise InputError(f"--timeout {timeout:g} is too short: give 1 second or more.")


def name_models(models: list[str]) -> dict[str, str]:
    """Each model by the name that requests choose it by: that of a package or folder; training/NAME/model-best is NAME.

    RAISES (InputError): Two have the same name.
    """
    names: dict[str, str] = {}
    for model in models:
        path = Path(model)
        name = path.resolve().parent.name if path.name in ("model-best", "model-last") else path.name
        if name in names:
            raise InputError(f"{names[name]} and {model} would both be called '{name}': rename the folder of one.")
        names[name] = model
    return names


def check_files(certificate: Path | None, key: Path | None) -> None:
    """RAISES (InputError): A file for TLS is missing."""
    if key and not certificate:
        raise InputError("--ssl-keyfile is of no use without --ssl-certfile: give both.")
    for path in (certificate, key):
        if path and not path.is_file():
            raise InputError(f"{path} does not exist.")


def read_token(path: Path | None) -> bytes:
    """The token that a file holds, without blanks around it; b"" if there is no file.

    RAISES (InputError): It holds no token, or one that could be guessed.
    """
    if path is None:
        return b""
    token = path.read_bytes().strip()
    if len(token) < LEAST_TOKEN or not token.isascii() or len(token.split()) > 1:
        raise InputError(f"{path} holds no token: write one line of {LEAST_TOKEN} or more letters and digits into it.")
    return token


def names_of(host: str, loopback: bool) -> list[str]:
    """The names that a service at an address may be called by."""
    return [host, "localhost", *(["127.0.0.1", "::1"] if loopback else [socket.gethostname()])]


if __name__ == "__main__":
    cli.run(main)
