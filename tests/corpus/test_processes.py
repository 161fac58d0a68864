"""Annotation of many notes: one that fails does no harm to the others, in one process or in several."""

import multiprocessing
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.docs import create_nlp
from scripts.corpus.processes import PROCESS_BATCH, annotate
from scripts.corpus.texts import Failure, Text
from scripts.corpus.workers import AHEAD
from tests.encoders import build_bert
from tests.pipelines import LINES, build

PARENT = os.getpid()
done_here: list[str] = []  # the texts that this process has done itself


@Language.component("medner_test_fragile")
def fragile(doc: Doc) -> Doc:
    done_here.append(doc.text)
    if "boom" in doc.text:
        raise ValueError(doc.text)
    if "memory" in doc.text:
        raise MemoryError
    if "unsendable" in doc.text:
        doc.user_data["lock"] = threading.Lock()
    if doc.text.startswith("/") and os.getpid() != PARENT:
        Path(doc.text, str(os.getpid())).touch()
        time.sleep(60)
    if "die" in doc.text and os.getpid() != PARENT:
        os.kill(os.getpid(), signal.SIGKILL)
    return doc


class Lossy:
    """A component of other makers that fails for a whole batch, and one that only leaves notes out."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.batches: list[int] = []

    def __call__(self, doc: Doc) -> Doc:
        if "boom" in doc.text:
            raise ValueError(doc.text)
        return doc

    def pipe(self, docs, batch_size: int):
        docs = list(docs)
        self.batches.append(len(docs))
        if any("boom" in doc.text for doc in docs):
            raise ValueError("boom")
        yield from (doc for doc in docs if "lose" not in doc.text)


Language.factory("medner_test_lossy", func=Lossy)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """A tiny BERT."""
    folder = tmp_path_factory.mktemp("encoder")
    build_bert(LINES, folder)
    return folder


def pipeline(name: str = "medner_test_fragile") -> Language:
    nlp = create_nlp()
    nlp.add_pipe(name)
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "problem", "pattern": "pain"}])
    return nlp


def notes(count: int, **words: int) -> list[Text]:
    places = {place: word for word, place in words.items()}
    return [Text(str(i), f"note {i} {places.get(i, '')} pain", "f.csv", i) for i in range(count)]


def check(found: list, given: list[Text], failed: dict[str, str]) -> None:
    assert [note for note, _ in found] == given
    for note, result in found:
        if note.id in failed:
            reason = f"the pipeline failed ({failed[note.id]})"
            assert result == Failure(note.id, "f.csv", note.line, reason, result.at)
            assert re.fullmatch(r"(tests/corpus/test_processes|spacy/language)\.py:\d+", result.at)
        else:
            assert result.text == note.text and [ent.text for ent in result.ents] == ["pain"]


@pytest.mark.parametrize("n_process", [1, 2])
def test_a_note_that_fails_is_found_and_the_others_are_annotated(n_process):
    given = notes(150, boom=5, memory=70)
    nlp = pipeline()
    done_here.clear()
    check(list(annotate(nlp, given, n_process)), given, {"5": "ValueError", "70": "MemoryError"})
    assert n_process == 1 or len(done_here) <= 2 * PROCESS_BATCH
    assert list(annotate(nlp, [], n_process)) == []


@pytest.mark.parametrize("n_process", [1, 2])
def test_batches_that_raise_or_lose_notes_are_done_note_by_note(n_process):
    given = notes(100, boom=70, lose=3)
    check(list(annotate(pipeline("medner_test_lossy"), given, n_process)), given, {"70": "ValueError"})


def test_a_text_that_cannot_be_cut_into_tokens_fails_alone():
    nlp, given = pipeline(), notes(40, verylongword=7)
    nlp.max_length = 20
    for n_process in (1, 2):
        check(list(annotate(nlp, given, n_process)), given, {"7": "ValueError"})


def test_a_process_that_is_killed_is_no_end_and_no_loss(capsys):
    given = notes(100, die=20)
    check(list(annotate(pipeline(), given, 2)), given, {})
    assert "One of the processes is gone (signal 9" in capsys.readouterr().out


def test_notes_of_a_killed_process_are_annotated_here_and_no_others(capsys):
    nlp, given = pipeline(), notes(100, die=20)
    done_here.clear()
    assert len(list(annotate(nlp, given, 2))) == 100
    assert PROCESS_BATCH <= len(done_here) <= AHEAD * PROCESS_BATCH


def test_a_real_encoder_outlives_processes_killed_at_any_moment(encoder, capsys):
    nlp = build(encoder)
    given = [Text(str(i), f"{LINES[i % 4]} {i}\n" * (1 + i % 30), "f.csv", i) for i in range(8 * PROCESS_BATCH)]
    expected = [(note, as_json(doc)) for note, doc in annotate(nlp, given)]
    for seed in range(6):
        chance, found = random.Random(seed), []
        kill_at = set(chance.sample(range(7 * PROCESS_BATCH), chance.choice([1, 2])))
        with nlp.memory_zone():
            for place, (note, doc) in enumerate(annotate(nlp, given, 2)):
                found.append((note, as_json(doc)))
                if place in kill_at:
                    chance.choice(multiprocessing.active_children()).kill()
        assert found == expected, seed
        assert not multiprocessing.active_children()


def as_json(found: Doc | Failure) -> dict:
    assert isinstance(found, Doc)
    return found.to_json()


def test_what_cannot_be_sent_is_annotated_here():
    given = notes(40, unsendable=9)
    check(list(annotate(pipeline(), given, 2)), given, {})


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux can end a process with its parent")
def test_processes_end_with_the_one_that_is_killed(tmp_path):
    given = [Text(str(i), str(tmp_path), "") for i in range(40)]
    parent = multiprocessing.get_context("fork").Process(target=lambda: list(annotate(pipeline(), given, 2)))
    parent.start()
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.join()
    wait_for(lambda: not any(runs(int(path.name)) for path in tmp_path.iterdir()))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_long_notes_make_short_batches():
    nlp = pipeline("medner_test_lossy")
    nlp.get_pipe("medner_test_lossy").batches.clear()  # the patterns went through it
    given = [Text(str(i), "pain " * 10_000, "") for i in range(9)]
    assert len(list(annotate(nlp, given))) == 9
    assert nlp.get_pipe("medner_test_lossy").batches == [4, 4, 1]
