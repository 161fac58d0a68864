"""brat standoff as it is written: the lines of a note, the names of its files, and what brat has to know of labels."""

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import count
from pathlib import PurePosixPath

from spacy.language import Language
from spacy.tokens import Doc, Span

from scripts.corpus.docs import GOLD
from scripts.corpus.mentions import written_mentions
from scripts.corpus.note import NO_VOCABULARY, TO_REVIEW, Fragment
from scripts.corpus.pipelines import find_given

ASSERTION = "Assertion"  # the attribute's name in brat
# Where str.splitlines, with which brat reads, ends a line; no quote may hold one of them.
_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_UNSAFE = re.compile(r"[^\w .+=@,()\[\]~#&-]")  # of a file's name
_LONGEST_PART, _LONGEST_PATH = 200, 1000  # bytes; file systems take 255 for a name


def ann_lines(text: str, doc: Doc, doubtful: Container[Span] = ()) -> Iterator[str]:
    """The lines of a brat annotation file: of each mention itself, its assertion, its mark and its confidence.

    doubtful (Container[Span]): Those of `doc.ents` to be marked for whoever reviews them.
    RAISES (ValueError): A mention is nothing but blanks, which brat cannot hold.
    """
    mentions = written_mentions(doc)
    more = count(len(mentions) + 1)  # numbers of the attributes that are not assertions
    for number, mention in enumerate(mentions, start=1):
        ent = mention.span
        fragments = [part for fragment in mention.fragments for part in cut_lines(text, fragment)]
        if not fragments:
            raise ValueError("a mention of blanks")
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        quote = " ".join(text[start:end] for start, end in fragments)
        yield f"T{number}\t{brat_type(ent.label_)} {offsets}\t{quote}"
        if mention.assertion:
            yield f"A{number}\t{ASSERTION} T{number} {brat_type(mention.assertion)}"
        if ent in doubtful:
            yield f"A{next(more)}\t{TO_REVIEW} T{number}"
        for name, value in mention.attributes:
            yield f"A{next(more)}\t{brat_type(name)} T{number} {' '.join(value.split())}".rstrip()
        if ent.kb_id_ and GOLD in doc.spans:
            yield f"N{number}\tReference T{number} {brat_concept(ent.kb_id_)}\t{quote}"
        if ent._.confidence is not None:
            yield f"#{number}\tAnnotatorNotes T{number}\tconfidence {ent._.confidence:.3f}"


def cut_lines(text: str, mention: Fragment) -> Iterator[Fragment]:
    """The parts of a mention between line ends, without the blanks beside these, as brat cuts a selection."""
    start, end = mention
    cuts = [match.span() for match in _LINE_ENDS.finditer(text, start, end)]
    for left, right in zip([start, *(cut[1] for cut in cuts)], [*(cut[0] for cut in cuts), end], strict=True):
        part = text[left:right]
        if left > start:
            left += len(part) - len(part.lstrip())
        if right < end:
            right -= len(part) - len(part.rstrip())
        if left < right and part.strip():
            yield left, right


def brat_type(label: str) -> str:
    """A label as the name of a type, or an assertion as a value; brat takes no blanks there."""
    return re.sub(r"\s+", "_", label)


def brat_concept(kb_id: str) -> str:
    """A concept with the vocabulary that brat needs before it, where its own name has none."""
    named = re.match(r"[^\s:]+:\S", kb_id) and not kb_id.startswith(f"{NO_VOCABULARY}:")
    return " ".join((kb_id if named else f"{NO_VOCABULARY}:{kb_id}").split())


def brat_config(nlp: Language, for_review: bool = False) -> str:
    """The annotation.conf without which brat does not know the labels and the assertions of a pipeline.

    for_review (bool): Whether mentions may be marked as doubtful.
    """
    values = {ASSERTION: _names(nlp, "span._.assertion")}
    return write_config(_names(nlp, "doc.ents"), values | ({TO_REVIEW: []} if for_review else {}))


def write_config(types: Iterable[str], attributes: Mapping[str, Iterable[str]]) -> str:
    """An annotation.conf of these types, and of these attributes with their values; one without is there or not."""
    lines = [
        f"{name}\tArg:<ENTITY>" + (f", Value:{'|'.join(values)}" if values else "")
        for name, values in attributes.items()
        if values or name != ASSERTION
    ]
    return "\n".join(["[entities]", *types, "", "[relations]", "", "[events]", "", "[attributes]", *lines, ""])


def _names(nlp: Language, assigned: str) -> list[str]:
    """What the components of a pipeline that assign something can give."""
    return sorted(set(map(brat_type, find_given(nlp, assigned))))


def safe_name(note_id: str) -> str:
    """The path of a note's files below their folder, without suffix; no two ids have the same.

    Plain ids are their own path. Elsewhere characters become %XX, as in web addresses, so that nothing leads out of the
    folder, hides a file from our readers, or is a file and a folder at once.
    """
    *folders, leaf = note_id.split("/")
    parts = [*(_safe_part(re.sub(r"\.(?=(?:txt|ann)$)", "\0", part, flags=re.I)) for part in folders), _safe_part(leaf)]
    if any(len(part.encode("utf8")) > _LONGEST_PART for part in parts) or len("/".join(parts).encode()) > _LONGEST_PATH:
        # An escape has digits and capitals behind its sign, so no other name holds "%-".
        return f"{_safe_part(leaf)[:40]}%-{hashlib.sha256(note_id.encode('utf8')).hexdigest()}"
    return str(PurePosixPath(*parts))


def _safe_part(part: str) -> str:
    if not part:
        return "%"
    part = _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf8")), part)
    hides = part.startswith(".") or part == "__MACOSX"
    return f"%{ord(part[0]):02X}{part[1:]}" if hides else part
