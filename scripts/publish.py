"""Publish a package on the Hugging Face hub: the wheel, the pipeline's files and a model card, in one commit.

python -m scripts.publish packages/en_medner_bert-0.1.0 user/en_medner_bert --dry-run

The repository is private unless --public is given, and becomes public only when everything is in it. The endpoint is
that of HF_ENDPOINT, the token that of HF_TOKEN or of `hf auth login`.
"""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils._validators import validate_repo_id
from requests import RequestException
from wasabi import msg

from scripts import cli
from scripts.card import render_card
from scripts.evaluate import read_json
from scripts.note import InputError

FREE = "CC0-1.0"  # of the sample notes; all others are their owners' to share
MADE_BY_THE_HUB = {".gitattributes"}
REASONS = {
    401: "the hub does not know the token: set HF_TOKEN, or run `hf auth login`",
    403: "the token may not write there",
}


def main(
    package: Annotated[Path, typer.Argument(help="Folder of the package, e.g. packages/en_medner_bert-0.1.0")],
    repo: Annotated[str, typer.Argument(help="Repository on the hub, user/name")],
    corpora: Annotated[Path, typer.Option(help="Folder of the converted corpora, for the counts")] = Path("corpus"),
    public: Annotated[bool, typer.Option("--public", help="Let everyone see the repository")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go up")] = False,
    i_may_share: Annotated[
        bool, typer.Option("--i-may-share", help="The terms of the notes let you share what learnt from them")
    ] = False,
) -> None:
    """Upload the wheel of PACKAGE, its pipeline and a model card to REPO."""
    check_name(repo)
    wheel = find_wheel(package)
    audit = read_audit(wheel)
    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        files = unpack(wheel, Path(folder))
        meta = read_json(files / "meta.json", "package the model")
        check_licence(meta, i_may_share)
        url = f"{api.endpoint}/{repo}/resolve/main/{wheel.name}"
        card = render_card(meta, read_ledger(corpora, meta), audit, url)
        (files / "README.md").write_text(card, encoding="utf8")
        show(files)
        if dry_run:
            msg.divider("README.md")
            print(card)
        else:
            publish(api, repo, files, public)


def check_name(repo: str) -> None:
    with suppress(HFValidationError):
        validate_repo_id(repo)
        if "/" in repo:
            return
    raise InputError(f"'{repo}' is no repository: give user/name (--vars.repo user/name).")


def find_wheel(package: Path) -> Path:
    wheels = list(package.glob("dist/*.whl"))
    if len(wheels) != 1:
        raise InputError(f"{package / 'dist'} holds {len(wheels)} wheels instead of one: package the model first.")
    return wheels[0]


def read_audit(wheel: Path) -> dict[str, Any]:
    """The result of the search for text of the notes that lies beside a wheel.

    RAISES (InputError): There is none, it found text, or it is that of another wheel.
    """
    path = wheel.with_suffix(".whl.audit.json")
    audit = read_json(path, "package the model")
    if audit.get("hits") != 0:
        raise InputError(f"{path} does not say that the wheel is free of text of the notes: package the model again.")
    if audit.get("sha256") != hashlib.sha256(wheel.read_bytes()).hexdigest():
        raise InputError(f"{path} is the audit of another wheel than {wheel.name}: package the model again.")
    return audit


def unpack(wheel: Path, folder: Path) -> Path:
    """Lay out what goes up, all of it from the wheel, since that is what was searched.

    RETURNS (Path): A folder with the pipeline's files and the wheel.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (config,) = folder.glob("*/*/config.cfg")
    shutil.copy(wheel, config.parent)
    return config.parent


def check_licence(meta: dict[str, Any], i_may_share: bool) -> None:
    """RAISES (InputError): The notes that the model, or before it the encoder, learnt from stand under terms."""
    corpus, _, *adapted = meta["sources"]
    for notes in (corpus, *adapted):
        if notes["license"] != FREE and not i_may_share:
            raise InputError(
                f"The model learnt from {notes['name']}, which stands under {_the(notes['license'])}: give"
                " --i-may-share if that lets you share it."
            )


def _the(licence: str) -> str:
    return licence if licence.startswith("the ") else f"the {licence}"


def read_ledger(corpora: Path, meta: dict[str, Any]) -> dict[str, Any]:
    """The ledger of the corpus that the model learnt from.

    RAISES (InputError): It is not there, or the corpus was converted anew since.
    """
    path = corpora / meta["sources"][0]["name"] / "conversion.json"
    ledger = read_json(path, "convert the corpus")
    scored = sum(scores["support"] for scores in meta["performance"]["ents_per_type"].values())
    if ledger["splits"]["test"]["entities"] != scored:
        raise InputError(f"{path} counts other test notes than the package was scored on: package the model again.")
    return ledger


def show(files: Path) -> None:
    """Print each file and its size."""
    sizes = {path.relative_to(files).as_posix(): path.stat().st_size for path in files.rglob("*") if path.is_file()}
    rows = [(name, f"{size:,}") for name, size in sorted(sizes.items())]
    rows.append((f"{len(sizes)} files", f"{sum(sizes.values()):,}"))
    msg.table(rows, header=["", "bytes"], aligns=["l", "r"], divider=True, max_col=max(map(len, sizes)))


def publish(api: HfApi, repo: str, files: Path, public: bool) -> None:
    """Upload a folder to a repository.

    RAISES (InputError): It failed; the sentence says in which state the repository is.
    """
    with _telling(f"{repo} could not be made", "nothing was uploaded, and it is as it was, or new, private and empty"):
        api.create_repo(repo, private=True, exist_ok=True)
        info = api.model_info(repo)
    check_repo(info, public)
    seen = "private" if info.private else "public as before"
    with _telling(f"The upload to {repo} failed", f"it is {seen}, and has got either all of the files or none"):
        api.upload_folder(repo_id=repo, folder_path=files, commit_message="Publish with medner")
    if public and info.private:
        with _telling(f"{repo} could not be made public", "it has all of the files, and was private until now"):
            api.update_repo_settings(repo, private=False)
    msg.good(f"Published {api.endpoint}/{repo}, {'public' if public else 'private'}")


def check_repo(info: ModelInfo, public: bool) -> None:
    """Refuse a repository that was there before if something would become public unasked.

    RAISES (InputError): It is public already, or holds files that --public would show with all their history.
    """
    if not info.private and not public:
        raise InputError(f"{info.id} is public already, nothing was uploaded: give another name, or --public.")
    if info.private and public and {file.rfilename for file in info.siblings or ()} - MADE_BY_THE_HUB:
        raise InputError(
            f"{info.id} is private and holds files, which --public would show with their history, so nothing was"
            " uploaded: give another name, or leave --public out and make it public in its settings."
        )


@contextmanager
def _telling(failed: str, state: str) -> Iterator[None]:
    try:
        yield
    # The client wraps what goes wrong in an upload in the two built-in ones.
    except (RequestException, OfflineModeIsEnabled, RuntimeError, ValueError) as error:
        raise InputError(f"{failed} ({_reason(error)}): {state}.") from None


def _reason(error: BaseException) -> str:
    """Why a call failed; never the error's own text, which may hold what was sent."""
    response = getattr(error, "response", None)
    if response is not None:
        return REASONS.get(response.status_code, f"the hub answered {response.status_code}")
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return "the connection broke"
    return _reason(error.__cause__) if error.__cause__ else type(error).__name__


if __name__ == "__main__":
    cli.run(main)
