"""Publishing with the real client of the hub, against a small hub on this machine."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import srsly
from huggingface_hub import constants
from huggingface_hub.utils._http import reset_sessions

from scripts.corpus.corpora import CORPORA
from scripts.corpus.terms import ASSETS, terms_of
from scripts.encoders import UNLABELLED
from scripts.package.meta import meta_fields
from scripts.publish.__main__ import main as publish
from tests.commands import Done, assert_fails, run
from tests.hub_server import CUT, CUT_AFTER, Hub, Repo, running
from tests.paths import ROOT
from tests.projects import Project

TOKEN = "hf_InventedTokenThatNobodyMaySee"
REPO = "anna/en_medner_bert"
VERSION = srsly.read_yaml(ROOT / "project.yml")["vars"]["version"]  # type: ignore[index]
NAME = f"en_medner_bert-{VERSION}"
WHEEL = f"{NAME}-py3-none-any.whl"
EMPTY = {".gitattributes"}


@pytest.fixture
def hub(monkeypatch):
    with running(TOKEN) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        reset_sessions()
        yield server
        reset_sessions()


@pytest.fixture
def package(workflow: Project, tmp_path: Path) -> Path:
    """The package of the tiny BERT, in a folder of its own."""
    return shutil.copytree(workflow.path(f"packages/{NAME}"), tmp_path / NAME)


@pytest.fixture
def send(workflow: Project, package: Path, monkeypatch):
    """Run the command on the package; whatever happens, the token is not printed."""
    monkeypatch.chdir(workflow.folder)

    def publish_package(*options: str, repo: str = REPO) -> Done:
        done = run(publish, package, repo, *options)
        assert TOKEN not in done.output
        return done

    return publish_package


def members(package: Path) -> dict[str, bytes]:
    """The pipeline's files in the wheel, but for the README that the card replaces, and the wheel."""
    inside = f"en_medner_bert/{NAME}/"
    with zipfile.ZipFile(package / "dist" / WHEEL) as wheel:
        names = [name for name in wheel.namelist() if name.startswith(inside) and not name.endswith("README.md")]
        files = {name.removeprefix(inside): wheel.read(name) for name in names}
    return {**files, WHEEL: (package / "dist" / WHEEL).read_bytes()}


def names(package: Path) -> set[str]:
    """All that a published repository holds."""
    return {*members(package), "README.md", *EMPTY}


def card_of(hub: Hub) -> tuple[dict, str]:
    """Front matter and body."""
    _, front, body = hub.repos[REPO].files["README.md"].decode().split("---\n", 2)
    return srsly.yaml_loads(front), body  # type: ignore[return-value]


def audit_path(package: Path) -> Path:
    return package / "dist" / f"{WHEEL}.audit.json"


def change_audit(package: Path, **fields: object) -> None:
    srsly.write_json(audit_path(package), {**json.loads(audit_path(package).read_text()), **fields})


def change_meta(package: Path, **fields: object) -> None:
    """Rewrite the wheel with another meta.json, and the audit with its hash."""
    wheel = package / "dist" / WHEEL
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in contents.items():
            changed = json.dumps({**json.loads(data), **fields}) if name.endswith("meta.json") else data
            archive.writestr(name, changed)
    change_audit(package, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())


def learnt_from(package: Path, workflow: Project, corpus: str) -> str:
    """As if the model had learnt from another corpus; its licence as packaging writes it."""
    terms = terms_of(corpus, ASSETS)
    sources = [terms.to_source(), {"name": "bert-compact", "license": "see the encoder"}]
    change_meta(package, sources=sources, license=terms.licence)
    folder = shutil.copytree(workflow.path("corpus/sample"), package.parent / "corpora" / "some folder")
    change_json(folder / "conversion.json", **terms._asdict())
    return terms.licence


def change_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_everything_goes_up_in_one_commit_and_stays_private(hub, package, send):
    done = send()
    assert done.code == 0, done.output
    assert f"Published {hub.url}/{REPO}, private" in done.output
    repo = hub.repos[REPO]
    assert repo.private and repo.commits == 1 and not hub.shown
    assert set(repo.files) == names(package)
    assert {name: repo.files[name] for name in members(package)} == members(package)


def test_a_public_repository_is_never_seen_without_its_files(hub, package, send):
    done = send("--public")
    assert done.code == 0, done.output
    assert f"{REPO}, public" in done.output and not hub.repos[REPO].private
    assert hub.shown == {(REPO, frozenset(names(package)))}
    assert hub.calls.index("settings") > hub.calls.index("commit")


def test_a_dry_run_shows_all_of_it_and_calls_nobody(hub, package, send):
    done = send("--dry-run", "--public")
    assert done.code == 0 and hub.calls == []
    shown = dict(re.findall(r"^(\S+) +([\d,]+)$", done.output, re.MULTILINE))
    assert send().code == 0
    assert shown == {name: f"{len(data):,}" for name, data in hub.repos[REPO].files.items() if name not in EMPTY}
    assert hub.repos[REPO].files["README.md"].decode() in done.output


def test_the_front_matter_of_the_card(hub, workflow, send):
    send()
    front, _ = card_of(hub)
    assert {"spacy", "token-classification", "medical"} <= set(front["tags"])
    assert (front["language"], front["license"]) == ("en", "mit")
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert model["name"] == "en_medner_bert" and result["dataset"]["name"] == "sample"
    assert result["task"] == {"type": "token-classification", "name": "NER"}
    metrics = json.loads(workflow.path("metrics/sample/bert.json").read_text())
    assert {metric["name"]: metric["value"] for metric in result["metrics"]} == {
        "NER Precision": metrics["ents_p"],
        "NER Recall": metrics["ents_r"],
        "NER F Score": metrics["ents_f"],
    }


def test_the_body_of_the_card(hub, workflow, package, send):
    send()
    _, body = card_of(hub)
    for label in CORPORA["sample"].labels:
        assert f"`{label}`" in body
    splits = json.loads(workflow.path("corpus/sample/conversion.json").read_text())["splits"]
    for name, split in splits.items():
        assert f"| {name} | {split['notes']:,} | {split['tokens']:,} | {split['read']:,} | {split['kept']:,} |" in body
    metrics = json.loads(workflow.path("metrics/sample/bert.json").read_text())
    rows = {**metrics["ents_per_type"], "all": {key: metrics[f"ents_{key}"] for key in "prf"}}
    for label, score in rows.items():
        assert f"| {label} | {100 * score['p']:.2f} | {100 * score['r']:.2f} | {100 * score['f']:.2f} |" in body
    audit = json.loads(audit_path(package).read_text())
    assert f"({audit['files']} of them; sha256 `{audit['sha256']}`)" in body
    assert f"{audit['terms']:,} words and word 3-grams" in body and ": 0 found." in body
    assert "may still have memorised text" in body
    assert "{{" not in body and "{%" not in body


def test_pip_installs_from_the_hub_as_the_card_says(hub, package, send, tmp_path):
    send("--public")
    _, body = card_of(hub)
    (url,) = re.findall(r"^pip install (\S+)$", body, re.MULTILINE)
    assert url == f"{hub.url}/{REPO}/resolve/main/{WHEEL}"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(tmp_path / "site"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/en_medner_bert/meta.json").is_file()


def test_a_package_without_its_audit_is_refused(hub, package, send):
    audit_path(package).unlink()
    assert_fails(send("--i-may-share"), f"{WHEEL}.audit.json does not exist", "package the model first")
    assert hub.calls == []


@pytest.mark.parametrize("fields", [{"hits": 1}, {"hits": None}, {"sha256": "0" * 64}])
def test_a_package_whose_audit_is_not_clean_or_anothers_is_refused(hub, package, send, fields):
    change_audit(package, **fields)
    assert_fails(send("--i-may-share"), f"{WHEEL}.audit.json", "package the model again")
    assert hub.calls == []


def test_a_wheel_that_was_changed_after_its_audit_is_refused(hub, package, send):
    with zipfile.ZipFile(package / "dist" / WHEEL, "a") as wheel:
        wheel.writestr("note.txt", "planted")
    assert_fails(send(), "audit of another wheel")
    assert hub.calls == []


@pytest.mark.parametrize("corpus", ["i2b2-2011", "n2c2-2018", "ward"])
def test_only_who_may_share_publishes_what_learnt_from_protected_notes(hub, workflow, package, send, corpus):
    licence = learnt_from(package, workflow, corpus)
    corpora = ("--corpora", str(package.parent / "corpora"))
    assert_fails(send(*corpora), f"learnt from {corpus}", licence, "--i-may-share")
    assert_fails(send(*corpora, "--dry-run"), "--i-may-share")
    assert hub.calls == []
    assert send(*corpora, "--i-may-share").code == 0 and hub.repos[REPO].private
    front, body = card_of(hub)
    assert front["license"] == "other" and front["license_name"] == licence.replace(" ", "-")
    assert f"`{corpus}` (licence: {licence})" in body


def test_what_learnt_from_an_encoder_adapted_to_notes_needs_a_right_to_share_too(hub, workflow, package, send):
    corpus = terms_of("sample", ASSETS).to_source()
    metrics = json.loads(workflow.path("metrics/sample/bert.json").read_text())
    fields = meta_fields(metrics, [corpus, UNLABELLED])
    encoder = {"name": metrics["encoder"], "license": "see the encoder"}
    assert fields["sources"] == [corpus, encoder, UNLABELLED] and fields["license"] == UNLABELLED["license"]
    change_meta(package, sources=fields["sources"], license=fields["license"])
    assert_fails(send(), "learnt from unlabelled notes", "--i-may-share")
    assert hub.calls == []
    assert send("--i-may-share").code == 0 and card_of(hub)[0]["license"] == "other"


def test_a_licence_that_sounds_open_opens_nothing(hub, package, send):
    """Only what `convert` stated to be open is: a package of an earlier version states nothing."""
    sources = [{"name": "sample", "license": "CC0-1.0"}, {"name": "bert-compact", "license": "see the encoder"}]
    change_meta(package, sources=sources)
    assert_fails(send(), "learnt from sample", "--i-may-share")
    assert hub.calls == []


def test_a_folder_that_is_no_package_is_reported(hub, package, send):
    shutil.copy(package / "dist" / WHEEL, package / "dist/second.whl")
    assert_fails(send(), "holds 2 wheels instead of one")
    shutil.rmtree(package)
    assert_fails(send(), "holds 0 wheels instead of one", "package the model first")


@pytest.mark.parametrize("repo", ["", "en_medner_bert", "anna/en/medner", "anna/en medner", "anna/.."])
def test_a_name_that_the_hub_does_not_take_is_reported(hub, send, repo):
    assert_fails(send(repo=repo), f"'{repo}' is no repository", "user/name")
    assert hub.calls == []


def test_the_ledger_has_to_be_that_of_the_package(hub, workflow, package, send, tmp_path):
    corpora = tmp_path / "corpora"
    assert_fails(send("--corpora", str(corpora)), "no corpus that was converted as sample: convert it first")
    path = shutil.copytree(workflow.path("corpus/sample"), corpora / "sample") / "conversion.json"
    change_json(path, corpus="ward")
    assert_fails(send("--corpora", str(corpora)), "no corpus that was converted as sample: convert it first")
    splits = json.loads(path.read_text())["splits"]
    splits["test"]["entities"] += 1
    change_json(path, corpus="sample", splits=splits)
    assert_fails(send("--corpora", str(corpora)), "has other test notes than the package was scored on")
    assert hub.calls == []


@pytest.mark.parametrize("sources", [[], ["sample", "bert"], [{"name": "sample", "license": "CC0-1.0", "open": "yes"}]])
def test_a_package_that_states_no_notes_is_refused(hub, package, send, sources):
    change_meta(package, sources=sources)
    assert_fails(send("--i-may-share"), "does not state which notes its model learnt from")
    assert hub.calls == []


NOT_MADE = f"{REPO} could not be made", "nothing was uploaded", "private and empty"
NOT_SENT = f"The upload to {REPO} failed", "it is private", "either all of the files or none"
NOT_SHOWN = f"{REPO} could not be made public", "all of the files", "was private until now"
KNOWN = {401: "set HF_TOKEN", 403: "may not write", CUT: "connection broke", CUT_AFTER: "connection broke"}
FAULTS = [
    *(("create", fault, NOT_MADE) for fault in (401, 403, 500, 503, CUT, CUT_AFTER)),
    *(("info", fault, NOT_MADE) for fault in (404, 503, CUT)),
    *(("validate", fault, NOT_SENT) for fault in (400, 503, CUT)),
    *(("preupload", fault, NOT_SENT) for fault in (401, 503, CUT)),
    *(("batch", fault, NOT_SENT) for fault in (403, 500, CUT)),
    ("blob", 403, NOT_SENT),  # on 5xx and cut connections the client itself tries again, five times
    *(("commit", fault, NOT_SENT) for fault in (401, 403, 500, CUT, CUT_AFTER)),
    *(("settings", fault, NOT_SHOWN) for fault in (401, 403, 503, CUT, CUT_AFTER)),
]


@pytest.mark.parametrize(("call", "fault", "said"), FAULTS)
def test_a_failure_is_reported_and_leaves_nothing_half_public(hub, package, send, call, fault, said):
    hub.faults[call] = fault
    done = send("--public")
    assert_fails(done, *said, KNOWN.get(fault, f"the hub answered {fault}"))
    assert hub.shown <= {(REPO, frozenset(names(package)))}
    assert not hub.shown or (call, fault) == ("settings", CUT_AFTER)
    if REPO in hub.repos and said is not NOT_SHOWN and fault != CUT_AFTER:
        assert set(hub.repos[REPO].files) == EMPTY


def test_the_same_command_succeeds_when_the_hub_is_back(hub, package, send):
    hub.faults = {"commit": 503}
    assert send("--public").code == 1
    assert send("--public").code == 0
    assert hub.shown == {(REPO, frozenset(names(package)))}


def test_a_file_whose_connection_broke_is_sent_again(hub, package, send):
    hub.faults = {"blob": CUT}
    assert send().code == 0
    assert hub.repos[REPO].files[WHEEL] == members(package)[WHEEL]


def test_a_public_repository_is_written_to_only_if_asked(hub, package, send):
    hub.repos[REPO] = Repo(private=False)
    assert_fails(send(), f"{REPO} is public already", "nothing was uploaded", "--public")
    assert set(hub.repos[REPO].files) == EMPTY
    hub.faults = {"commit": 500}
    assert_fails(send("--public"), "it is public as before", "either all of the files or none")
    assert hub.shown == {(REPO, frozenset(EMPTY))}
    assert send("--public").code == 0
    assert hub.shown == {(REPO, frozenset(EMPTY)), (REPO, frozenset(names(package)))}
    assert "settings" not in hub.calls


def test_what_a_private_repository_held_does_not_become_public(hub, package, send):
    hub.repos[REPO] = Repo(private=True, files={"notes.txt": b"private"})
    assert_fails(send("--public"), "is private and holds files", "nothing was uploaded", "in its settings")
    assert set(hub.repos[REPO].files) == {"notes.txt"} and not hub.shown
    assert send().code == 0
    assert set(hub.repos[REPO].files) == {"notes.txt", *names(package)} - EMPTY and hub.repos[REPO].private


def test_a_wrong_token_is_reported(hub, send, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_Wrong")
    done = send()
    assert_fails(done, *NOT_MADE, "set HF_TOKEN")
    assert "hf_Wrong" not in done.output and not hub.repos


def test_a_token_that_cannot_be_sent_is_not_printed(hub, send, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_Wrong→")
    done = send()
    assert_fails(done, *NOT_MADE, "UnicodeEncodeError")
    assert "hf_Wrong" not in done.output


@pytest.fixture
def command(hub, workflow, package):
    """Run the command as a user does, in a process of its own."""

    def run_command(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "ANSI_COLORS_DISABLED": "1", **variables}
        return subprocess.run(
            [sys.executable, "-m", "scripts.publish", str(package), REPO],
            cwd=workflow.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_command


def test_the_command_finds_the_endpoint_and_the_token_in_the_environment(hub, package, command):
    done = command(HF_HUB_OFFLINE="0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(hub.repos[REPO].files) == names(package)
    assert TOKEN not in done.stdout + done.stderr


def test_offline_mode_is_reported(hub, command):
    done = command(HF_HUB_OFFLINE="1")
    assert done.returncode == 1 and "HF_HUB_OFFLINE is set" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr and hub.calls == []


def test_a_hub_that_is_not_there_is_reported(hub, send, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert_fails(send(), *NOT_MADE, "connection broke")
