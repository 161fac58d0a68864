"""The Hugging Face hub: one upload to a repository, private unless asked otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils._validators import validate_repo_id
from requests import RequestException
from wasabi import msg

from scripts.cli import InputError

MADE_BY_THE_HUB = {".gitattributes"}
REASONS = {
    401: "the hub does not know the token: set HF_TOKEN, or run `hf auth login`",
    403: "the token may not write there",
}


def check_name(repo: str) -> None:
    with suppress(HFValidationError):
        validate_repo_id(repo)
        if "/" in repo:
            return
    raise InputError(f"'{repo}' is no repository: give user/name (--vars.repo user/name).")


def publish(api: HfApi, repo: str, files: Path, public: bool) -> None:
    """Upload a folder to a repository.

    RAISES (InputError): It failed; the sentence says in which state the repository is.
    """
    untouched = "nothing was uploaded, and it is as it was, or new, private and empty"
    with _reporting(f"{repo} could not be made", untouched):
        api.create_repo(repo, private=True, exist_ok=True)
        info = api.model_info(repo)
    check_repo(info, public)
    seen = "private" if info.private else "public as before"
    with _reporting(f"The upload to {repo} failed", f"it is {seen}, and has got either all of the files or none"):
        api.upload_folder(repo_id=repo, folder_path=files, commit_message="Publish with medner")
    if public and info.private:
        with _reporting(f"{repo} could not be made public", "it has all of the files, and was private until now"):
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
def _reporting(failed: str, state: str) -> Iterator[None]:
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
