"""What is kept of an exception: its kind and a line of code, and no word of a note or a folder of the user."""

import json
from pathlib import Path

from scripts.corpus.failures import failure_of, place_of
from scripts.corpus.docs import create_nlp
from scripts.corpus.texts import Text

NOTE = Text("n1", "Zorblattin has pain", "notes.csv", 7)


def raised(run) -> Exception:
    try:
        run()
    except Exception as error:
        return error
    raise AssertionError


def line_in(run, offset: int) -> int:
    return run.__code__.co_firstlineno + offset


def fail() -> None:
    raise KeyError(NOTE.text)


def fail_again() -> None:
    try:
        fail()
    except KeyError as error:
        raise ValueError("no more is known") from error


def test_a_failure_names_the_note_the_kind_of_error_and_the_line_of_code():
    failure = failure_of(NOTE, "the pipeline failed", raised(fail))
    at = f"tests/corpus/test_failures.py:{line_in(fail, 1)}"
    assert failure == ("n1", "notes.csv", 7, "the pipeline failed (KeyError)", at)
    assert "Zorblattin" not in str(failure)


def test_of_an_error_raised_from_another_the_first_place_counts():
    assert place_of(raised(fail_again)).endswith(f"test_failures.py:{line_in(fail, 1)}")


def test_an_error_that_was_never_raised_is_nowhere():
    assert place_of(ValueError()) == ""


def test_a_library_is_named_below_where_it_is_installed(tmp_path: Path, monkeypatch):
    assert place_of(raised(lambda: json.loads("{"))).startswith("json/decoder.py:")
    nlp = create_nlp()
    nlp.max_length = 3
    assert place_of(raised(lambda: nlp(NOTE.text))).startswith("spacy/language.py:")
    place = place_of(raised(lambda: nlp.make_doc("a b")[7]))
    assert place.startswith("spacy/tokens/doc.pyx:")  # compiled


def test_code_from_anywhere_else_is_named_without_its_folder(tmp_path: Path):
    path = tmp_path / "Zorblattin" / "plugin.py"
    code = compile("raise ValueError", str(path), "exec")
    assert place_of(raised(lambda: exec(code))) == "plugin.py:1"
