"""Which part a note is in: as its release says, else by a hash of its name, and stable."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.cli import InputError
from scripts.corpus.copies import count_shared
from scripts.corpus.note import NOTE, SENTENCE, Note
from scripts.corpus.split import SPLITS, assign, named_split, patient_of


def note(note_id: str, split: str = "", text: str = "", unit: str = NOTE) -> Note:
    return Note(note_id, text, (), f"{note_id}.ann", f"{note_id}.txt", split, unit=unit)


def corpus(*sizes: tuple[str, int]) -> list[Note]:
    return [note(f"{split or 'note'}-{number}", split) for split, size in sizes for number in range(size)]


def parts(notes: list[Note]) -> dict[str, str]:
    return {note.id: note.split for note in notes}


# --- the names of the releases


@pytest.mark.parametrize(
    ("path", "split"),
    [
        # i2b2 2009; its first archive has the texts of both parts
        ("train.test.released.8.17.09.tar.gz", ""),
        ("training.sets.released.tar.gz/1", "train"),
        ("training.ground.truth.01.06.11.2009.zip", "train"),
        ("annotations_ground_truth.tar.gz/converted.noduplicates.sorted", ""),
        # i2b2/VA 2010
        ("concept_assertion_relation_training_data.tar.gz/beth/txt", "train"),
        ("concept_assertion_relation_training_data/partners/concept", "train"),
        ("test_data.tar.gz/test_data", "test"),
        ("test_data/txt", "test"),
        ("reference_standard_for_test_data.tar.gz/reference_standard_for_test_data/concepts", "test"),
        # i2b2 2011
        ("i2b2_Beth_Train_Release.tar.gz/Beth_Train/docs", "train"),
        ("i2b2_Partners_Train_Release.tar.gz/Partners_Train/concepts", "train"),
        ("i2b2_Beth_Train/Beth_Train/chains", "train"),
        ("Task_1C.zip", ""),
        ("Task_1C.zip/Task_1C/i2b2_Test/i2b2_Beth_Test/docs", "test"),
        ("Task_1C.zip/Task_1C/i2b2_Test/i2b2_Partners_Test/concepts", "test"),
        ("Task_1C_Test_groundtruth.zip/Tack_1C_to_be_released_10_02_2011/i2b2_Beth_Test/chains", "test"),
        ("Task_1C_Test_groundtruth", "test"),
        ("Test-ground-truth-Beth-Partners_111004.tar.gz", "test"),
        # i2b2 2012
        ("2012-07-15.original-annotation.release.tar.gz", ""),
        ("2012-08-06.test-data-release/txt", "test"),
        ("2012-08-08.test-data.event-timex-groundtruth/xml", "test"),
        ("2012-08-23.test-data.groundtruth.tar.gz/ground_truth/merged_xml", "test"),
        # i2b2 2014
        ("2014_training-PHI-Gold-Set1.tar.gz/training-PHI-Gold-Set1", "train"),
        ("training-PHI-Gold-Set2.tar.gz", "train"),
        ("testing-PHI-Gold-fixed.tar.gz", "test"),
        ("training-RiskFactors-Complete-Set1.tar.gz", "train"),
        ("testing-RiskFactors-Complete.tar.gz", "test"),
        # n2c2 2018 and 2022
        ("training_20180910.zip/training_20180910", "train"),
        ("gold-standard-test-data.zip/gold-standard-test-data", "test"),
        ("trainingdata_v3.zip", "train"),
        ("trainingdata_v3.zip/train", "train"),
        ("trainingdata_v3.zip/dev", "dev"),
        # open corpora and the project's own
        ("bc5cdr.tar.xz/bc5cdr/devel", "dev"),
        ("CDR_Data/CDR_DevelopmentSet", "dev"),
        ("CDR_Data/CDR_TrainingSet", "train"),
        ("NCBItrainset_corpus.txt", "train"),
        ("NCBIdevelopset_corpus.txt", "dev"),
        ("NCBItestset_corpus.txt", "test"),
        ("ncbitrainset", "train"),
        ("Genia4ERtask2", ""),
        ("Genia4EReval2", "test"),
        ("eng/testa", "dev"),
        ("eng/testb", "test"),
        ("eval", "test"),
        ("evaluation_data", "test"),
        ("concept_eval", "test"),
        ("tst", "test"),
        ("holdout", "test"),
        ("held-out", "test"),
        ("val", "dev"),
        ("BethTest", "test"),
        ("wardTrain", "train"),
        ("traincorpus", "train"),
        ("validation", "dev"),
        ("valid", "dev"),
        ("test/docs", "test"),
        ("TRAIN/docs", "train"),
    ],
)
def test_the_names_of_the_releases_say_the_part(path, split):
    assert named_split(path.split("/")) == split


@pytest.mark.parametrize(
    "name",
    ["strain", "contest", "trainer", "device", "develops", "invalid", "testament", "latestset", "medieval", "retrieval",
     "interval", "value", "evaluate", "strainset", "protest"],
)  # fmt: skip
def test_other_words_say_nothing(name):
    assert named_split([name]) == ""


@pytest.mark.parametrize(
    "name",
    ["Stress Test", "stress_test", "exercise-tests", "Lab Test", "blood test 2031", "Pulmonary Function Test",
     "PCR Test", "StressTest", "HIVtest", "psychiatric evaluation", "PT_Evaluation", "evaluation notes",
     "6 Minute Walk Test", "Test Results", "covid-19 test", "Glucose Tolerance Testing"],
)  # fmt: skip
def test_a_test_of_patients_is_no_part(name):
    assert named_split([name]) == ""
    assert named_split(["train", name]) == "train"


@pytest.mark.parametrize("name", ["Test Set", "test reports", "Beth Test", "clinical test", "drug_test", "latest test"])
def test_other_words_beside_test_leave_it_a_part(name):
    assert named_split([name]) == "test"


def test_the_innermost_name_counts():
    assert named_split(["training_data", "test"]) == "test"
    assert named_split(["test", "train_and_test"]) == "test"
    assert named_split(["test", "docs"]) == "test"
    assert named_split([]) == ""


# --- notes into parts


def test_the_parts_of_a_release_stay_as_they_are():
    notes = corpus(("train", 20), ("dev", 3), ("test", 5))
    assert assign(notes) == notes


def test_without_a_dev_part_a_share_of_train_becomes_it():
    assigned = assign(corpus(("train", 2_000), ("test", 100)))
    counts = Counter(note.split for note in assigned)
    assert counts["test"] == 100
    assert counts["dev"] / 2_000 == pytest.approx(0.15, abs=0.03)
    assert all(note.split == "test" for note in assigned if note.id.startswith("test"))


def test_without_a_test_part_notes_are_split_70_15_15():
    counts = Counter(note.split for note in assign(corpus(("", 4_000))))
    assert [counts[split] / 4_000 for split in SPLITS] == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


def test_notes_of_no_stated_part_are_train_where_there_is_a_test_part():
    notes = corpus(("", 5), ("dev", 3), ("test", 5))
    assert {note.split for note in assign(notes) if note.id.startswith("note")} == {"train"}


def test_the_notes_stay_in_their_order():
    notes = corpus(("", 50))
    assert [note.id for note in assign(notes)] == [note.id for note in notes]


@pytest.mark.parametrize("stated", [("",), ("train", "test")])
def test_a_note_stays_in_its_part_when_others_are_added(stated):
    few, many = (corpus(*((split, size) for split in stated)) for size in (60, 200))
    before, after = parts(assign(few)), parts(assign([*reversed(many)]))
    assert before == {note_id: after[note_id] for note_id in before}


def test_a_note_stays_in_its_part_when_another_gets_its_name():
    # Its id then has the folder before it.
    alone = parts(assign(corpus(("", 60))))
    again = parts(assign([note(f"beth/docs/{note_id}") for note_id in alone]))
    assert list(again.values()) == list(alone.values())


def test_the_parts_are_the_same_on_every_machine():
    assigned = parts(assign(corpus(("", 60))))
    dev, test = ([name for name, split in assigned.items() if split == part] for part in ("dev", "test"))
    assert (dev[:3], test[:3]) == (["note-3", "note-4", "note-5"], ["note-9", "note-16", "note-23"])


def test_dev_is_the_same_with_and_without_a_test_part():
    ids = [f"n{number}" for number in range(300)]
    without = parts(assign([note(note_id) for note_id in ids]))
    with_test = parts(assign([*(note(note_id) for note_id in ids), note("t", "test")]))
    assert {note_id for note_id in ids if without[note_id] == "dev"} == {
        note_id for note_id in ids if with_test[note_id] == "dev"
    }


@pytest.mark.parametrize(
    ("notes", "empty"),
    [
        (corpus(("", 1)), "dev|test|train"),
        (corpus(("", 2)), "dev|test|train"),
        (corpus(("train", 1), ("test", 5)), "dev|train"),
        (corpus(("dev", 2), ("test", 5)), "train"),
        ([], "train"),
    ],
)
def test_a_part_without_notes_is_reported(notes, empty):
    with pytest.raises(InputError, match=rf"The ({empty}) part is without notes \({len(notes)} notes in all\)"):
        assign(notes)


# --- few notes


@pytest.mark.parametrize("size", range(3, 12))
def test_three_notes_are_enough_for_three_parts(size):
    for name in "abcdefgh":
        assigned = assign([note(f"{name}{number}") for number in range(size)])
        assert {note.split for note in assigned} == set(SPLITS)


@pytest.mark.parametrize(("stated", "size"), [("train", 2), ("", 2), ("train", 5)])
def test_two_train_notes_are_enough_where_there_is_a_test_part(stated, size):
    assigned = assign([note("t", "test"), *(note(f"x{number}", stated) for number in range(size))])
    assert Counter(note.split for note in assigned) == {"test": 1, "dev": 1, "train": size - 1}


def test_the_number_of_notes_that_is_needed_is_said():
    with pytest.raises(InputError, match="at least 3"):
        assign(corpus(("", 2)))
    with pytest.raises(InputError, match="at least 2"):
        assign(corpus(("train", 1), ("test", 1)))


def test_notes_keep_their_places_when_a_few_become_many():
    few = parts(assign(corpus(("", 4))))
    many = parts(assign(corpus(("", 400))))
    assert sum(few[name] != many[name] for name in few) <= 1  # the one that had to fill a part


# --- notes that stay together


def together(notes: list[Note], keys: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for note, key in zip(assign(notes), keys, strict=True):
        found.setdefault(key, set()).add(note.split)
    return found


def test_notes_of_one_text_are_in_one_part_whatever_their_blanks():
    texts = [f"Day {number // 3} ." for number in range(90)]
    blanks = [" ", "  \r\n", "\xa0"]
    notes = [note(f"n{i}", text=text.replace(" ", blanks[i % 3])) for i, text in enumerate(texts)]
    found = together(notes, texts)
    assert all(len(splits) == 1 for splits in found.values())
    assert {split for splits in found.values() for split in splits} == set(SPLITS)


@pytest.mark.parametrize("change", [lambda text: f"\ufeff{text}", lambda text: unicodedata.normalize("NFD", text)])
def test_a_byte_order_mark_or_another_normal_form_makes_no_other_text(change):
    texts = [f"Café {number} ." for number in range(30)]
    notes = [*(note(f"n{i}", text=text) for i, text in enumerate(texts)),
             *(note(f"m{i}", text=change(text)) for i, text in enumerate(texts))]  # fmt: skip
    assert all(len(splits) == 1 for splits in together(notes, texts * 2).values())
    assert count_shared(texts, map(change, texts)) == 30


def test_notes_of_blanks_are_nobodys_copies():
    counts = Counter(each.split for each in assign([note(f"n{number}", text=" \n") for number in range(400)]))
    assert counts["train"] < 320


def test_a_copy_joins_the_note_that_was_there():
    notes = [note(f"n{number}", text=f"text {number}") for number in range(60)]
    before = parts(assign(notes))
    after = parts(assign([*notes, *(note(f"{one.id}-copy", text=one.text) for one in notes)]))
    assert before == {name: after[name] for name in before}
    assert all(after[f"{name}-copy"] == split for name, split in before.items())


def test_where_all_texts_are_one_notes_are_split_all_the_same():
    assert {each.split for each in assign([note(f"n{number}", text="one") for number in range(4)])} == set(SPLITS)


@pytest.mark.parametrize(
    ("path", "patient"),
    [
        ("110-02", "110"),
        ("2031-02", "2031"),
        ("patient3/visit-1", "patient3"),
        ("Patient_A/1", "patient_a"),
        ("subj-07/notes/1", "subj-07"),
        ("p10000032/s50414267", "p10000032"),
        ("mimic/10000032/discharge", "10000032"),
        ("site/patient-12_visit-3", "patient-12"),
        ("110-2", ""),
        ("1-02", ""),
        ("clinical-106", ""),
        ("patients/1", ""),
        ("subset1/1", ""),
        ("patient/1", ""),
        ("inpatient3/1", ""),
        ("2031/1", ""),
        ("record-13", ""),
        ("018636330_DH", ""),
        ("100035", ""),
    ],
)
def test_a_name_or_a_folder_tells_the_patient(path, patient):
    assert patient_of(note(path)) == patient


@pytest.mark.parametrize("name", ["{:03}-{:02}", "patient{}/visit{}", "ward/patient{}_v{}", "p{:06}/s{}"])
def test_the_notes_of_a_patient_are_in_one_part(name):
    ids = [name.format(patient, visit) for patient in range(100, 140) for visit in range(5)]
    found = together([note(each) for each in ids], [patient_of(note(each)) for each in ids])
    assert len(found) == 40 and all(len(splits) == 1 for splits in found.values())
    assert {split for splits in found.values() for split in splits} == set(SPLITS)


def test_a_patient_stays_in_its_part_when_visits_are_added():
    visits = [
        [note(f"{patient}-{visit:02}") for patient in range(100, 160) for visit in range(number)] for number in (1, 4)
    ]
    few, many = (parts(assign(notes)) for notes in visits)
    assert few == {name: many[name] for name in few}


def test_too_few_patients_are_reported():
    with pytest.raises(InputError, match="of 2 patients, who are never split: add patients, at least 3"):
        assign([note(f"{patient}-{visit:02}") for patient in (100, 101) for visit in range(9)])


def test_a_folder_for_all_notes_is_no_patient():
    assert {each.split for each in assign([note(f"20180910/{number}") for number in range(9)])} == set(SPLITS)


@pytest.mark.parametrize("days", [("20240101", "20240102"), ("202401", "202402"), ("01022024", "31122024")])
def test_folders_named_by_dates_are_no_patients(days):
    notes = [note(f"{days[number % 2]}/{number}") for number in range(40)]
    assert {each.split for each in assign(notes)} == set(SPLITS)
    found = together(
        [note(f"{day}/{number}") for day in days for number in range(40)], [*days[:1] * 40, *days[1:] * 40]
    )
    assert all(len(splits) > 1 for splits in found.values())


def test_a_number_that_could_be_a_date_is_a_patient_beside_others():
    folders = ["19801231", *(str(10_000_032 + 7 * number) for number in range(40))]
    found = together(
        [note(f"{each}/{visit}") for each in folders for visit in range(9)], [f for f in folders for _ in range(9)]
    )
    assert all(len(splits) == 1 for splits in found.values())


@pytest.mark.parametrize("stated", [[], [note("t", "test", "other")]])
def test_too_few_texts_are_reported_rather_than_divided(stated):
    texts = ["one", "two"] if not stated else ["one", "one"]
    notes = [note(f"n{number}", text=texts[number % 2]) for number in range(40)]
    if stated:
        notes = [*(note(f"{100 + n % 2}-{n:02}", text="one") for n in range(20)), note("100-50", text="two"), *stated]
    with pytest.raises(
        InputError, match=r"groups that have a text or a patient in common, .* add notes of other texts"
    ):
        assign(notes)


def test_a_text_and_a_patient_hold_together_what_each_of_them_does():
    notes = [
        note(f"{100 + number}-{visit:02}", text=f"text {number} {visit}") for number in range(30) for visit in (1, 2)
    ]
    notes += [note(f"{200 + number}-01", text=f"text {number} 2") for number in range(30)]
    keys = [str(int(each.id[:3]) % 100) for each in notes]
    assert all(len(splits) == 1 for splits in together(notes, keys).values())


def test_sentences_that_are_everywhere_are_not_held_together():
    texts = ["She is well .", "No fever ."] * 100 + [f"Day {number} ." for number in range(100)] * 2
    notes = [note(f"all-{i}", text=text, unit=SENTENCE) for i, text in enumerate(texts)]
    found = together(notes, texts)
    assert found["She is well ."] == found["No fever ."] == set(SPLITS)
    assert all(len(splits) == 1 for text, splits in found.items() if text.startswith("Day"))


def test_a_sentence_stays_in_its_part_when_others_come_before_it():
    texts = [f"Day {number} ." for number in range(200)]
    before, after = (
        {
            each.text: each.split
            for each in assign([note(f"all-{i}", text=text, unit=SENTENCE) for i, text in enumerate(more)])
        }
        for more in (texts, ["One more .", *texts])
    )
    assert before == {text: after[text] for text in before}


@settings(max_examples=50)
@given(st.lists(st.text(max_size=12), max_size=30))
def test_every_note_gets_one_part_whatever_its_name(names):
    notes = [*corpus(("train", 60), ("test", 1)), *(note(name) for name in names)]
    assigned = assign(notes)
    assert {note.split for note in assigned} == set(SPLITS)
    assert [note._replace(split="") for note in assigned] == [note._replace(split="") for note in notes]
