"""Publish a package on the Hugging Face hub: the wheel, the pipeline's files and a model card, in one commit.

python -m scripts.publish packages/en_medner_bert-1.2.3 user/en_medner_bert --dry-run

The repository is private unless --public is given, and becomes public only when everything is in it. The endpoint is
that of HF_ENDPOINT, the token that of HF_TOKEN or of `hf auth login`.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from scripts import cli
from scripts.files import read_json
from scripts.publish.wheel import check_terms, find_wheel, read_audit, read_ledger, unpack


def main(
    package: Annotated[Path, typer.Argument(help="Folder of the package, packages/en_medner_bert-VERSION")],
    repo: Annotated[str, typer.Argument(help="Repository on the hub, user/name")],
    corpora: Annotated[Path, typer.Option(help="Folder of the converted corpora, for the counts")] = Path("corpus"),
    public: Annotated[bool, typer.Option("--public", help="Let everyone see the repository")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go up")] = False,
    i_may_share: Annotated[
        bool, typer.Option("--i-may-share", help="The terms of the notes let you share what learnt from them")
    ] = False,
) -> None:
    """Upload the wheel of PACKAGE, its pipeline and a model card to REPO."""
    # Imported here, so that --help does not wait for the hub's client
    from huggingface_hub import HfApi

    from scripts.publish.card import render_card
    from scripts.publish.hub import check_name, publish

    check_name(repo)
    wheel = find_wheel(package)
    audit = read_audit(wheel)
    api = HfApi()
    with tempfile.TemporaryDirectory() as folder:
        files = unpack(wheel, Path(folder))
        meta = read_json(files / "meta.json", "package the model", "sources", "performance", "license")
        check_terms(meta, i_may_share)
        url = f"{api.endpoint}/{repo}/resolve/main/{wheel.name}"
        card = render_card(meta, read_ledger(corpora, meta), audit, url)
        (files / "README.md").write_text(card, encoding="utf8")
        show(files)
        if dry_run:
            msg.divider("README.md")
            print(card)
        else:
            publish(api, repo, files, public)


def show(files: Path) -> None:
    """Print each file and its size."""
    sizes = {path.relative_to(files).as_posix(): path.stat().st_size for path in files.rglob("*") if path.is_file()}
    rows = [(name, f"{size:,}") for name, size in sorted(sizes.items())]
    rows.append((f"{len(sizes)} files", f"{sum(sizes.values()):,}"))
    msg.table(rows, header=["", "bytes"], aligns=["l", "r"], divider=True, max_col=max(map(len, sizes)))


if __name__ == "__main__":
    cli.run(main)
