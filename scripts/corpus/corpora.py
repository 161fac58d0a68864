"""The corpora known by name: where their files lie, in which format, and with which labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.archives import LIMITS, File, Limits, archive_stem, read_files
from scripts.cli import InputError
from scripts.corpus.assertions import problems_of_dropped
from scripts.corpus.note import Note, Problem

CONCEPTS_2010 = frozenset({"problem", "test", "treatment"})
CONCEPTS_2011 = CONCEPTS_2010 | {"person", "pronoun"}
NEVER_IN_NAMES = '/\\$"'  # the latter two: weasel 1.0 puts them into JSON unescaped
MEDICATIONS = frozenset({"ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"})
IDENTIFIERS_2006 = frozenset({"AGE", "DATE", "DOCTOR", "HOSPITAL", "ID", "LOCATION", "PATIENT", "PHONE"})
# Types and the groups of them, of which --labels chooses
IDENTIFIERS_2014 = frozenset(
    {
        *("NAME", "PATIENT", "DOCTOR", "USERNAME", "PROFESSION", "AGE", "DATE", "OTHER"),
        *("LOCATION", "ROOM", "DEPARTMENT", "HOSPITAL", "ORGANIZATION", "STREET", "CITY", "STATE", "COUNTRY", "ZIP"),
        *("LOCATION-OTHER", "CONTACT", "PHONE", "FAX", "EMAIL", "URL", "IPADDR", "ID", "SSN", "MEDICALRECORD"),
        *("HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "IDNUM"),
    }
)
RISKS_2014 = frozenset(
    {"CAD", "DIABETES", "FAMILY_HIST", "HYPERLIPIDEMIA", "HYPERTENSION", "MEDICATION", "OBESE", "SMOKER"}
)
EVENTS_2012 = frozenset({"EVENT", "CLINICAL_DEPT", "EVIDENTIAL", "OCCURRENCE", "PROBLEM", "TEST", "TREATMENT"})
TIMES_2012 = frozenset({"TIMEX3", "DATE", "DURATION", "FREQUENCY", "TIME"})
FIELDS_2009 = frozenset({"m", "do", "mo", "f", "du", "r"})
EVENTS_2022 = frozenset({"Disposition", "NoDisposition", "Undetermined", "Drug"})


class Corpus(NamedTuple):
    """A corpus known by name.

    folder (str): Where it lies below the assets.
    format (str): A key of FORMATS.
    labels (frozenset[str]): All its labels; empty where they are not known.
    archives (tuple[str, ...]): The archives of the release, by name without suffix (a folder of that
        name does as well), other names of one after a `|`; empty where the folder itself holds the notes.
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
    "i2b2-2006": Corpus(
        "n2c2",
        "i2b2-2006",
        IDENTIFIERS_2006,
        (
            "deid_surrogate_train_all_version2|1B deid_surrogate_train_all_version2_CORRECTED",
            "deid_surrogate_test_all_groundtruth_version2",
        ),
    ),
    "i2b2-2009": Corpus(
        "n2c2",
        "i2b2-2009",
        FIELDS_2009,
        (
            "train.test.released.8.17.09",
            "training.sets.released",
            "training.ground.truth.01.06.11.2009|training.ground.truth",
            "annotations_ground_truth",
        ),
    ),
    "i2b2-2012": Corpus(
        "n2c2",
        "i2b2-2012",
        EVENTS_2012 | TIMES_2012,
        ("2012-07-15.original-annotation.release", "2012-08-23.test-data.groundtruth"),
    ),
    "i2b2-2014": Corpus(
        "n2c2",
        "i2b2-2014",
        IDENTIFIERS_2014,
        (
            "training-PHI-Gold-Set1|2014_training-PHI-Gold-Set1",
            "training-PHI-Gold-Set2|2014_training-PHI-Gold-Set2",
            "testing-PHI-Gold-fixed|2014_testing-PHI-Gold-fixed",
        ),
    ),
    "i2b2-2014-risk": Corpus(
        "n2c2",
        "i2b2-2014-risk",
        RISKS_2014,
        (
            "training-RiskFactors-Complete-Set1",
            "training-RiskFactors-Complete-Set2",
            "testing-RiskFactors-Complete",
        ),
    ),
    # Of these not all archives are known by name: whatever lies in the folder is read.
    "n2c2-2019": Corpus("n2c2/2019", "n2c2-2019", frozenset({"concept"})),
    "n2c2-2022-1": Corpus("n2c2/2022-1", "n2c2-2022-1", EVENTS_2022),
    "n2c2-2022-2": Corpus("n2c2/2022-2", "brat", frozenset()),
    "n2c2-2018": Corpus("n2c2", "brat", MEDICATIONS, ("training_20180910", "gold-standard-test-data")),
}


def read_corpus(name: str, source: Path, limits: Limits = LIMITS) -> list[File]:
    """All files of a corpus.

    name (str): A corpus known by name, or any other name for the notes of `source`.
    source (Path): The assets folder for a known corpus; else the folder or archive of the notes, as also for a known
        one under a data use agreement, if it has no such folder as the assets have.
    limits (Limits): Of what is unpacked from each archive, or folder with archives.
    RAISES (InputError): The corpus or one of its archives is not there.
    """
    known = CORPORA.get(name)
    if known is None:
        return _read_all(source, limits)
    folder = source / known.folder
    if not known.open and not folder.exists() and (files := _read_all(source, limits)):
        return files
    if not known.archives:
        return list(read_files(folder, limits=limits))
    found = [_find_archive(name, folder, archive) for archive in known.archives]
    return [file for path in found for file in read_files(path, path.name, limits)]


def _read_all(source: Path, limits: Limits) -> list[File]:
    return list(read_files(source, source.name if source.is_file() else "", limits))


def check_name(corpus: str) -> None:
    """RAISES (InputError): The name would lead out of the folders that are named after it, or weasel cannot take it."""
    if not corpus or corpus[0] in ".-" or not corpus.isprintable() or set(corpus) & set(NEVER_IN_NAMES):
        raise InputError(
            f"{corpus!r} cannot name a corpus: give your notes a plain name with --vars.corpus and"
            " their folder with --vars.source."
        )


def check_labels(note: Note, labels: frozenset[str]) -> Note:
    """The note without the mentions whose label its corpus does not have, if its labels are known; each a problem."""
    unknown = [entity for entity in note.entities if labels and entity.label not in labels]
    problems = [Problem(note.file, entity.line, "unknown label", entity.label, 1) for entity in unknown]
    of_dropped = [problem for entity in unknown for problem in problems_of_dropped(entity, note.file)]
    entities = tuple(entity for entity in note.entities if not labels or entity.label in labels)
    return note._replace(entities=entities, problems=(*note.problems, *problems, *of_dropped))


def _find_archive(name: str, folder: Path, archive: str) -> Path:
    names = archive.split("|")

    def matches() -> Iterator[Path]:
        for path in sorted(folder.rglob("*")):
            if archive_stem(path.name) in names and (path.is_dir() or path.name not in names):
                yield path

    found = sorted(matches(), key=lambda path: (path.is_dir(), len(path.parts)))
    if found:
        return found[0]
    raise InputError(
        f"{folder} has no {names[0]} (.tar.gz, .tgz or .zip): put the archive of {name} there as"
        " downloaded from the n2c2 portal."
    )
