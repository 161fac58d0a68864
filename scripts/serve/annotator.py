"""A pipeline that many requests use at once: notes that come together are computed together.

spaCy's `nlp` is used by several threads here. What it changes while it reads are words and the tokenizer's cache, by
one thread at a time, and the memory zone that holds them, which must not be left beside another thread: `zone` sees to
both. The encoder's cores serve all threads in turn.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import srsly
from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.failures import failure_of
from scripts.corpus.jsonl import to_row
from scripts.corpus.pipelines import count_words
from scripts.corpus.processes import annotate
from scripts.corpus.texts import Failure, Text, printable_id
from scripts.serve.problems import to_json
from scripts.serve.turns import Turns
from scripts.serve.zone import SharedZone

SHORT_CHARS = 20_000  # longer notes have a thread of their own, so that others need not wait for them
BATCH_CHARS, BATCH_NOTES = 60_000, 32  # computed together at most: as long as a note may wait for those before it
GATHER_SECONDS = 0.003  # how long the first note waits for others
SHORT_LANES = 2  # while one's notes are cut and read out, the encoder computes those of the other


class Full(Exception):
    """More notes wait than may."""


class Answer(NamedTuple):
    """What became of a note.

    line (str): The note as `annotate --to jsonl` writes it, or its id and the problem; JSON without a line end.
    failure (str): Why the pipeline failed; "" where it did not.
    words (int): Tokens that are no blanks.
    labels (tuple[str, ...]): Of its mentions.
    """

    line: str
    failure: str = ""
    words: int = 0
    labels: tuple[str, ...] = ()


@dataclass
class Waiting:
    """A note, until it is answered or nobody waits for it any more, and who does."""

    note: Text | None
    answer: "asyncio.Future[Answer]"


class Annotator:
    """Notes in, answers out, in the event loop's thread; pipelines compute in others.

    nlp (Language): The pipeline.
    most_waiting (int): Notes that may be unanswered at once.
    waiting (int): Notes that are unanswered.
    computing (int): Batches that a thread computes.
    """

    def __init__(self, nlp: Language, most_waiting: int) -> None:
        self.nlp = nlp
        self.most_waiting = most_waiting
        self.waiting = self.computing = 0
        self._zone = SharedZone(nlp)
        self._queues = {short: Turns[Waiting](_count_chars, _is_wanted) for short in (True, False)}
        self._arrived = {short: asyncio.Event() for short in (True, False)}
        self._lanes: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Annotator":
        self._lanes = [asyncio.create_task(self._run(short)) for short in (*[True] * SHORT_LANES, False)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    @property
    def is_alive(self) -> bool:
        """Whether notes are computed."""
        return bool(self._lanes) and not any(lane.done() for lane in self._lanes)

    def submit(self, who: object, notes: Sequence[Text]) -> list["asyncio.Future[Answer]"]:
        """Let notes be annotated. A future that is cancelled frees its note, unless that is being computed already.

        who (object): Who asks, a request; they take turns.
        RAISES (Full): More notes would wait than may.
        """
        if self.waiting + len(notes) > self.most_waiting:
            raise Full
        answers = []
        for note in notes:
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            waiting = Waiting(note, answer)
            answer.add_done_callback(partial(self._forget, waiting))
            self.waiting += 1
            short = len(note.text) <= SHORT_CHARS
            self._queues[short].add(id(who), waiting)
            self._arrived[short].set()
            answers.append(answer)
        return answers

    async def annotate(self, notes: Sequence[Text]) -> list[Answer]:
        """Annotate notes, whose waiting ends when this is cancelled.

        RAISES (Full): More notes would wait than may.
        """
        answers = self.submit(notes, notes)
        try:
            return await asyncio.gather(*answers)
        finally:
            for answer in answers:
                answer.cancel()

    def _forget(self, waiting: Waiting, answer: "asyncio.Future[Answer]") -> None:
        waiting.note = None
        self.waiting -= 1

    async def _run(self, short: bool) -> None:
        """Compute what waits, batch by batch, in a thread of its own."""
        queue, arrived = self._queues[short], self._arrived[short]
        loop, executor = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        try:
            while True:
                await arrived.wait()
                await asyncio.sleep(GATHER_SECONDS if short else 0)
                batch = queue.take(BATCH_CHARS, BATCH_NOTES if short else 1)
                if not queue:
                    arrived.clear()
                notes = [waiting.note for waiting in batch if waiting.note]
                if notes:
                    self.computing += 1  # for good, if the service ends meanwhile
                    found = await loop.run_in_executor(executor, self._compute, notes, not short)
                    self.computing -= 1
                    for waiting, answer in zip(batch, found, strict=True):
                        if not waiting.answer.done():
                            waiting.answer.set_result(answer)
        finally:
            executor.shutdown(wait=False)

    def _compute(self, notes: Sequence[Text], long: bool) -> list[Answer]:
        try:
            with self._zone.reading(sum(len(note.text) for note in notes), long):
                return [_to_answer(note, found) for note, found in annotate(self.nlp, notes)]
        except Exception as error:  # not of a note, such as when no memory is left: whoever waits has to know
            return [_to_answer(note, failure_of(note, "the pipeline failed", error)) for note in notes]


def _count_chars(waiting: Waiting) -> int:
    return len(waiting.note.text) if waiting.note else 0


def _is_wanted(waiting: Waiting) -> bool:
    return not waiting.answer.done()


def _to_answer(note: Text, found: Doc | Failure) -> Answer:
    try:
        if isinstance(found, Doc):
            row = to_row(note, found)
            labels = tuple(ent["label"] for ent in row["ents"])
            return Answer(srsly.json_dumps(row), "", count_words([found]), labels)
    except Exception as error:
        found = failure_of(note, "it cannot be written", error)
    reason = found.reason[:1].upper() + found.reason[1:]
    return refuse(note.id, 500, f"{reason}, at {found.at}." if found.at else f"{reason}.")


def refuse(note_id: str, status: int, detail: str) -> Answer:
    """The answer to a note that is not annotated; `detail` says why."""
    return Answer(srsly.json_dumps({"id": printable_id(note_id), "problem": to_json(status, detail)}), detail)
