"""Notes of many who ask: computed together, in turn, and not at all once nobody waits for them."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from scripts.corpus.jsonl import to_row
from scripts.corpus.texts import Text
from scripts.serve import annotator as annotators
from scripts.serve.annotator import SHORT_CHARS, Annotator, Full
from tests.serving import SECONDS, Gate, gate_of, make_pipeline

LONG = "slow " * SHORT_CHARS


def notes_of(*texts: str) -> list[Text]:
    return [Text(str(number), text, "") for number, text in enumerate(texts)]


def use(test: Callable[[Annotator, Gate], Coroutine[Any, Any, None]], most_waiting: int = 1000) -> None:
    nlp = make_pipeline()
    gate = gate_of(nlp)

    async def run() -> None:
        async with Annotator(nlp, most_waiting) as annotator:
            try:
                await asyncio.wait_for(test(annotator, gate), SECONDS)
            finally:
                gate.open.set()
            assert annotator.waiting == 0

    asyncio.run(run())


async def wait_for(event: Any) -> None:
    assert await asyncio.to_thread(event.wait, SECONDS)


def test_answers_are_those_of_nlp_in_order_though_many_ask_at_once():
    texts = [f"{'No EKG . ' * (number % 7)} chest  pain {number} 😀 ." for number in range(120)] + ["", " \n "]
    nlp = make_pipeline()
    rows = [to_row(note, nlp(note.text)) for note in notes_of(*texts)]

    async def test(annotator: Annotator, gate: Gate) -> None:
        notes = notes_of(*texts)
        parts = [notes[start : start + 7] for start in range(0, len(notes), 7)]
        answers = await asyncio.gather(*map(annotator.annotate, parts))
        flat = [answer for part in answers for answer in part]
        assert [json.loads(answer.line) for answer in flat] == rows
        assert [answer.labels for answer in flat] == [tuple(ent["label"] for ent in row["ents"]) for row in rows]
        assert [answer.words for answer in flat] == [sum(not t.is_space for t in nlp(text)) for text in texts]

    use(test)


def test_notes_that_come_together_are_computed_together(monkeypatch):
    sizes = []
    compute = Annotator._compute

    def note_size(self: Annotator, notes: list[Text], long: bool) -> list:
        sizes.append(len(notes))
        return compute(self, notes, long)

    monkeypatch.setattr(Annotator, "_compute", note_size)
    monkeypatch.setattr(annotators, "SHORT_LANES", 1)

    async def test(annotator: Annotator, gate: Gate) -> None:
        first = asyncio.create_task(annotator.annotate(notes_of("slow")))
        await wait_for(gate.entered)
        others = [asyncio.create_task(annotator.annotate(notes_of(f"EKG {number}"))) for number in range(9)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *others)

    use(test)
    assert sizes == [1, 9]


def test_a_long_note_does_not_keep_short_ones_waiting():
    async def test(annotator: Annotator, gate: Gate) -> None:
        long = asyncio.create_task(annotator.annotate(notes_of(LONG)))
        await wait_for(gate.entered)
        answers = await annotator.annotate(notes_of(*["chest pain"] * 100))
        assert all(answer.labels == ("problem",) for answer in answers) and not long.done()
        gate.open.set()
        assert json.loads((await long)[0].line)["text"] == LONG

    use(test)


def test_no_more_notes_wait_than_may():
    async def test(annotator: Annotator, gate: Gate) -> None:
        waiting = [asyncio.create_task(annotator.annotate(notes_of("slow"))) for _ in range(3)]
        await wait_for(gate.entered)
        with pytest.raises(Full):
            await annotator.annotate(notes_of("EKG", "EKG"))
        assert annotator.waiting == 3
        waiting.append(asyncio.create_task(annotator.annotate(notes_of("EKG"))))
        await asyncio.sleep(0)
        assert annotator.waiting == 4
        gate.open.set()
        await asyncio.gather(*waiting)
        assert len(await annotator.annotate(notes_of(*["EKG"] * 4))) == 4

    use(test, most_waiting=4)


def test_what_nobody_waits_for_any_more_is_not_computed(monkeypatch):
    monkeypatch.setattr(annotators, "SHORT_LANES", 1)

    async def test(annotator: Annotator, gate: Gate) -> None:
        first = asyncio.create_task(annotator.annotate(notes_of("slow")))
        await wait_for(gate.entered)
        left = asyncio.create_task(annotator.annotate(notes_of("left one", "left two")))
        kept = asyncio.create_task(annotator.annotate(notes_of("kept")))
        await asyncio.sleep(0)
        assert annotator.waiting == 4
        queue = next(iter(annotator._queues[True]._queues.values()))
        assert [item.note.text for item in queue if item.note] == ["left one", "left two"]
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert annotator.waiting == 2 and not any(item.note for item in queue)  # nor is its text kept
        gate.open.set()
        await asyncio.gather(first, kept)
        assert gate.read == ["slow", "kept"]

    use(test)


def test_a_note_that_fails_does_no_harm_to_others_and_is_not_quoted():
    async def test(annotator: Annotator, gate: Gate) -> None:
        good, bad, last = await annotator.annotate(notes_of("EKG", "raises zorblattin", "chest pain"))
        assert (good.labels, last.labels) == (("test",), ("problem",))
        found = json.loads(bad.line)
        assert found.keys() == {"id", "problem"} and found["problem"]["status"] == 500
        assert bad.failure.startswith("The pipeline failed (ValueError), at tests/serving.py:")
        assert "zorblattin" not in bad.line

    use(test)


def test_an_error_beside_the_notes_is_told_to_who_waits(monkeypatch):
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(annotators, "annotate", fail)

    async def test(annotator: Annotator, gate: Gate) -> None:
        (answer,) = await annotator.annotate(notes_of("EKG"))
        assert answer.failure.startswith("The pipeline failed (MemoryError)")

    use(test)


def test_words_of_notes_are_kept_no_longer_than_notes():
    async def test(annotator: Annotator, gate: Gate) -> None:
        await annotator.annotate(notes_of("quendrick zorblattin"))
        assert "quendrick" not in annotator.nlp.vocab.strings

    use(test)
