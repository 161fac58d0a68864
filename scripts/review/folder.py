"""The brat folder in which notes are reviewed: what was asked before, what is still open, and what is added."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import srsly
from spacy.tokens import Doc, Span

from scripts.cli import InputError
from scripts.corpus.brat import ann_lines, safe_name
from scripts.corpus.note import DOUBTFUL
from scripts.corpus.texts import Text
from scripts.files import whole_file
from scripts.pages.confidence import LOW

LEDGER = "review.jsonl"
_MARK = re.compile(rf"^[AM]\S*\t\s*{DOUBTFUL}\s", re.MULTILINE)


class ReviewFolder:
    """A folder of brat pairs with a ledger of the notes that were ever put there, so that none is asked twice.

    folder (Path): Is made where it is absent.
    asked (set[str]): The ids of all notes that were ever put here, taken away or not.
    RAISES (InputError): It holds something else, or a damaged ledger.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / LEDGER
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: name a folder to write to.")
        if folder.exists() and not path.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} holds something else: name an empty or a new folder.")
        self.asked = {line["id"] for line in _read_ledger(path)} if path.exists() else set[str]()

    def is_asked(self, note_id: str) -> bool:
        """Whether a note was put here before, by a run that was killed before it wrote so too."""
        return note_id in self.asked or self._path(note_id, ".txt").exists()

    def texts(self) -> Iterable[str]:
        """The texts of the notes that are here."""
        for path in sorted(self.folder.rglob("*.txt")):
            yield path.read_bytes().decode("utf8", "replace")

    def count(self) -> tuple[int, int]:
        """RETURNS (tuple[int, int]): How many notes that are here are reviewed, and how many still open."""
        marked = [bool(_MARK.search(path.read_bytes().decode("utf8", "replace")))
                  for path in self.folder.rglob("*.ann")]  # fmt: skip
        return marked.count(False), marked.count(True)

    def begin(self, config: str) -> None:
        """Write what brat has to know, and the ledger if there is none.

        config (str): The annotation.conf.
        """
        with whole_file(self.folder / "annotation.conf") as path:
            path.write_text(config, encoding="utf8")
        if not (self.folder / LEDGER).exists():
            with whole_file(self.folder / LEDGER) as path:
                path.touch()

    def add(self, note: Text, doc: Doc, line: dict[str, Any]) -> None:
        """Put an annotated note here, its doubtful mentions marked.

        line (dict[str, Any]): What the ledger is to say of it beside its id and file.
        """
        annotations = "".join(f"{each}\n" for each in ann_lines(note.text, doc, find_doubtful(doc.ents)))
        # The text last: a note is there once its text is.
        for suffix, content in ((".ann", annotations), (".txt", note.text)):
            with whole_file(self._path(note.id, suffix)) as path:
                path.write_bytes(content.encode("utf8"))
        line = {"id": note.id, "file": f"{safe_name(note.id)}.ann", **line}
        with (self.folder / LEDGER).open("ab") as file:
            file.write(f"{srsly.json_dumps(line)}\n".encode())
        self.asked.add(note.id)

    def _path(self, note_id: str, suffix: str) -> Path:
        return self.folder / f"{safe_name(note_id)}{suffix}"


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
    try:
        lines = [srsly.json_loads(line) for line in whole.decode("utf8").splitlines()]
        if not all(isinstance(line, dict) and isinstance(line.get("id"), str) for line in lines):
            raise ValueError
    except ValueError:
        raise InputError(f"{path} is damaged: name a new folder.") from None
    with path.open("r+b") as file:
        file.truncate(len(whole))
    return cast(list[dict[str, Any]], lines)
