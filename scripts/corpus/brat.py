"""brat standoff as it is written: the lines of a note, the names of its files, and what brat has to know of labels."""

import hashlib
import re
from collections.abc import Container, Iterator
from pathlib import PurePosixPath

from spacy.language import Language
from spacy.tokens import Doc, Span

from scripts.corpus.note import TO_REVIEW, Fragment
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
    marks = 0
    for number, ent in enumerate(doc.ents, start=1):
        fragments = list(cut_lines(text, (ent.start_char, ent.end_char)))
        if not fragments:
            raise ValueError("a mention of blanks")
        offsets = ";".join(f"{start} {end}" for start, end in fragments)
        quote = " ".join(text[start:end] for start, end in fragments)
        yield f"T{number}\t{brat_type(ent.label_)} {offsets}\t{quote}"
        if ent._.assertion:
            yield f"A{number}\t{ASSERTION} T{number} {brat_type(ent._.assertion)}"
        if ent in doubtful:
            marks += 1
            yield f"A{len(doc.ents) + marks}\t{TO_REVIEW} T{number}"
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


def brat_config(nlp: Language, for_review: bool = False) -> str:
    """The annotation.conf without which brat does not know the labels and the assertions of a pipeline.

    for_review (bool): Whether mentions may be marked as doubtful.
    """
    types, values = _names(nlp, "doc.ents"), _names(nlp, "span._.assertion")
    attributes = [f"{ASSERTION}\tArg:<ENTITY>, Value:{'|'.join(values)}"] if values else []
    attributes += [f"{TO_REVIEW}\tArg:<ENTITY>"] if for_review else []
    return "\n".join(["[entities]", *types, "", "[relations]", "", "[events]", "", "[attributes]", *attributes, ""])


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
