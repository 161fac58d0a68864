"""Threads in forked processes."""

import importlib.util
import multiprocessing
import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc

from scripts import runtime
from scripts.runtime import fork
from tests.pipelines import LINES, build, transformer_of

SETTING = "TOKENIZERS_PARALLELISM"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def import_again() -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{runtime.__name__}.fork_again", fork.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spans(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def test_it_is_imported_where_nothing_forks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    assert import_again().before_fork


def test_it_is_registered_where_processes_fork(monkeypatch: pytest.MonkeyPatch):
    given: dict = {}
    monkeypatch.setattr(os, "register_at_fork", lambda **functions: given.update(functions), raising=False)
    again = import_again()
    assert given == {
        "before": again.before_fork,
        "after_in_parent": again.after_fork_in_parent,
        "after_in_child": again.after_fork_in_child,
    }


def test_the_tokenizers_setting_is_there_while_forking_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(SETTING, raising=False)
    fork.before_fork()
    assert os.environ[SETTING] == "false"
    fork.after_fork_in_parent()
    assert SETTING not in os.environ


def test_a_users_own_setting_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SETTING, "true")
    fork.before_fork()
    fork.after_fork_in_parent()
    assert os.environ[SETTING] == "true"


@forks
def test_a_child_computes_with_one_thread_and_its_parent_with_as_many_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        context = multiprocessing.get_context("fork")
        found = context.SimpleQueue()
        child = context.Process(target=lambda: found.put((torch.get_num_threads(), os.environ.get(SETTING))))
        child.start()
        child.join()
        assert found.get() == (1, os.environ.get(SETTING, "false"))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@forks
@pytest.mark.parametrize("threads", [1, 2])
def test_a_child_goes_on_with_a_stream_of_its_parent(bert: Path, threads: int):
    """The cores wait while a process forks; the child, which has none of them, computes what it needs itself."""
    nlp = build(bert)
    transformer_of(nlp).cfg["max_batch_items"] = 50
    alone = [spans(nlp(text)) for text in LINES]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        stream = nlp.pipe(LINES)
        first = spans(next(stream))
        child = os.fork()
        if not child:
            os._exit(int([first, *map(spans, stream)] != alone or [*map(spans, nlp.pipe(LINES))] != alone))
        assert os.waitpid(child, 0)[1] == 0
        assert [first, *map(spans, stream)] == alone
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@forks
def test_processes_annotate_while_streams_are_open(bert: Path):
    nlp = build(bert)
    transformer_of(nlp).cfg["max_batch_items"] = 50
    alone = [spans(nlp(text)) for text in LINES]
    unread, closed = (cast(Any, nlp.pipe(LINES)) for _ in range(2))
    firsts = [spans(next(stream)) for stream in (unread, closed)]
    closed.close()
    assert firsts == [alone[0]] * 2
    assert [*map(spans, nlp.pipe(LINES, n_process=2, batch_size=4))] == alone
    assert [*map(spans, unread)] == alone[1:]


@forks
def test_threads_fork_while_others_read_streams(bert: Path):
    nlp = build(bert)
    transformer_of(nlp).cfg["max_batch_items"] = 20
    alone = [spans(nlp(text)) for text in LINES]
    found: list[bool] = []

    def read() -> None:
        found.extend([*map(spans, nlp.pipe(LINES))] == alone for _ in range(3))

    def fork_often() -> None:
        for _ in range(10):
            child = os.fork()
            if not child:
                os._exit(int(spans(nlp(LINES[0])) != alone[0]))
            found.append(os.waitpid(child, 0)[1] == 0)

    threads = [threading.Thread(target=work) for work in (read, read, fork_often)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16


@forks
def test_processes_annotate_after_the_pipeline_was_used(bert: Path):
    nlp: Language = build(bert)
    alone = [spans(nlp(text)) for text in LINES]
    assert [*map(spans, nlp.pipe(LINES, n_process=2, batch_size=4))] == alone
