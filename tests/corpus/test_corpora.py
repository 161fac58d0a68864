"""The corpora known by name, from archives with the layouts of the releases."""

from pathlib import Path

import pytest

from scripts.cli import InputError
from scripts.convert.formats import FORMATS
from scripts.corpus.corpora import CONCEPTS_2010, CONCEPTS_2011, CORPORA, MEDICATIONS, check_labels, read_corpus
from scripts.corpus.note import Entity, Note
from scripts.corpus.split import assign
from tests.cases import case
from tests.helpers import file, paths, problems, quoted, tar_of, write_files, zip_of

TEXT = "Ms. Quill denies chest pain .\n"
CONCEPT = 'c="chest pain" 1:3 1:4||t="problem"\n'
PERSON = 'c="ms. quill" 1:0 1:1||t="person"\n'
DRUG_TEXT, DRUG = "Took zorvex .\n", "T1\tDrug 5 11\tzorvex\n"

TRAIN_2010 = "concept_assertion_relation_training_data"
GOLD_2010 = "reference_standard_for_test_data"
ARCHIVES_2010 = {
    f"{TRAIN_2010}.tar.gz": tar_of(
        {
            f"{TRAIN_2010}/beth/txt/record-1.txt": TEXT,
            f"{TRAIN_2010}/beth/concept/record-1.con": CONCEPT,
            f"{TRAIN_2010}/beth/ast/record-1.ast": 'c="chest pain" 1:3 1:4||t="problem"||a="absent"\n',
            f"{TRAIN_2010}/beth/rel/record-1.rel": "",
            f"{TRAIN_2010}/partners/txt/2_DH.txt": TEXT,
            f"{TRAIN_2010}/partners/concept/2_DH.con": CONCEPT,
            f"{TRAIN_2010}/partners/unannotated/3.txt": TEXT,
        }
    ),
    "test_data.tar.gz": tar_of({"test_data/0001.txt": TEXT, "test_data/record-1.txt": TEXT.upper()}),
    f"{GOLD_2010}.tar.gz": tar_of(
        {
            f"{GOLD_2010}/concepts/0001.con": CONCEPT,
            f"{GOLD_2010}/concepts/record-1.con": CONCEPT,
            f"{GOLD_2010}/ast/0001.ast": "",
            f"{GOLD_2010}/ast/record-1.ast": 'c="chest pain" 1:3 1:5||t="problem"||a="conditional"\n',
        }
    ),
}


def notes_2011(folder: str, name: str, text: str = "", concepts: str = "") -> dict[str, str]:
    return {
        f"{folder}/docs/{text or f'{name}.txt'}": TEXT,
        f"{folder}/concepts/{concepts or f'{name}.txt.con'}": PERSON + CONCEPT,
        f"{folder}/chains/{name}.txt.chains": 'c="ms. quill" 1:0 1:1||c="she" 1:0 1:0||t="coref person"\n',
        f"{folder}/pairs/{name}.txt.pairs": "",
    }


ARCHIVES_2011 = {
    "i2b2_Beth_Train_Release.tar.gz": tar_of(notes_2011("Beth_Train", "clinical-1")),
    "i2b2_Partners_Train_Release.tar.gz": tar_of(
        notes_2011("Partners_Train", "clinical-2", "clinical-2", "clinical-2.con")
    ),
    "Task_1C.zip": zip_of(
        {
            **notes_2011("Task_1C/i2b2_Test/i2b2_Beth_Test", "clinical-3"),
            **notes_2011("Task_1C/i2b2_Test/i2b2_Partners_Test", "clinical-4"),
            "__MACOSX/Task_1C/i2b2_Test/i2b2_Beth_Test/docs/._clinical-3.txt": "fork",
            "Task_1C/i2b2_Test/i2b2_Beth_Test/concepts/._clinical-3.txt.con": "fork",
        }
    ),
}
ARCHIVES_2018 = {
    "training_20180910.zip": zip_of({"training_20180910/100.txt": DRUG_TEXT, "training_20180910/100.ann": DRUG}),
    "gold-standard-test-data.zip": zip_of(
        {"gold-standard-test-data/200.txt": DRUG_TEXT, "gold-standard-test-data/200.ann": DRUG}
    ),
}
MARKED = (
    '<ROOT><RECORD ID="%s"><TEXT>Seen by Dr. <PHI TYPE="DOCTOR">Quill</PHI>\n[ report_end ]\n</TEXT></RECORD></ROOT>'
)
TRAIN_2006, TEST_2006 = "deid_surrogate_train_all_version2", "deid_surrogate_test_all_groundtruth_version2"
ARCHIVES_2006 = {
    f"{stem}.zip": zip_of({f"{stem}.xml": MARKED % name}) for stem, name in ((TRAIN_2006, "900"), (TEST_2006, "901"))
}
MEDICATION = 'm="zorvex" 1:1 1:1||do="nm"||mo="nm"||f="nm"||du="nm"||r="nm"\n'
GOLD_2009 = "annotations_ground_truth/converted.noduplicates.sorted"
ARCHIVES_2009 = {
    "train.test.released.8.17.09.tar.gz": tar_of({f"train.test/{name}": DRUG_TEXT + name for name in "1234"}),
    "training.sets.released.tar.gz": tar_of({f"training.sets.released/1/{name}": DRUG_TEXT + name for name in "13"}),
    "training.ground.truth.01.06.11.2009.zip": zip_of({"training.ground.truth/1_gold.entries": MEDICATION}),
    "annotations_ground_truth.tar.gz": tar_of({f"{GOLD_2009}/2.i2b2.m": MEDICATION, "annotations/raw/2.m": MEDICATION}),
}


def tagged(root: str, tag: str) -> str:
    return f"<{root}><TEXT><![CDATA[{TEXT}]]></TEXT><TAGS>{tag}</TAGS></{root}>"


PLACE = 'id="E0" start="17" end="27" text="chest pain"'
EVENT = tagged("ClinicalNarrativeTemporalAnnotation", f'<EVENT {PLACE} type="PROBLEM" polarity="NEG" />')
PHI = tagged("deIdi2b2", '<NAME id="P0" start="4" end="9" text="Quill" TYPE="PATIENT" comment="" />')
RISK = tagged("root", f'<CAD id="DOC0"><CAD {PLACE} indicator="symptom" /></CAD>')
TRAIN_2012, TEST_2012 = "2012-07-15.original-annotation.release", "2012-08-23.test-data.groundtruth"
ARCHIVES_2012 = {
    f"{TRAIN_2012}.tar.gz": tar_of({f"{TRAIN_2012}/1.xml": EVENT, f"{TRAIN_2012}/1.xml.tlink": ""}),
    f"{TEST_2012}.tar.gz": tar_of({f"ground_truth/{kind}_xml/2.xml": EVENT for kind in ("merged", "unmerged")}),
}
ARCHIVES_2014 = {
    "2014_training-PHI-Gold-Set1.tar.gz": tar_of({"training-PHI-Gold-Set1/100-01.xml": PHI}),
    "training-PHI-Gold-Set2.tar.gz": tar_of({"training-PHI-Gold-Set2/101-01.xml": PHI}),
    "testing-PHI-Gold-fixed.tar.gz": tar_of({"testing-PHI-Gold-fixed/102-01.xml": PHI}),
}
ARCHIVES_RISK = {
    f"{stem}.tar.gz": tar_of({f"{stem}/{100 + i}-01.xml": RISK})
    for i, stem in enumerate(
        ("training-RiskFactors-Complete-Set1", "training-RiskFactors-Complete-Set2", "testing-RiskFactors-Complete")
    )
}
# Archives of other tasks, and what a browser makes of a second download.
OTHERS = dict.fromkeys(
    [
        "Task_1C_Test_groundtruth.zip",
        "smokers_surrogate_train_all_version2.zip",
        "Task_1C (1).zip",
        "test_data (1).tar.gz",
        "training_20180910 (1).zip",
    ],
    b"cut short",
)
RELEASES = {
    "i2b2-2006": ARCHIVES_2006,
    "i2b2-2009": ARCHIVES_2009,
    "i2b2-2010": ARCHIVES_2010,
    "i2b2-2011": ARCHIVES_2011,
    "i2b2-2012": ARCHIVES_2012,
    "i2b2-2014": ARCHIVES_2014,
    "i2b2-2014-risk": ARCHIVES_RISK,
    "n2c2-2018": ARCHIVES_2018,
}
SPLITS = {
    "i2b2-2010": {
        f"{TRAIN_2010}.tar.gz/{TRAIN_2010}/beth/txt/record-1": "train",
        "2_DH": "train",
        "0001": "test",
        "test_data.tar.gz/test_data/record-1": "test",
    },
    "i2b2-2011": {"clinical-1": "train", "clinical-2": "train", "clinical-3": "test", "clinical-4": "test"},
    "n2c2-2018": {"100": "train", "200": "test"},
    "i2b2-2006": {"900": "train", "901": "test"},
    "i2b2-2009": {"1": "train", "2": "test"},
    "i2b2-2012": {"1": "", "2": "test"},
    "i2b2-2014": {"100-01": "train", "101-01": "train", "102-01": "test"},
    "i2b2-2014-risk": {"100-01": "train", "101-01": "train", "102-01": "test"},
}


def put(assets: Path, archives: dict[str, bytes], folder: str = "n2c2") -> Path:
    write_files(assets / folder, archives)
    return assets


def read(name: str, assets: Path) -> list[Note]:
    notes = FORMATS[CORPORA[name].format].read(read_corpus(name, assets))
    return [check_labels(note, CORPORA[name].labels) for note in notes]


@pytest.mark.parametrize("name", RELEASES)
def test_the_notes_of_a_release_are_in_its_parts(name, tmp_path):
    notes = read(name, put(tmp_path, RELEASES[name]))
    assert {note.id: note.split for note in notes} == SPLITS[name]
    assert not any(note.problems for note in notes)


@pytest.mark.parametrize(
    ("name", "mentions"),
    [
        ("i2b2-2010", {("problem", "chest pain")}),
        ("i2b2-2011", {("person", "ms. quill"), ("problem", "chest pain")}),
        ("n2c2-2018", {("Drug", "zorvex")}),
        ("i2b2-2006", {("DOCTOR", "quill")}),
        ("i2b2-2009", {("m", "zorvex")}),
        ("i2b2-2012", {("PROBLEM", "chest pain")}),
        ("i2b2-2014", {("PATIENT", "quill")}),
        ("i2b2-2014-risk", {("CAD", "chest pain")}),
    ],
)
def test_every_note_of_a_release_has_its_mentions(name, mentions, tmp_path):
    for note in read(name, put(tmp_path, RELEASES[name])):
        assert {(label, words.lower()) for label, words in quoted(note)} == mentions


def test_train_and_test_notes_of_2010_with_the_same_name_have_their_own_text(tmp_path):
    texts = {note.id: note.text for note in read("i2b2-2010", put(tmp_path, ARCHIVES_2010))}
    assert texts["test_data.tar.gz/test_data/record-1"] == TEXT.upper()
    assert texts[f"{TRAIN_2010}.tar.gz/{TRAIN_2010}/beth/txt/record-1"] == TEXT


def test_notes_of_2010_have_the_assertions_of_their_own_archive(tmp_path):
    notes = read("i2b2-2010", put(tmp_path, ARCHIVES_2010))
    assert {note.id: [entity.assertion for entity in note.entities] for note in notes} == {
        f"{TRAIN_2010}.tar.gz/{TRAIN_2010}/beth/txt/record-1": ["absent"],
        "2_DH": [""],
        "0001": [""],
        "test_data.tar.gz/test_data/record-1": ["conditional"],
    }


@pytest.mark.parametrize("name", RELEASES)
def test_other_archives_in_the_folder_are_not_touched(name, tmp_path):
    # Any that was opened would be said as damaged.
    damaged = {archive: b"cut short" for one, archives in RELEASES.items() if one != name for archive in archives}
    notes = read(name, put(tmp_path, {**OTHERS, **damaged, **RELEASES[name], "notes.txt": "x", "README.md": ""}))
    assert {note.id: note.split for note in notes} == SPLITS[name]


@pytest.mark.parametrize("name", RELEASES)
def test_all_releases_may_lie_in_one_folder(name, tmp_path):
    assets = put(tmp_path, {archive: data for archives in RELEASES.values() for archive, data in archives.items()})
    assert {note.id: note.split for note in read(name, assets)} == SPLITS[name]


@pytest.mark.parametrize(("name", "archive"), [(name, archive) for name in RELEASES for archive in RELEASES[name]])
def test_a_missing_archive_is_named(name, archive, tmp_path):
    archives = {path: data for path, data in RELEASES[name].items() if path != archive}
    stem = archive.removesuffix(".tar.gz").removesuffix(".zip")
    said = rf"n2c2 has no {stem.removeprefix('2014_')} \(\.tar\.gz, \.tgz or \.zip\): put the archive of {name} there"
    with pytest.raises(InputError, match=said):
        read_corpus(name, put(tmp_path, archives))


@pytest.mark.parametrize("name", RELEASES)
def test_a_missing_folder_is_reported_with_the_archive_to_put_there(name, tmp_path):
    with pytest.raises(InputError, match=rf"n2c2 has no {CORPORA[name].archives[0].split('|')[0]} "):
        read_corpus(name, tmp_path)


@pytest.mark.parametrize("name", RELEASES)
def test_an_archive_cut_short_is_named(name, tmp_path):
    archive, data = list(RELEASES[name].items())[-1]
    with pytest.raises(InputError, match=rf"{archive} is damaged or cut short"):
        read_corpus(name, put(tmp_path, {**RELEASES[name], archive: data[: len(data) // 2]}))


def test_archives_may_lie_in_folders_and_be_packed_otherwise(tmp_path):
    put(
        tmp_path,
        {"i2b2_Beth_Train_Release.tgz": ARCHIVES_2011["i2b2_Beth_Train_Release.tar.gz"]},
        "n2c2/2011",
    )
    put(tmp_path, {"Task_1C.zip": ARCHIVES_2011["Task_1C.zip"]}, "n2c2/2011/test")
    packed = zip_of(notes_2011("Partners_Train", "clinical-2"))
    put(tmp_path, {"i2b2_Partners_Train_Release.zip": packed})
    assert {note.id: note.split for note in read("i2b2-2011", tmp_path)} == SPLITS["i2b2-2011"]


def test_an_unpacked_archive_does_as_well(tmp_path):
    put(tmp_path, ARCHIVES_2018)
    (tmp_path / "n2c2" / "training_20180910.zip").unlink()
    write_files(tmp_path / "n2c2" / "training_20180910", {"100.txt": DRUG_TEXT, "100.ann": DRUG})
    assert {note.id: note.split for note in read("n2c2-2018", tmp_path)} == SPLITS["n2c2-2018"]


def test_an_archive_comes_before_a_folder_of_its_name(tmp_path):
    put(tmp_path, ARCHIVES_2018)
    write_files(tmp_path / "n2c2" / "training_20180910", {"100.txt": DRUG_TEXT, "100.ann": ""})
    notes = read("n2c2-2018", tmp_path)
    assert {note.id: note.split for note in notes} == SPLITS["n2c2-2018"]
    assert all(quoted(note) == [("Drug", "zorvex")] for note in notes)


def test_the_official_parts_are_kept_and_dev_is_taken_from_train(tmp_path):
    train = {
        f"training_20180910/{number}.{suffix}": content
        for number in range(60)
        for suffix, content in (("txt", DRUG_TEXT), ("ann", DRUG))
    }
    notes = read("n2c2-2018", put(tmp_path, {**ARCHIVES_2018, "training_20180910.zip": zip_of(train)}))
    assigned = {note.id: note.split for note in assign(notes)}
    assert assigned.pop("200") == "test"
    assert set(assigned.values()) == {"train", "dev"}


# --- labels


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("sample", {"person", "problem", "pronoun", "test", "treatment"}),
        ("i2b2-2010", {"problem", "test", "treatment"}),
        ("i2b2-2011", {"person", "problem", "pronoun", "test", "treatment"}),
        (
            "n2c2-2018",
            {"ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"},
        ),
    ],
)
def test_the_labels_of_the_known_corpora(name, labels):
    assert CORPORA[name].labels == labels


def test_the_known_corpora_are_read_by_known_formats():
    assert all(corpus.format in FORMATS for corpus in CORPORA.values())
    assert CONCEPTS_2010 < CONCEPTS_2011
    assert CORPORA["sample-medications"].labels == MEDICATIONS


def test_mentions_of_an_unknown_label_are_counted_as_dropped(tmp_path):
    # The 2010 task has no persons; its own scorer rejects such a line.
    gold = {f"{GOLD_2010}/concepts/0001.con": PERSON + CONCEPT, f"{GOLD_2010}/concepts/record-1.con": CONCEPT}
    assets = put(tmp_path, {**ARCHIVES_2010, f"{GOLD_2010}.tar.gz": tar_of(gold)})
    (note,) = (note for note in read("i2b2-2010", assets) if note.id == "0001")
    assert quoted(note) == [("problem", "chest pain")]
    assert problems(note) == [(1, "unknown label", 1)]
    assert (note.problems[0].file, note.problems[0].label) == (note.file, "person")


def test_labels_are_checked_as_they_are_spelt():
    entities = tuple(Entity(label, ((0, 1),), line) for line, label in enumerate(("test", "Test", "test "), 1))
    note = check_labels(Note("a", "x", entities, "a.con", "a.txt"), CONCEPTS_2010)
    assert [entity.line for entity in note.entities] == [1]
    assert [line for line, _, _ in problems(note)] == [2, 3]


def test_the_assertions_of_an_unknown_label_go_with_it():
    entities = (Entity("person", ((0, 1),), 4, "absent", 2), Entity("test", ((0, 1),), 5, "present", 1))
    note = check_labels(Note("a", "x", entities, "a.con", "a.txt"), CONCEPTS_2010)
    assert note.entities == entities[1:]
    assert [(problem.line, problem.dropped, problem.assertion) for problem in note.problems] == [
        (4, 1, ""),
        (4, 0, "of_dropped"),
        (4, 0, "of_dropped"),
    ]


def test_where_the_labels_of_a_corpus_are_not_known_all_are_kept():
    note = Note("a", "x", (Entity("Country", ((0, 1),), 1),), "a.ann", "a.txt")
    assert check_labels(note, CORPORA["n2c2-2022-2"].labels) == note


@pytest.mark.parametrize(
    ("name", "files", "found"),
    [
        ("n2c2-2019", {"train/train_note/1.txt": TEXT, "train/train_norm/1.norm": "N0||C1||17||27"}, "concept"),
        ("n2c2-2022-1", {"v3/train/1-1.txt": DRUG_TEXT, "v3/train/1-1.ann": DRUG.replace("Drug", "Disposition")}, None),
        ("n2c2-2022-2", {"x/train/1.txt": TEXT, "x/train/1.ann": "T1\tStatusTime 17 27\tchest pain\n"}, "StatusTime"),
    ],
)
def test_corpora_whose_archives_are_not_all_known_lie_in_a_folder_of_their_own(name, files, found, tmp_path):
    write_files(tmp_path / CORPORA[name].folder, files)
    [note] = read(name, tmp_path)
    assert [entity.label for entity in note.entities] == [found or "Disposition"] and note.split == "train"


@pytest.mark.parametrize(("name", "files"), [("i2b2-2009", case("i2b2-2009")), ("i2b2-2012", case("i2b2-2012"))])
def test_a_release_may_also_lie_unpacked_somewhere_else(name, files, tmp_path):
    write_files(tmp_path / "mine", {str(each.path): each.data for each in files})
    assert read_corpus(name, tmp_path / "mine") == files
    write_files(tmp_path, {"mine.zip": zip_of({str(each.path): each.data for each in files})})
    found = read_corpus(name, tmp_path / "mine.zip")
    assert [each.data for each in found] == [each.data for each in files]
    write_files(tmp_path / "mine" / "n2c2", {"README.md": "x"})
    with pytest.raises(InputError, match="n2c2 has no"):
        read_corpus(name, tmp_path / "mine")


@pytest.mark.parametrize("named", ["1B deid_surrogate_train_all_version2_CORRECTED.zip", f"{TRAIN_2006}.zip"])
def test_an_archive_may_have_another_of_its_names(named, tmp_path):
    archives = {named: ARCHIVES_2006[f"{TRAIN_2006}.zip"], f"{TEST_2006}.zip": ARCHIVES_2006[f"{TEST_2006}.zip"]}
    assert {note.id for note in read("i2b2-2006", put(tmp_path, archives))} == {"900", "901"}


# --- the sample corpora and notes of one's own


@pytest.mark.parametrize("name", ["sample", "sample-medications"])
def test_the_sample_corpora_lie_in_their_folders(name, tmp_path):
    folder = tmp_path / CORPORA[name].folder
    write_files(folder, {"train/a.txt": "x", "test/b.zip": zip_of({"b.txt": "y"})})
    assert paths(read_corpus(name, tmp_path)) == ["test/b.zip/b.txt", "train/a.txt"]


@pytest.mark.parametrize("name", ["sample", "sample-medications"])
def test_a_missing_sample_is_reported(name, tmp_path):
    with pytest.raises(InputError, match=rf"{CORPORA[name].folder} does not exist"):
        read_corpus(name, tmp_path)


def test_notes_of_ones_own_are_a_folder_an_archive_or_a_file(tmp_path):
    write_files(tmp_path, {"mine/a.txt": "x", "mine.zip": zip_of({"a.txt": "x"}), "train.tsv": "a\tO\n"})
    assert read_corpus("mine", tmp_path / "mine") == [file("a.txt", "x")]
    assert read_corpus("mine", tmp_path / "mine.zip") == [file("mine.zip/a.txt", "x")]
    assert read_corpus("mine", tmp_path / "train.tsv") == [file("train.tsv", "a\tO\n")]


def test_the_name_of_the_folder_with_ones_own_notes_says_no_part(tmp_path):
    # It may lie in a folder called test by chance.
    write_files(tmp_path / "test", {"a.txt": DRUG_TEXT, "a.ann": DRUG})
    (note,) = FORMATS["brat"].read(read_corpus("mine", tmp_path / "test"))
    assert note.split == ""
