"""Texts and annotation files paired by stem, wherever they lie; files without a partner are named."""

import pytest

from scripts.cli import InputError
from scripts.convert.formats.pairs import attach, pair
from tests.helpers import file


def stem(found) -> str:
    return found.path.name.split(".")[0]


def pairs(texts: list[str], annotations: list[str], skip_unpaired: bool = False) -> list[tuple[str, str, str]]:
    found = pair([file(path, "") for path in texts], [file(path, "") for path in annotations], stem, skip_unpaired)
    return [(one.id, str(one.text.path), str(one.annotation.path)) for one in found]


def test_a_note_and_one_of_the_same_name_further_down_are_two_pairs():
    assert pairs(["a/1.txt", "a/old/1.txt"], ["a/1.ann", "a/old/1.ann"]) == [
        ("a/1", "a/1.txt", "a/1.ann"),
        ("a/old/1", "a/old/1.txt", "a/old/1.ann"),
    ]


def test_texts_and_annotations_are_paired_by_stem_whatever_their_order():
    found = pairs(["docs/b.txt", "docs/a.txt", "docs/ab.txt"], ["con/ab.con", "con/a.con", "con/b.con"])
    assert found == [
        ("ab", "docs/ab.txt", "con/ab.con"),
        ("a", "docs/a.txt", "con/a.con"),
        ("b", "docs/b.txt", "con/b.con"),
    ]


def test_of_two_texts_the_one_with_the_longest_path_in_common_is_taken():
    texts = ["beth/txt/1.txt", "partners/txt/1.txt"]
    assert pairs(texts, ["partners/concept/1.con", "beth/concept/1.con"]) == [
        ("partners/txt/1", "partners/txt/1.txt", "partners/concept/1.con"),
        ("beth/txt/1", "beth/txt/1.txt", "beth/concept/1.con"),
    ]


def test_a_text_of_the_same_split_comes_before_one_nearby():
    texts = ["n2c2/train_data/1.txt", "other/test_data/1.txt"]
    found = pairs(texts, ["n2c2/reference_standard_for_test_data/1.con", "n2c2/train_data/1.con"])
    assert [text for _, text, _ in found] == ["other/test_data/1.txt", "n2c2/train_data/1.txt"]


def test_notes_of_the_same_stem_get_the_folder_into_their_id():
    found = pairs(["a/1.txt", "b/1.txt", "b/2.txt"], ["a/1.ann", "b/1.ann", "b/2.ann"])
    assert [note_id for note_id, _, _ in found] == ["a/1", "b/1", "2"]


def test_an_annotation_without_a_text_is_named():
    with pytest.raises(InputError, match=r"concepts/b\.con has no text file"):
        pairs(["docs/a.txt"], ["concepts/a.con", "concepts/b.con"])


def test_a_text_without_an_annotation_is_named():
    with pytest.raises(InputError, match=r"docs/b\.txt has no annotation file"):
        pairs(["docs/a.txt", "docs/b.txt"], ["concepts/a.con"])


def test_a_text_in_a_folder_without_annotated_texts_is_no_orphan():
    assert len(pairs(["docs/a.txt", "README.txt", "more/notes.txt"], ["concepts/a.con"])) == 1


def test_files_without_a_partner_can_be_left_out():
    assert pairs(["docs/a.txt", "docs/b.txt"], ["con/c.con", "con/a.con"], skip_unpaired=True) == [
        ("a", "docs/a.txt", "con/a.con")
    ]


def test_an_annotation_that_fits_two_texts_is_reported():
    with pytest.raises(InputError, match=r"concepts/1\.con fits both \S+/1\.txt and \S+/1\.txt: remove one"):
        pairs(["beth/1.txt", "partners/1.txt"], ["concepts/1.con"])


@pytest.mark.parametrize("skip_unpaired", [False, True])
def test_two_annotations_of_one_text_are_reported(skip_unpaired):
    with pytest.raises(InputError, match=r"a/1\.con and b/1\.con both annotate docs/1\.txt"):
        pairs(["docs/1.txt"], ["a/1.con", "b/1.con"], skip_unpaired)


def test_nothing_pairs_with_nothing():
    assert pairs([], []) == []


# --- further files of a note


def attached(further: list[str], *annotations: str) -> dict[str, str]:
    texts = [file(path.replace(".con", ".txt"), "") for path in annotations]
    found = pair(texts, [file(path, "") for path in annotations], stem)
    return {note: str(one.path) for note, one in attach(found, [file(path, "") for path in further], stem).items()}


def test_a_further_file_belongs_to_the_nearest_note_of_its_name():
    assert attached(["b/ast/1.ast", "a/1.ast", "2.ast"], "a/1.con", "b/1.con", "b/2.con", "b/3.con") == {
        "a/1": "a/1.ast",
        "b/1": "b/ast/1.ast",
        "2": "2.ast",
    }


def test_the_part_that_a_folder_states_comes_before_what_is_near():
    assert attached(["x/test/1.ast", "y/train/1.ast"], "x/train/1.con", "y/test/1.con") == {
        "y/test/1": "x/test/1.ast",
        "x/train/1": "y/train/1.ast",
    }


def test_a_further_file_of_no_note_is_left_out():
    assert attached(["2.ast", "11.ast"], "1.con") == {}
    assert attached(["1.ast"]) == {}


def test_further_files_that_fit_two_notes_or_one_note_twice_are_reported():
    with pytest.raises(InputError, match=r"^c/1\.ast fits both a/1\.con and b/1\.con: remove one of them\.$"):
        attached(["c/1.ast"], "a/1.con", "b/1.con")
    with pytest.raises(InputError, match=r"^a/1\.ast and b/1\.ast both belong to a/1\.con: remove one\.$"):
        attached(["a/1.ast", "b/1.ast"], "a/1.con")
