"""The clinical tokenizer: what it cuts, what it leaves whole, and how annotations align with it."""

# ruff: noqa: RUF001 (signs that look alike are what is tested)

import pickle
import re
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokenizer import Tokenizer

from scripts.runtime.tokenizer import create_tokenizer
from tests.paths import ROOT, SHARED

SAMPLE = ROOT / "assets" / "sample"
MACCROBAT = SHARED / "data" / "maccrobat.tar.xz"
# Annotations that begin or end inside a word (26 of them), or leave out the last stop of p.m. (5).
MACCROBAT_ANNOTATIONS = 25_189
MACCROBAT_MISALIGNED = 32

Span = tuple[int, int]  # of characters

TOKENIZER = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "medner.Tokenizer.v1"}}}).tokenizer


def words(text: str) -> list[str]:
    return [token.text for token in TOKENIZER(text) if not token.is_space]


CUT = {
    "stop after a unit": ("sodium 131 mEq/L.", "sodium 131 mEq / L ."),
    "stop after a letter": ("vitamin D. hepatitis c.", "vitamin D . hepatitis c ."),
    "stop after a number": ("pH 7.4. 2.", "pH 7.4 . 2 ."),
    "stop after a word": ("5 weeks on.", "5 weeks on ."),
    "stop before a bracket": ("(4 g/dL.)", "( 4 g / dL . )"),
    "stop and no blank": ("stable.The skin clear.no rash", "stable . The skin clear . no rash"),
    "stop of a list": ("1.Zorvex 2.zorvex", "1 . Zorvex 2 . zorvex"),
    "comparison": ("<70 >=3 ≤2 K>5.5 INR<=2", "< 70 >= 3 ≤ 2 K > 5.5 INR <= 2"),
    "comparison typed with a slash": ("</=5 >/= 3", "</= 5 >/= 3"),
    "comparison with a negative": ("<-5", "< -5"),
    "equals": ("EF=30%; (=12", "EF = 30% ; ( = 12"),
    "arrow": ("Cr 1.2->1.5 --> 2→3", "Cr 1.2 -> 1.5 --> 2 → 3"),
    "about": ("~4 ∼4 ≈5", "~ 4 ∼ 4 ≈ 5"),
    "plus": ("HIV+, K+. 2+ zorvex+quillin", "HIV + , K + . 2 + zorvex + quillin"),
    "number and unit": ("10mg 5mL 30yo 8am 2tabs", "10 mg 5 mL 30 yo 8 am 2 tabs"),
    "dose in a volume": ("20mg/5ml", "20 mg / 5 ml"),
    "range of doses": ("10mg-20mg", "10 mg - 20 mg"),
    "micro": ("5μg 5µg", "5 μg 5 µg"),
    "frequency and condition": ("q6h:prn", "q6h : prn"),
    "word and number": ("tablet2 of nausea.3 2", "tablet 2 of nausea . 3 2"),
    "number sign": ("#3 POD#2", "# 3 POD # 2"),
    "percent and word": ("50%narrowing", "50% narrowing"),
    "slash": ("CT/MRI rash/ fever", "CT / MRI rash / fever"),
    "slash before a number": ("70 μg/24 h", "70 μg / 24 h"),
    "hyphen": ("zorvex-induced T2-weighted x-ray", "zorvex - induced T2 - weighted x - ray"),
    "hyphen at an edge": ("-Fever chemo- or (ABC)-free", "- Fever chemo - or ( ABC ) - free"),
    "dashes": ("low—3 non‑tender low–grade", "low — 3 non ‑ tender low – grade"),
    "brackets": ("colour(pale) [4] {x} (1)", "colour ( pale ) [ 4 ] { x } ( 1 )"),
    "bracket of an item": ("1)Rash 2) (8) 8)", "1 ) Rash 2 ) ( 8 ) 8 )"),
    "plural in brackets": ("Tablet(s)*", "Tablet (s) *"),
    "colon": ("PE:none (Daily): 2 Note:3", "PE : none ( Daily ) : 2 Note : 3"),
    "comma": ("cuff,12 3,Grade a,b", "cuff , 12 3 , Grade a , b"),
    "quotes": ("'good' \"itchy\" “odd”", "' good ' \" itchy \" “ odd ”"),
    "possessive": ("Quill's patients' patient’s", "Quill 's patients ' patient ’s"),
    "contraction": ("didn't, can't we're", "did n't , ca n't we 're"),
    "run of signs": ("____ ------- a...b ***", "____ ------- a ... b ***"),
    "date by de-identification": ("[**2151-7-16**], on", "[** 2151-7-16 **] , on"),
    "name by de-identification": ("Dr.[**Name (STitle) 1**]", "Dr. [** Name ( STitle ) 1 **]"),
    "numbered name": ("[**Hospital1 12**]", "[** Hospital1 12 **]"),
    "abbreviation without a blank": ("p.o.daily (i.e.2 weeks)", "p.o. daily ( i.e. 2 weeks )"),
    "trade mark": ("Zorvex®, Quillin™.", "Zorvex ® , Quillin ™ ."),
    "full-width signs": ("rash，fever ＞3（3）", "rash ， fever ＞ 3 （ 3 ）"),
    "byte-order mark": ("\ufeffZorvex", "\ufeff Zorvex"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CUT.values(), ids=CUT)
def test_cuts(text: str, expected: str):
    assert words(text) == expected.split()


@pytest.mark.parametrize(
    "word",
    [
        *("3.41", "12,000", "1,6", ".25", "-5", "-0.5", "+.5", "10:30", "120/80", "1:100"),
        *("02/11/2018", "2018-02-11", "2/12", "7-10", "7–10", "2x3", "1e5", "3.1.2"),
        *("30%", "37.5°C", "40°", "10^9", "13×10", "m2", "mm3", "B12a", "2nd", "1990s", "2x"),
        *("p.o.", "q.d.", "b.i.d.", "q.4h.", "q.4-6h.", "q4-6h", "q12h", "U.S.", "e.g.", "a.m."),
        *("Dr.", "vs.", "Ph.D.", "and/or", "w/o", "s/p", "y/o", "r/g/m", "d/c'd", "O'Quill"),
        *("IL-6", "beta-1a", "3b", "4q35.1", "H.pylori", "No.3", "V3-6", "H&E", "x2", "63M"),
        *("im", "id", "Wed", "www.zorvex.org/a-b?c=1", "https://zorvex.org/", "a.quill@zorvex.org"),
        *("cafe\u0301", "café", "naïve", "Ⅱ"),
    ],
)  # fmt: skip
def test_leaves_whole(word: str):
    assert words(f"{word} ({word}) then {word}") == [word, "(", word, ")", "then", word]


@pytest.mark.parametrize("blank", ["\xa0", "\u2005", "\u200a", "\u3000", "\t", "\r\n", "  "])
def test_unusual_blanks_separate(blank: str):
    assert words(f"385{blank}m.{blank}Rash") == ["385", "m", ".", "Rash"]


def test_blanks_are_tokens_as_in_spacy():
    text = " a  b\n\nc \t d\xa0e "
    assert [token.text for token in TOKENIZER(text)] == [t.text for t in spacy.blank("en")(text)]


numbers = st.from_regex(r"[0-9]{1,4}\.[0-9]{1,3}|[1-9][0-9]?,[0-9]{3}(\.[0-9])?", fullmatch=True)
before = st.sampled_from(["", "(", "<", ">=", "=", "~", "[", "K", "K=", "x", "-", "+", "±", "day:", "a/"])
after = st.sampled_from(["", "mg", "%", ",", ".", ").", "/5ml", "/7.5", "-7.2", "–8", "x", "°C", ":", "+"])


@given(before, numbers, after)
def test_a_number_is_never_split(before: str, number: str, after: str):
    start = len(before)
    end = start + len(number)
    assert any(token.idx <= start and end <= token.idx + len(token) for token in TOKENIZER(before + number + after))


# Signs and words that the rules are about, mixed at random, and any text at all.
PIECES = ["[**", "**]", "->", "</=", "'s", "n't", "p.o.", "q.4h.", "10mg", "(s)", "Dr.", "\u0301", "\u200b"]
texts = st.text() | st.lists(
    st.sampled_from([*PIECES, *"aZ12.-,:;/()[]<>=+*#&%'\"_~!?|°µ’–—…\n\t \xa0"]), max_size=30
).map("".join)


@given(texts)
def test_loses_no_character(text: str):
    assert TOKENIZER(text).text == text


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> list[Tokenizer]:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer"
    TOKENIZER.to_disk(path)
    return [
        Tokenizer(spacy.blank("en").vocab).from_bytes(TOKENIZER.to_bytes()),
        Tokenizer(spacy.blank("en").vocab).from_disk(path),
        pickle.loads(pickle.dumps(TOKENIZER)),
    ]


@given(text=texts)
def test_saved_and_loaded_is_the_same(copies: list[Tokenizer], text: str):
    expected = [token.text for token in TOKENIZER(text)]
    for tokenizer in copies:
        assert [token.text for token in tokenizer(text)] == expected


@pytest.mark.parametrize("text", [text for text, _ in CUT.values()], ids=CUT)
def test_spacy_can_explain_it(text: str):
    assert [token for _, token in TOKENIZER.explain(text)] == words(text)


@pytest.mark.parametrize(
    "unit",
    [
        *"a1_-.(@°’",
        *["()", ".)", "a.", "1,", "a-", "a:", "'s", "5mg", "[**", "a@", "://", "www.", "q.4h.", "->"],
    ],
)
def test_a_long_line_without_blanks_takes_seconds(unit: str):
    text = (unit * 100_000)[:100_000]
    start = time.process_time()
    assert TOKENIZER(text).text == text
    assert time.process_time() - start < 5  # it takes 0.6 s at most; spaCy's own, minutes


def test_words_behind_a_line_end_are_kept_in_the_cache():
    tokenizer = create_tokenizer()(spacy.blank("en"))  # one of its own, as it is changed
    find, searched = tokenizer.infix_finditer, []
    tokenizer.infix_finditer = lambda word: searched.append(word) or find(word)
    searched.clear()
    note = "\nfever\tdenied.\n\n worse \u00a0pain"
    for expected in (["fever", "denied.", "worse", "pain"], []):
        tokenizer(note)
        assert [word for word in searched if not word.isspace()] == expected
        searched.clear()


def brat_spans(annotations: str) -> Iterator[Span]:
    """The mentions of a brat file, each from its first to its last character."""
    for match in re.finditer(r"^T\d+\t\S+ ([\d ;]+)\t", annotations, re.MULTILINE):
        offsets = [int(offset) for offset in re.findall(r"\d+", match[1])]
        yield min(offsets), max(offsets)


def con_spans(text: str, concepts: str) -> Iterator[Span]:
    """The mentions of a concept file, whose text has single blanks between its tokens."""
    lines = [list(re.finditer("[^ ]+", line)) for line in text.split("\n")]
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    for numbers in re.findall(r'" (\d+):(\d+) (\d+):(\d+)\|\|t=', concepts):
        first_line, first, last_line, last = map(int, numbers)
        yield (
            starts[first_line - 1] + lines[first_line - 1][first].start(),
            starts[last_line - 1] + lines[last_line - 1][last].end(),
        )


def misaligned(text: str, spans: Iterable[Span]) -> list[str]:
    """The mentions that, without blanks at their ends, do not begin and end with a token."""
    doc = TOKENIZER(text)
    missed = []
    for start, end in spans:
        quote = text[start:end]
        start += len(quote) - len(quote.lstrip())
        if doc.char_span(start, start + len(quote.strip())) is None:
            missed.append(quote)
    return missed


def read(path: Path) -> str:
    return path.read_bytes().decode("utf8")


def sample(folder: str, pattern: str) -> list[Path]:
    paths = sorted((SAMPLE / folder).rglob(pattern))
    if not paths:
        pytest.skip(f"no sample notes in {SAMPLE / folder}")
    return paths


def test_every_concept_of_the_sample_aligns():
    for path in sample("concepts", "*.con"):
        text, concepts = read(path.parent.parent / "docs" / path.stem), read(path)
        spans = list(con_spans(text, concepts))
        quotes = re.findall(r'c="(.*)" \d+:\d+ \d+:\d+\|\|t=', concepts)
        assert [text[start:end].lower() for start, end in spans] == quotes
        assert misaligned(text, spans) == []


def test_every_medication_of_the_sample_aligns():
    for path in sample("medications", "*.ann"):
        assert misaligned(read(path.with_suffix(".txt")), brat_spans(read(path))) == []


def test_spacy_can_explain_the_sample():
    for path in sample("medications", "*.txt"):
        text = read(path)
        assert [token for _, token in TOKENIZER.explain(text)] == words(text)


def test_nearly_every_annotation_of_maccrobat_aligns():
    if not MACCROBAT.exists():
        pytest.skip(f"{MACCROBAT} is not there")
    with tarfile.open(MACCROBAT) as archive:
        files = {member.name: file.read().decode("utf8") for member in archive if (file := archive.extractfile(member))}
    count, missed = 0, []
    for name, annotations in files.items():
        if name.endswith(".ann"):
            spans = list(brat_spans(annotations))
            missed += misaligned(files[f"{name.removesuffix('.ann')}.txt"], spans)
            count += len(spans)
    assert count == MACCROBAT_ANNOTATIONS
    assert len(missed) <= MACCROBAT_MISALIGNED
