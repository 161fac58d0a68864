"""Output in shards with a manifest that says which are done, so that a killed run goes on where it was.

A shard is there once its line is in the manifest: its file is renamed into place first, its failures are appended to
errors.jsonl, then the line is written, and each of these is on the disk before the next. What a run that was killed, or
cut off from its power, did behind the last line is done again. A line states the size and the SHA-256 of its shard, the
SHA-256 of all failures up to there, and a check of itself and all lines before it.
"""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

import srsly

from scripts.archives import LIMITS
from scripts.cli import InputError
from scripts.corpus.texts import Failure
from scripts.files import LOCK, file_locks, hash_tree, locked, make_folder, size_tree, whole_file, whole_folder

if TYPE_CHECKING:
    from scripts.corpus.writers import Writer

MANIFEST, ERRORS, SHARDS = "manifest.jsonl", "errors.jsonl", "shards"
# Settings that older manifests do not have; the rows of these formats had fewer columns then.
NEW_SETTINGS = {"assertions": False, "min_confidence": "0.0"}
NEWER_SETTINGS = {"limits": [*LIMITS]}  # without effect on rows
WIDENED = ("jsonl", "parquet")
LAST, SPREAD = 5, 5  # shards that are read when a run goes on, at the end and before it


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


class Line(NamedTuple):
    """A line of a manifest, and where it ends, in bytes from the start."""

    value: dict[str, Any]
    end: int


class Manifest:
    """What a run has done so far.

    folder (Path): The output.
    entries (list[dict]): The line of each shard, in order; one that was written again has its last.
    totals (Totals): Of all of them.
    damaged (list[int]): The places of those whose shard is not as it was written.
    dropped (int): Lines that do not count: they, or the failures they speak of, are not as they were written.
    finished (bool): Whether all notes are done.
    input_changed (bool): Whether the input was changed while the last of them were done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = []
        self.totals = Totals()
        self.damaged: list[int] = []
        self.dropped = 0
        self.finished = self.input_changed = False
        self._errors, self._errors_size = hashlib.sha256(), 0
        self._check = ""  # of the last line
        self._end = 0

    def _add_up(self) -> Totals:
        totals = Totals()
        for entry in self.entries:
            # Older ones left nothing out, and knew no confidence.
            entry = {"written": entry["mentions"], "left_out": 0, "unrated": entry["mentions"]} | entry
            totals = totals.plus(Totals(*(entry[name] for name in Totals._fields)))
        return totals

    @property
    def shards(self) -> int:
        return len(self.entries)

    def begin(self, settings: dict[str, Any]) -> None:
        """Write the first line of a new manifest."""
        with whole_file(self.folder / MANIFEST) as part:
            part.write_bytes(self._seal(settings))

    def load(self, lines: Sequence[Line], verify: bool = False) -> None:
        """Take up the lines of an earlier run, up to the first one that does not count.

        lines (Sequence[Line]): All of them, the settings first.
        verify (bool): Whether to read every shard; else the sizes of all and the hashes of some are looked at.
        """
        if not lines[0].value.keys() >= {"check"} and len(lines) > 1 and "check" in lines[1].value:
            raise ValueError("the settings have lost their check")
        path = self.folder / ERRORS
        with path.open("rb") if path.exists() else io.BytesIO() as errors:
            kept = next((place for place, line in enumerate(lines) if not self._take(line, errors)), len(lines))
        if not kept:
            raise ValueError("the settings are not as they were written")
        self.dropped = len(lines) - kept
        self.totals = self._add_up()
        self._end = lines[kept - 1].end
        hashed = set(range(self.shards)) if verify else choose_sample(self.shards)
        self.damaged = [place for place, entry in enumerate(self.entries) if not self._is_whole(entry, place in hashed)]
        self.finished = self.finished and not self.damaged

    def cut(self) -> None:
        """Remove what was written behind the last line that counts."""
        for name, size in ((MANIFEST, self._end), (ERRORS, self._errors_size)):
            with (self.folder / name).open("ab") as file:
                file.truncate(size)

    def _take(self, line: Line, errors: IO[bytes]) -> bool:
        """Whether a line counts.

        errors (IO[bytes]): The failures, where those of the shards before end.
        """
        value = {name: part for name, part in line.value.items() if name != "check"}
        check = line.value.get("check")
        if check != digest_line(value, self._check) and (check or self._check):  # an older version wrote none
            return False
        if "shard" in value and not self._take_shard(value, errors):
            return False
        self._check = check or ""
        self.finished, self.input_changed = "finished" in value, value.get("input_changed", False)
        return True

    def _take_shard(self, value: dict[str, Any], errors: IO[bytes]) -> bool:
        place = int(value["shard"][:5]) - 1
        if place < self.shards:  # written again
            self.entries[place] = value
            return True
        after = self._errors.copy()
        after.update(errors.read(value["errors_size"] - self._errors_size))
        if errors.tell() < value["errors_size"] or value.get("errors_sha256", after.hexdigest()) != after.hexdigest():
            return False
        self._errors, self._errors_size = after, value["errors_size"]
        self.entries.append(value)
        return True

    def _is_whole(self, entry: dict[str, Any], hashed: bool) -> bool:
        """Whether a shard is as it was written.

        hashed (bool): Whether to read it.
        """
        path = self.folder / SHARDS / entry["shard"]
        if not path.exists() or "sha256" not in entry:
            return path.exists()
        if hashed:
            return hash_tree(path) == (entry["size"], entry["sha256"])
        return size_tree(path) == entry["size"]

    def commit(
        self,
        writer: "Writer",
        failures: Sequence[Failure],
        totals: Totals,
        ids: Sequence[str],
        again: int | None = None,
    ) -> None:
        """Write a shard, whole or not at all; it is on the disk before its line is.

        writer (Writer): Holds the annotated notes.
        failures (Sequence[Failure]): The others.
        totals (Totals): Their counts.
        ids (Sequence[str]): The ids of all of them in order, of which the manifest names the first and the last.
        again (int | None): The place of a damaged shard that this one replaces; its failures are recorded already.
        """
        name = f"{(self.shards if again is None else again) + 1:05}{writer.suffix}"
        path = self.folder / SHARDS / name
        with whole_file(path) if writer.suffix else whole_folder(path) as part:
            writer.save(part)
        if again is None:
            self._add_errors(failures)
            errors = {"errors_size": self._errors_size, "errors_sha256": self._errors.hexdigest()}
        else:
            errors = {name: self.entries[again][name] for name in ("errors_size", "errors_sha256")}
        size, sha256 = hash_tree(path)
        entry = {
            "shard": name, "size": size, "sha256": sha256, "first": ids[0], "last": ids[-1],
            **totals._asdict(), **errors,
        }  # fmt: skip
        self._append(entry)
        if again is None:
            self.entries.append(entry)
            self.totals = self.totals.plus(totals)
        else:
            self.entries[again] = entry
            self.totals = self._add_up()
            self.damaged.remove(again)

    def _add_errors(self, failures: Sequence[Failure]) -> None:
        data = "".join(f"{srsly.json_dumps(failure._asdict())}\n" for failure in failures).encode("utf8")
        with (self.folder / ERRORS).open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._errors.update(data)
        self._errors_size += len(data)

    def finish(self, input_changed: bool = False) -> None:
        self._append({"finished": True, **self.totals._asdict(), "input_changed": input_changed})
        self.finished, self.input_changed = True, input_changed

    def reasons(self) -> Counter[str]:
        """How many notes failed for which reason."""
        failures = cast(Iterator[dict[str, str]], srsly.read_jsonl(self.folder / ERRORS))
        return Counter(failure["reason"] for failure in failures)

    def _append(self, line: dict[str, Any]) -> None:
        with (self.folder / MANIFEST).open("ab") as file:
            file.write(self._seal(line))
            file.flush()
            os.fsync(file.fileno())

    def _seal(self, line: dict[str, Any]) -> bytes:
        """A line with what shows that neither it nor any before it was changed."""
        self._check = digest_line(line, self._check)
        return f"{srsly.json_dumps({**line, 'check': self._check})}\n".encode()


def digest_line(line: dict[str, Any], before: str) -> str:
    """What a line of the manifest is checked by.

    before (str): The same of the line before, "" for the first one.
    """
    return hashlib.sha256(f"{before}{srsly.json_dumps(line)}".encode()).hexdigest()[:32]


def choose_sample(shards: int) -> set[int]:
    """The places of the shards that are read when a run goes on: the last ones, and some spread over the rest."""
    return {*range(max(0, shards - LAST), shards), *range(0, shards, max(1, shards // SPREAD))}


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
def open_manifest(folder: Path, settings: dict[str, Any], verify: bool = False) -> Iterator[Manifest]:
    """Begin a run, or go on with one of the same settings.

    folder (Path): The output; is made where it is absent.
    settings (dict[str, Any]): What the output depends on, and "input", its name for readers.
    verify (bool): Whether to read every shard of an earlier run.
    YIELDS (Manifest): The state of the run; nobody else can open it meanwhile.
    RAISES (InputError): The folder is of a run with other settings, or in use.
    """
    make_folder(folder)
    path, manifest = folder / MANIFEST, Manifest(folder)
    with locked(folder):
        if not path.exists() or not path.read_bytes().strip(b"\0"):  # a power cut of an older version left zeros
            manifest.begin(settings)
            manifest = Manifest(folder)
        lines = _read_lines(path)
        _check_settings(folder, lines[0].value, settings)
        try:
            manifest.load(lines, verify)
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{path} is damaged: name a new folder.") from None
        manifest.cut()
        yield manifest


def verify_output(folder: Path) -> Manifest:
    """Read all shards of a finished run, and change nothing.

    RAISES (InputError): It is not finished, or something of it is not as it was written.
    """
    path, manifest = folder / MANIFEST, Manifest(folder)
    if not path.exists():
        raise InputError(f"{folder} holds no {MANIFEST}: name the folder that was annotated into.")
    lines = _read_lines(path)
    try:
        manifest.load(lines, verify=True)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path} is damaged, so nothing of {folder} can be checked.") from None
    damaged = [manifest.entries[place]["shard"] for place in manifest.damaged]
    if damaged:
        names = ", ".join(damaged[:5]) + (", ..." if len(damaged) > 5 else "")
        raise InputError(
            f"{len(damaged):,} shards of {folder} are damaged ({names}): give the command that made them again."
        )
    if not manifest.finished:
        raise InputError(f"{folder} is not finished, or what was written last is damaged: give the same command again.")
    return manifest


def _read_lines(path: Path) -> list[Line]:
    """The lines of a manifest, up to the first one that is none.

    RAISES (InputError): There is not even a first one.
    """
    lines, end = [], 0
    for data in path.read_bytes().splitlines(keepends=True):
        try:
            value: Any = srsly.json_loads(data.decode("utf8"))
        except ValueError:
            break
        if not isinstance(value, dict) or not data.endswith(b"\n"):
            break
        end += len(data)
        lines.append(Line(value, end))
    if not lines:
        raise InputError(f"{path} is damaged: name a new folder.")
    return lines


def _check_settings(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    known = NEW_SETTINGS | NEWER_SETTINGS | before
    names = [name for name in now if name != "input" and known.get(name) != now[name]]
    if not names and not before.keys() >= NEW_SETTINGS.keys() and now.get("to") in WIDENED:
        raise InputError(
            f"{folder} was begun by an older version, which wrote less of each mention: go on with that version, or"
            " name a new folder."
        )
    if names:
        raise other_settings(folder, names)


def other_settings(folder: Path | str, names: Sequence[str]) -> InputError:
    """What is raised where an output was begun with other settings than those that are given."""
    return InputError(
        f"{folder} was begun with other settings ({', '.join(names)}): give the same again, or name a new folder."
    )
