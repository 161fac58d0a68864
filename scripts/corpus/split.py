"""The train, dev and test parts: the release's own where it has them, else by a hash of the note's id."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from scripts.cli import InputError
from scripts.corpus.copies import text_key
from scripts.corpus.note import SENTENCE, Note

SPLITS = ("train", "dev", "test")
DEV, TEST = 0.15, 0.15
COMMON = 0.05  # of the sentences: one that is more of them is no copy of another
_END = r"(?=[^a-z]|data|sets?|corpus|corpora|split|part|files?|$)"
_PART_NAME = re.compile(
    rf"(?<![a-z])(?:(?P<train>train(?:ing)?|trn)|(?P<dev>dev(?:el(?:op(?:ment)?)?)?|val(?:id(?:ation)?)?)"
    rf"|(?P<test>test(?:ing|b)?|tst|eval(?:uation)?|h[oe]ld[ _.-]?out)){_END}"
    r"|(?<![a-z])(?P<dev_2003>testa)(?![a-z])"  # CoNLL 2003 has testa and testb
    r"|(?P<train_set>(?<!s)train(?:ing)?)sets?(?![a-z])"
    r"|(?P<dev_set>dev(?:el(?:op(?:ment)?)?)?|valid(?:ation)?)sets?(?![a-z])"
    r"|(?P<test_set>(?<!la)(?<!con)(?<!pro)test(?:ing)?|eval(?:uation)?)sets?(?![a-z])"
)
# Where a name in capitals and small letters has words: ncbiTrain, XMLTest, Genia4EReval
_WORD_ENDS = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Z]{2})(?=train|trn|test|tst|dev|val|eval|held|hold)"
)
# Tests and evaluations of patients, which folders may be named after
_MEDICAL_TEST = re.compile(
    r"(?:stress|exercise|treadmill|walk(?:ing)?|tilt|blood|lab(?:oratory)?|urine|stool|sweat|breath|skin|patch|allergy"
    r"|function|tolerance|glucose|liver|lung|pulmonary|thyroid|pregnancy|hiv|covid(?:-?19)?|pcr|antigen|antibody|hearing"
    r"|eye|vision)[ _.-]*test(?:ing|s)?(?![a-z])|(?<![a-z])test[ _.-]*(?:results?|panels?|strips?)(?![a-z])"
    r"|(?<![a-z])(?:psych\w*?|neuro\w*?|initial|pre-?op\w*?|physical|nursing|nutrition\w*?|speech|swallow\w*?|therapy|pt|ot)"
    r"[ _.-]*eval(?:uation)?s?(?![a-z])|(?<![a-z])eval(?:uation)?[ _.-]*(?:notes?|reports?)(?![a-z])",
    re.IGNORECASE,
)
_PATIENT = r"(?:patients?|subjects?|subj|sub|pat|pt|person|mrn)"
_PATIENT_FOLDER = re.compile(rf"{_PATIENT}(?:[ _.-]?\d\w*|[ _.-][a-z]{{1,2}})|p\d{{4,}}|\d{{5,}}", re.IGNORECASE)
_DAY, _MONTH, _YEAR = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = re.compile(rf"{_YEAR}{_MONTH}{_DAY}|{_YEAR}{_MONTH}|{_DAY}{_MONTH}{_YEAR}|{_MONTH}{_DAY}{_YEAR}")
_PATIENT_NAME = re.compile(rf"(\d{{3,4}})-\d{{2}}|({_PATIENT}[ _.-]?\d+)[ _.-].*", re.IGNORECASE)


def named_split(parts: Iterable[str]) -> str:
    """The split that the folder, archive or file names of a release state; the innermost counts.

    parts (Iterable[str]): Path components, e.g. ("Task_1C.zip", "i2b2_Test", "docs").
    RETURNS (str): "train", "dev", "test", or "" where no name says.
    """
    names = (_WORD_ENDS.sub(" ", _MEDICAL_TEST.sub("", part)).lower() for part in parts)
    stated = [{(match.lastgroup or "").partition("_")[0] for match in _PART_NAME.finditer(name)} for name in names]
    # "train.test.released.8.17.09.tar.gz" holds both parts, so it states none.
    return next((names.pop() for names in reversed(stated) if len(names) == 1), "")


def assign(notes: Sequence[Note]) -> list[Note]:
    """Give every note its split, never dividing a note, nor the notes of a patient.

    With a test part in the release: notes of no stated part are train, and where the release has
    no dev part, 15 % of train becomes dev. Without one, all notes are split 70/15/15. Both go by a
    hash of the note's id, so a note stays where it is when others are added; notes of one text or one patient stay
    together. A part that would get none gets what is nearest to it.

    notes (Sequence[Note]): All notes of the corpus.
    RETURNS (list[Note]): The same notes in the same order, each with its split.
    RAISES (InputError): A split would be without notes.
    """
    stated = {note.split for note in notes}
    kept = ({"dev", "test"} & stated) if "test" in stated else set()
    parts = tuple(part for part in ("dev", "test", "train") if part not in kept)
    free = [note for note in notes if note.split not in kept]
    placed = iter(_divide(free, parts))
    assigned = [note if note.split in kept else note._replace(split=next(placed)) for note in notes]
    _check_no_split_empty(assigned, len(parts))
    return assigned


def patient_of(note: Note) -> str:
    """The patient that the note's name or a folder tells: 110-02, patient-3_visit-1, patient3/visit-1; "" if none does.

    These are the names of the releases of 2014 and 2022, of MIMIC, and what people call folders a patient.
    """
    match = _PATIENT_NAME.fullmatch(PurePosixPath(note.id).name)
    if match:
        return (match[1] or match[2]).lower()
    folders = PurePosixPath(note.text_file).parts[:-1]
    return next((folder.lower() for folder in reversed(folders) if _PATIENT_FOLDER.fullmatch(folder)), "")


def patients_of(notes: Sequence[Note], even_one: bool = False) -> list[str]:
    """The patient of each note, "" for none; folders all named by dates are nobody's.

    even_one (bool): Whether a name that all notes have may be a patient's, rather than that of the corpus.
    """
    patients = [patient_of(note) for note in notes]
    known = {*patients}
    none = (len(known) == 1 and not even_one) or all(map(_DATE.fullmatch, known - {""}))
    return [""] * len(notes) if none else patients


def _divide(notes: Sequence[Note], parts: Sequence[str]) -> list[str]:
    """A part for each note.

    RAISES (InputError): There are fewer patients, or fewer texts, than parts.
    """
    patients, texts = patients_of(notes), _shared_texts(notes)
    groups = _group(notes, patients, texts)
    if len(groups) < len(parts):
        by_patient = _group(notes, patients, [b""] * len(notes))
        _check_groups(len(groups), len(by_patient), len({*texts} - {b""}), len(parts), len(notes))
        groups = by_patient  # the same text everywhere: then its copies cannot be kept together
    placed = _place([position for position, _ in groups], parts)
    found = [""] * len(notes)
    for part, (_, members) in zip(placed, groups, strict=True):
        for member in members:
            found[member] = part
    return found


def _check_groups(groups: int, patients: int, texts: int, needed: int, notes: int) -> None:
    """RAISES (InputError): There are notes enough, but of too few patients, or of several but too few texts."""
    few = ""
    if patients < needed <= notes:
        few = f"of {patients} patients, who are never split: add patients, at least {needed} are needed"
    elif texts > 1 and needed <= notes:
        few = (
            f"{groups} groups that have a text or a patient in common, which are never split: add notes of other texts,"
            f" at least {needed} groups are needed"
        )
    if few:
        raise InputError(f"The notes are {few}, or put them into folders named train, dev and test.")


def _shared_texts(notes: Sequence[Note]) -> list[bytes]:
    """What notes of one text share; the sentences that are everywhere, such as headings, share nothing."""
    keys = [text_key(note.text) for note in notes]
    numbers = Counter(keys)
    most = COMMON * len(notes)
    return [
        b"" if note.unit == SENTENCE and numbers[key] > max(most, 1) else key
        for note, key in zip(notes, keys, strict=True)
    ]


def _group(notes: Sequence[Note], patients: Sequence[str], texts: Sequence[bytes]) -> list[tuple[float, list[int]]]:
    """The notes that stay together, by place in `notes`, and for each group a number from 0 to 1 that stays its own."""
    first: dict[object, int] = {}
    above = list(range(len(notes)))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for place, keys in enumerate(zip(patients, texts, strict=True)):
        for key in filter(None, keys):
            above[root(place)] = root(first.setdefault(key, place))
    members: dict[int, list[int]] = defaultdict(list)
    for place in range(len(notes)):
        members[root(place)].append(place)
    return [
        (_position(min(_own_name(notes[i], patients[i], texts[i]) for i in group)), group) for group in members.values()
    ]


def _own_name(note: Note, patient: str, text: bytes) -> tuple[int, bytes]:
    """What a note's place hangs on: its patient, else its name, or its text where names are numbers."""
    if patient:
        return 0, patient.encode("utf8")
    if note.unit == SENTENCE and text:
        return 1, text
    # Only the file's name counts: an id gets its folder when another note has the same name.
    return 1, PurePosixPath(note.id).name.encode("utf8")


def _position(name: tuple[int, bytes]) -> float:
    return int.from_bytes(hashlib.sha256(name[1]).digest()[:8], "big") / 2**64


def _place(positions: Sequence[float], parts: Sequence[str]) -> list[str]:
    """The part for each position; one that would be empty gets the nearest position of a part with several."""
    test = TEST if "test" in parts else 0.0
    ranges = {"dev": (0.0, DEV), "test": (DEV, DEV + test), "train": (DEV + test, 1.0)}
    if "dev" not in parts:
        ranges = {"train": (0.0, 1.0)}
    placed = [next(part for part, (_, end) in ranges.items() if position < end or end == 1) for position in positions]
    for part in ("train", "test", "dev"):
        numbers = Counter(placed)
        others = [place for place, other in enumerate(placed) if numbers[other] > 1]
        if part in parts and not numbers[part] and others:
            low, high = ranges[part]
            nearest = min(others, key=lambda place: (max(low - positions[place], positions[place] - high), place))
            placed[nearest] = part
    return placed


def _check_no_split_empty(notes: Sequence[Note], needed: int) -> None:
    for split in SPLITS:
        if not any(note.split == split for note in notes):
            raise InputError(
                f"The {split} part is without notes ({len(notes)} notes in all): add notes, at least {needed} that no"
                " folder gives to a part, or put them into folders named train, dev and test."
            )
