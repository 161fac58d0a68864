"""Offsets counted otherwise than the text is stored: every mention at its place, nothing told that is not so."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.archives import read_files
from scripts.cli import InputError
from scripts.convert.formats import brat
from scripts.corpus.note import Note
from tests.helpers import file, hostile_text, open_corpus, problems, quoted

LINES = "Day {} : no fever , 😀 mild pain in the café .\n"
TEXT = "".join(LINES.format(day) for day in range(20))
WORDS = ("fever", "mild pain", "café")


def one_ends(text: str) -> int:
    return len(text.replace("\r\n", "\n"))


def two_ends(text: str) -> int:
    return len(text.replace("\r\n", "\n").replace("\n", "\r\n"))


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def utf8(text: str) -> int:
    return len(text.encode("utf8"))


def annotate(text: str, count: Callable[[str], int], words: tuple[str, ...] = WORDS) -> tuple[str, list[int]]:
    """A line for every occurrence of the words with offsets as counted, and where they are."""
    places = sorted(
        (start, word) for word in words for start in range(len(text)) if text.startswith(word, start)
    )  # fmt: skip
    lines = [
        f"T{number}\tx {count(text[:start])} {count(text[: start + len(word)])}\t{word}\n"
        for number, (start, word) in enumerate(places, start=1)
    ]
    return "".join(lines), [start for start, _ in places]


def read(text: str, annotations: str) -> Note:
    (note,) = brat.read([file("a.txt", text), file("a.ann", annotations)])
    return note


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        (TEXT, len, ""),
        (TEXT.replace("\n", "\r\n"), len, ""),
        ("\ufeff" + TEXT, len, ""),
        (TEXT.replace("\n", "\r\n"), one_ends, "line ends as one character"),
        (TEXT, two_ends, "line ends as two characters"),
        (TEXT.replace("\n", "\r\n", 7), two_ends, "line ends as two characters"),
        (TEXT.replace("\n", "\r\n", 7), one_ends, "line ends as one character"),
        (TEXT, utf16, "UTF-16 units"),
        (TEXT, utf8, "UTF-8 bytes"),
        (TEXT.replace("\n", "\r\n"), lambda text: utf16(text.replace("\r\n", "\n")),
         "line ends as one character and UTF-16 units"),
        (TEXT, lambda text: utf8(text.replace("\n", "\r\n")), "line ends as two characters and UTF-8 bytes"),
        ("\ufeff" + TEXT, lambda text: len(text) - 1, "no byte-order mark"),
        ("\ufeff" + TEXT, lambda text: utf16(text) - 1, "UTF-16 units and no byte-order mark"),
    ],
)  # fmt: skip
def test_every_way_of_counting_is_found_and_told(text, count, name):
    annotations, starts = annotate(text, count)
    note = read(text, annotations)
    assert note.text == text
    assert [entity.start for entity in note.entities] == starts and len(starts) == 60
    assert problems(note) == ([(0, f"offsets count {name}", 0)] if name else [])


def test_a_mention_that_no_counting_gives_is_repaired_behind_the_one_found():
    text = TEXT.replace("\n", "\r\n")
    annotations, starts = annotate(text, one_ends)
    first, *lines = annotations.split("\n")
    wrong = [first, *lines[:10], lines[10].replace("\t", "\t", 1).replace(" ", " 9", 1), *lines[11:]]
    note = read(text, "\n".join(wrong))
    assert len(note.entities) == len(starts) - 1  # 9xx is far from its quote
    assert next(kind for _, kind, _ in problems(note)) == "offsets count line ends as one character"
    assert [dropped for *_, dropped in problems(note)] == [0, 1]


def test_a_file_most_of_whose_mentions_are_elsewhere_is_refused():
    annotations, _ = annotate(TEXT, lambda text: len(text) + text.count(" ") * 2)
    with pytest.raises(InputError, match=r"^a\.ann: 58 of 60 mentions are not where their offsets say"):
        read(TEXT, annotations)


def test_a_few_of_many_are_repaired():
    annotations, starts = annotate(TEXT, len)
    lines = annotations.split("\n")
    for place in (3, 20, 41):
        _, offsets, quote = lines[place].split("\t")
        start, end = (int(number) + 2 for number in offsets.split()[1:])
        lines[place] = f"T{place}\tx {start} {end}\t{quote}"
    note = read(TEXT, "\n".join(lines))
    assert [entity.start for entity in note.entities] == starts
    assert problems(note) == [(place + 1, "offsets repaired by the quote", 0) for place in (3, 20, 41)]


COUNTS = {"": len, "one": one_ends, "two": two_ends, "utf16": utf16, "utf8": utf8}


@settings(max_examples=200)
@given(hostile_text(min_size=8), st.sampled_from(sorted(COUNTS)), st.data())
def test_written_with_any_counting_a_mention_has_its_quote_or_is_counted(text, name, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [span for span in zip(cuts[::2], cuts[1::2], strict=False) if text[slice(*span)].strip()]
    count = COUNTS[name]
    lines = [
        f"T{number}\tx {count(text[:start])} {count(text[:end])}\t{' '.join(text[start:end].split())}"
        for number, (start, end) in enumerate(spans)
    ]
    note = read(text, "\n".join(["", *lines]))
    assert len(note.entities) + sum(problem.dropped for problem in note.problems) == len(lines)
    quotes = {number: text[slice(*span)].split() for number, span in enumerate(spans)}
    for entity in note.entities:
        assert note.text[entity.start : entity.end].split() == quotes[entity.line - 2]


@pytest.mark.parametrize(
    ("stored", "count", "name"),
    [
        (lambda text: text.replace("\n", "\r\n"), one_ends, "line ends as one character"),
        (lambda text: text, two_ends, "line ends as two characters"),
        (lambda text: text.replace("a", "😀a"), utf16, "UTF-16 units"),
    ],
)
def test_an_open_corpus_stored_otherwise_has_the_same_mentions(stored, count, name):
    """MACCROBAT checked out with other line ends, or annotated by a tool that counts otherwise."""
    files = {str(found.path): found.data.decode("utf8") for found in read_files(open_corpus("maccrobat"))}
    names = sorted(name.removesuffix(".txt") for name in files if name.endswith(".txt"))[:40]
    changed = []
    for each in names:
        text = files[f"{each}.txt"]
        whole = stored(text)
        places = [len(stored(text[:index])) for index in range(len(text) + 1)]
        lines = []
        for line in files[f"{each}.ann"].split("\n"):
            if line.startswith("T"):
                tag, body, _ = line.split("\t", maxsplit=2)
                label, _, offsets = body.partition(" ")
                spans = [tuple(map(int, part.split())) for part in offsets.split(";")]
                spans = [(places[start], places[end]) for start, end in spans]
                counted = ";".join(f"{count(whole[:start])} {count(whole[:end])}" for start, end in spans)
                lines.append(f"{tag}\t{label} {counted}\t{' '.join(whole[start:end] for start, end in spans)}")
        changed += [file(f"{each}.txt", whole), file(f"{each}.ann", "\n".join(lines))]
    before = list(
        brat.read([file(f"{each}{end}", files[f"{each}{end}"]) for each in names for end in (".txt", ".ann")])
    )
    after = list(brat.read(changed))
    for plain, other in zip(before, after, strict=True):
        assert [(label, stored(words)) for label, words in quoted(plain)] == quoted(other)
        assert {kind for _, kind, _ in problems(other)} <= {f"offsets count {name}"}
    assert any(note.problems for note in after)
