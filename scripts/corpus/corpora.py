"""The corpora known by name: where their files lie, in which format, and with which labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.archives import File, archive_stem, read_files
from scripts.cli import InputError
from scripts.corpus.assertions import problems_of_dropped
from scripts.corpus.note import Note, Problem

CONCEPTS_2010 = frozenset({"problem", "test", "treatment"})
CONCEPTS_2011 = CONCEPTS_2010 | {"person", "pronoun"}
NEVER_IN_NAMES = '/\\$"'  # the latter two: weasel 1.0 puts them into JSON unescaped
MEDICATIONS = frozenset({"ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"})


class Corpus(NamedTuple):
    """A corpus known by name.

    folder (str): Where it lies below the assets.
    format (str): A key of FORMATS.
    labels (frozenset[str]): All its labels.
    archives (tuple[str, ...]): The archives of the release, by name without suffix (a folder of that
        name does as well); empty where the folder itself holds the notes.
    licence (str): Under what terms the notes, and so the models trained on them, stand.
    open (bool): Whether these let anyone show the notes and share the models.
    """

    folder: str
    format: str
    labels: frozenset[str]
    archives: tuple[str, ...] = ()
    licence: str = "n2c2 data use agreement"
    open: bool = False


CORPORA = {
    "sample": Corpus("sample/concepts", "con", CONCEPTS_2011, licence="CC0-1.0", open=True),
    "sample-medications": Corpus("sample/medications", "brat", MEDICATIONS, licence="CC0-1.0", open=True),
    "i2b2-2010": Corpus(
        "n2c2",
        "con",
        CONCEPTS_2010,
        ("concept_assertion_relation_training_data", "test_data", "reference_standard_for_test_data"),
    ),
    "i2b2-2011": Corpus(
        "n2c2",
        "con",
        CONCEPTS_2011,
        ("i2b2_Beth_Train_Release", "i2b2_Partners_Train_Release", "Task_1C"),
    ),
    "n2c2-2018": Corpus("n2c2", "brat", MEDICATIONS, ("training_20180910", "gold-standard-test-data")),
}


def read_corpus(name: str, source: Path) -> list[File]:
    """All files of a corpus.

    name (str): A corpus known by name, or any other name for the notes of `source`.
    source (Path): The assets folder for a known corpus; else the folder or archive of the notes.
    RAISES (InputError): The corpus or one of its archives is not there.
    """
    known = CORPORA.get(name)
    if known is None:
        return list(read_files(source, source.name if source.is_file() else ""))
    folder = source / known.folder
    if not known.archives:
        return list(read_files(folder))
    found = [_find_archive(name, folder, archive) for archive in known.archives]
    return [file for path in found for file in read_files(path, path.name)]


def check_name(corpus: str) -> None:
    """RAISES (InputError): The name would lead out of the folders that are named after it, or weasel cannot take it."""
    if not corpus or corpus[0] in ".-" or not corpus.isprintable() or set(corpus) & set(NEVER_IN_NAMES):
        raise InputError(
            f"{corpus!r} cannot name a corpus: give your notes a plain name with --vars.corpus and"
            " their folder with --vars.source."
        )


def check_labels(note: Note, labels: frozenset[str]) -> Note:
    """The note without the mentions whose label its corpus does not have; each becomes a problem."""
    unknown = [entity for entity in note.entities if entity.label not in labels]
    problems = [Problem(note.file, entity.line, "unknown label", entity.label, 1) for entity in unknown]
    of_dropped = [problem for entity in unknown for problem in problems_of_dropped(entity, note.file)]
    entities = tuple(entity for entity in note.entities if entity.label in labels)
    return note._replace(entities=entities, problems=(*note.problems, *problems, *of_dropped))


def _find_archive(name: str, folder: Path, archive: str) -> Path:
    def matches() -> Iterator[Path]:
        for path in sorted(folder.rglob("*")):
            if archive_stem(path.name) == archive and (path.is_dir() or path.name != archive):
                yield path

    found = sorted(matches(), key=lambda path: (path.is_dir(), len(path.parts)))
    if found:
        return found[0]
    raise InputError(
        f"{folder} has no {archive} (.tar.gz, .tgz or .zip): put the archive of {name} there as"
        " downloaded from the n2c2 portal."
    )
