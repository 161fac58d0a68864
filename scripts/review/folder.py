"""The brat folder in which notes are reviewed: what was asked before, what is still open, and what is added."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.tokens import Doc, Span

from scripts.cli import InputError
from scripts.corpus.brat import ann_lines, safe_name
from scripts.corpus.note import TO_REVIEW
from scripts.corpus.texts import Text
from scripts.files import LOCK, whole_file
from scripts.pages.confidence import LOW

CONFIG, LEDGER = "annotation.conf", "review.jsonl"
_MARK = re.compile(rf"^[AM]\S*\t\s*{TO_REVIEW}\s", re.MULTILINE)


class ReviewFolder:
    """A folder of brat pairs with a ledger of the notes that were ever put there, so that none is asked twice.

    folder (Path): Is made where it is absent.
    asked (set[str]): Hashes of the texts of all notes that were ever put here, taken away or not.
    RAISES (InputError): It holds something else, or a damaged ledger.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: name a folder to write to.")
        if folder.exists() and not (folder / LEDGER).exists() and self._others():
            raise InputError(f"{folder} holds something else: name an empty or a new folder.")
        lines = _read_ledger(folder / LEDGER) if (folder / LEDGER).exists() else []
        # What a run that was killed has not yet written into the ledger is asked as well.
        self.asked = {line["sha256"] for line in lines} | {hash_text(text) for text in self.texts()}

    def _others(self) -> bool:
        """Whether it holds what no run of ours that was killed at its very start has left."""
        ours = (LOCK, CONFIG, *(f".{name}.part" for name in (CONFIG, LEDGER)))
        return any(path.name not in ours for path in self.folder.iterdir())

    def is_asked(self, text: str) -> bool:
        """Whether a note of this text was put here before, under whichever id."""
        return hash_text(text) in self.asked

    def texts(self) -> Iterator[str]:
        """The texts of the notes that are here."""
        for path in sorted(self.folder.rglob("*.txt")):
            yield path.read_bytes().decode("utf8", "replace")

    def count(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): How many notes that are here are reviewed, and how many still open."""
        pairs = (path for path in self.folder.rglob("*.ann") if path.with_suffix(".txt").exists())
        marked = [bool(_MARK.search(path.read_bytes().decode("utf8", "replace"))) for path in pairs]
        return marked.count(False), marked.count(True)

    def begin(self, config: str) -> list[str]:
        """Write what brat has to know and the ledger, where they are not there, and take away what a killed run left.

        config (str): The annotation.conf.
        RETURNS (list[str]): What of it the annotation.conf that is there lacks; somebody may have changed that.
        """
        for name, content in ((CONFIG, config), (LEDGER, "")):
            if not (self.folder / name).exists():
                with whole_file(self.folder / name) as path:
                    path.write_text(content, encoding="utf8")
        for path in self.folder.rglob("*.ann"):
            if not path.with_suffix(".txt").exists():
                path.unlink()
        known = (self.folder / CONFIG).read_text(encoding="utf8", errors="replace").splitlines()
        return [line.split("\t")[0] for line in config.splitlines() if line not in known]

    def add(self, note: Text, doc: Doc, line: dict[str, Any]) -> None:
        """Put an annotated note here, its doubtful mentions marked.

        line (dict[str, Any]): What the ledger is to say of it beside its id, file and hash.
        RAISES (ValueError): It cannot be written in brat's format; nothing of it is.
        """
        annotations = "".join(f"{each}\n" for each in ann_lines(note.text, doc, find_doubtful(doc.ents)))
        digest = hash_text(note.text)
        name = safe_name(note.id)
        if self._path(name, ".txt").exists():  # of another text
            name = safe_name(f"{note.id}-{digest[:8]}")
        # The text last: a note is there once its text is.
        for suffix, content in ((".ann", annotations), (".txt", note.text)):
            with whole_file(self._path(name, suffix)) as path:
                path.write_bytes(content.encode("utf8"))
        self.asked.add(digest)
        line = {"id": note.id, "file": f"{name}.ann", "sha256": digest, **line}
        with (self.folder / LEDGER).open("ab") as file:
            file.write(f"{srsly.json_dumps(line)}\n".encode())

    def _path(self, name: str, suffix: str) -> Path:
        return self.folder / f"{name}{suffix}"


def hash_text(text: str) -> str:
    """By which a text is known again."""
    return hashlib.sha256(text.encode("utf8", "surrogatepass")).hexdigest()


def find_doubtful(mentions: Sequence[Span]) -> list[Span]:
    """The mentions to be marked: those that are more likely wrong than right, or else the least sure one.

    mentions (Sequence[Span]): Of a note; one without a confidence is not doubtful.
    """
    known = [ent for ent in mentions if ent._.confidence is not None]
    least = min(known, key=lambda ent: ent._.confidence, default=None)
    return [ent for ent in known if ent._.confidence < LOW or ent == least]


def _read_ledger(path: Path) -> list[dict[str, Any]]:
    """The lines of a ledger; one that was cut off is removed."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    lines = [_read_line(line) for line in whole.decode("utf8", "replace").splitlines()]
    if None in lines:
        raise InputError(f"{path} is damaged: name a new folder.")
    last = _read_line(data[len(whole) :].decode("utf8", "replace"))
    with path.open("r+b") as file:
        file.truncate(len(whole))
        if last:  # whole but for its end, as an editor may leave it
            file.seek(0, 2)
            file.write(data[len(whole) :] + b"\n")
    return [line for line in [*lines, last] if line]


def _read_line(line: str) -> dict[str, Any] | None:
    try:
        value = srsly.json_loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("sha256"), str) else None
