"""Output in shards with a manifest that says which are done, so that a killed run goes on where it was.

A shard is there once its line is in the manifest: its file is renamed into place first, its failures are appended to
errors.jsonl, then the line is written. What a killed run did behind the last line is done again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import srsly

from scripts.cli import InputError
from scripts.corpus.texts import Failure
from scripts.files import LOCK, file_locks, locked, whole_file, whole_folder

if TYPE_CHECKING:
    from scripts.annotate.writers import Writer

MANIFEST, ERRORS, SHARDS = "manifest.jsonl", "errors.jsonl", "shards"
# Settings that older manifests do not have; the rows of these formats had fewer columns then.
NEW_SETTINGS = {"assertions": False, "min_confidence": "0.0"}
WIDENED = ("jsonl", "parquet")


class Totals(NamedTuple):
    """Counts of a shard or of a run; the invariants are notes = annotated + failed, mentions = written + left_out.

    notes (int): Notes read, and files that could not be read.
    annotated, failed (int): What became of them.
    mentions, written, left_out, unrated, words (int): Of the annotated ones; left out are mentions that are not sure
        enough, unrated those of the written ones that have no confidence.
    """

    notes: int = 0
    annotated: int = 0
    failed: int = 0
    mentions: int = 0
    written: int = 0
    left_out: int = 0
    unrated: int = 0
    words: int = 0

    def plus(self, other: "Totals") -> "Totals":
        return Totals(*(one + two for one, two in zip(self, other, strict=True)))


class Manifest:
    """What a run has done so far.

    folder (Path): The output.
    totals (Totals): Of all finished shards.
    shards (int): Their number.
    finished (bool): Whether all notes are done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.totals, self.shards, self.finished = Totals(), 0, False
        self._errors_size = 0

    def load(self, lines: Sequence[dict[str, Any]]) -> None:
        """Take up the lines of an earlier run.

        RAISES (InputError): A shard or recorded failures are gone.
        """
        for line in lines:
            if "shard" not in line:
                self.finished = True
                continue
            if not (self.folder / SHARDS / line["shard"]).exists():
                raise InputError(f"{self.folder / SHARDS / line['shard']} is gone: name a new folder.")
            # Older ones left nothing out, and knew no confidence.
            line = {"written": line["mentions"], "left_out": 0, "unrated": line["mentions"]} | line
            self.totals = self.totals.plus(Totals(*(line[name] for name in Totals._fields)))
            self.shards += 1
            self._errors_size = line["errors_size"]
        self._cut_errors()

    def _cut_errors(self) -> None:
        with (self.folder / ERRORS).open("ab") as file:
            if file.tell() < self._errors_size:
                raise InputError(f"{self.folder / ERRORS} is shorter than it was: name a new folder.")
            file.truncate(self._errors_size)

    def commit(self, writer: "Writer", failures: Sequence[Failure], totals: Totals, ids: Sequence[str]) -> None:
        """Write a shard, whole or not at all.

        writer (Writer): Holds the annotated notes.
        failures (Sequence[Failure]): The others.
        totals (Totals): Their counts.
        ids (Sequence[str]): The ids of all of them in order, of which the manifest names the first and the last.
        """
        name = f"{self.shards + 1:05}{writer.suffix}"
        path = self.folder / SHARDS / name
        with whole_file(path) if writer.suffix else whole_folder(path) as part:
            writer.save(part)
        with (self.folder / ERRORS).open("ab") as file:
            file.write("".join(f"{srsly.json_dumps(failure._asdict())}\n" for failure in failures).encode("utf8"))
            self._errors_size = file.tell()
        self._append({
            "shard": name, "first": ids[0], "last": ids[-1], **totals._asdict(), "errors_size": self._errors_size,
        })  # fmt: skip
        self.totals, self.shards = self.totals.plus(totals), self.shards + 1

    def finish(self) -> None:
        self._append({"finished": True, **self.totals._asdict()})
        self.finished = True

    def reasons(self) -> Counter[str]:
        """How many notes failed for which reason."""
        failures = cast(Iterator[dict[str, str]], srsly.read_jsonl(self.folder / ERRORS))
        return Counter(failure["reason"] for failure in failures)

    def _append(self, line: dict[str, Any]) -> None:
        with (self.folder / MANIFEST).open("ab") as file:
            file.write(f"{srsly.json_dumps(line)}\n".encode())


def check_output(folder: Path, source: Path) -> None:
    """RAISES (InputError): The folder cannot be locked, or not written to without touching something else."""
    file_locks()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder to write to.")
    if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{folder} lies in {source}, whose notes are read: name a folder elsewhere.")
    if folder.exists() and not (folder / MANIFEST).exists():
        ours = (LOCK, f".{MANIFEST}.part")  # of a run killed at its very start
        if any(path.name not in ours for path in folder.iterdir()):
            raise InputError(f"{folder} holds something else: name an empty or a new folder.")


@contextmanager
def open_manifest(folder: Path, settings: dict[str, Any]) -> Iterator[Manifest]:
    """Begin a run, or go on with one of the same settings.

    folder (Path): The output; is made where it is absent.
    settings (dict[str, Any]): What the output depends on, and "input", its name for readers.
    YIELDS (Manifest): The state of the run; nobody else can open it meanwhile.
    RAISES (InputError): The folder is of a run with other settings, or in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, manifest = folder / MANIFEST, Manifest(folder)
    with locked(folder):
        if not path.exists():
            with whole_file(path) as part:
                srsly.write_jsonl(part, [settings])
        lines = _read_lines(path)
        _check_settings(folder, lines[0], settings)
        try:
            manifest.load(lines[1:])
        except (KeyError, TypeError):
            raise InputError(f"{path} is damaged: name a new folder.") from None
        yield manifest


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a manifest; one that was cut off is removed."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    try:
        lines = [srsly.json_loads(line) for line in whole.decode("utf8").splitlines()]
        if not lines or not all(isinstance(line, dict) for line in lines):
            raise ValueError
    except ValueError:
        raise InputError(f"{path} is damaged: name a new folder.") from None
    with path.open("r+b") as file:
        file.truncate(len(whole))
    return cast(list[dict[str, Any]], lines)


def _check_settings(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    known = NEW_SETTINGS | before
    names = [name for name in now if name != "input" and known.get(name) != now[name]]
    if not names and not before.keys() >= NEW_SETTINGS.keys() and now.get("to") in WIDENED:
        raise InputError(
            f"{folder} was begun by an older version, which wrote less of each mention: go on with that version, or"
            " name a new folder."
        )
    if names:
        raise InputError(
            f"{folder} was begun with other settings ({', '.join(names)}): give the same again, or name a new folder."
        )
