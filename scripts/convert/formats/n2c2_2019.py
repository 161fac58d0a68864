"""n2c2 2019 track 3, concept normalisation: X.txt with X.norm, a mention a line, its concept a CUI.

    N000||C0015967||8||13
    N001||CUI-less||20||25||31||36

Offsets count characters, several pairs a discontinuous mention. There is neither a label nor a quote: all mentions are
of one label, and offsets cannot be checked but for the end of the text. Folders in which concepts are replaced, and
those of system output, are left alone.
"""

import re
from collections.abc import Iterator, Sequence

from scripts.archives import File, decode
from scripts.convert.formats.offsets import Stated, fragment, place
from scripts.convert.formats.pairs import Pair, pair
from scripts.corpus.note import Note, Problem
from scripts.corpus.split import named_split

LABEL = "concept"
_LEFT_ALONE = re.compile(r"replaced|top\d+_outputs")


def recognises(file: File) -> bool:
    return file.path.suffix.lower() == ".norm" and not any(map(_LEFT_ALONE.search, file.path.parts[:-1]))


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read texts with their .norm.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    YIELDS (Note): One note a pair.
    RAISES (InputError): A file is without a partner or is not UTF-8.
    """
    annotations = [file for file in files if recognises(file)]
    texts = [file for file in files if file.path.suffix.lower() == ".txt" and not file.path.stem.endswith("_file_list")]
    for found in pair(texts, annotations, lambda file: file.path.stem, skip_unpaired):
        yield _read_note(found)


def _read_note(found: Pair) -> Note:
    text, path = decode(found.text), str(found.annotation.path)
    stated, problems = [], []
    for number, line in enumerate(decode(found.annotation).removeprefix("\ufeff").split("\n"), start=1):
        fields = line.strip().split("||")
        if len(fields) >= 4 and len(fields) % 2 == 0:
            pairs = [fragment(*fields[at : at + 2]) for at in range(2, len(fields), 2)]
            fragments = tuple(each for listed in pairs for each in listed) if all(pairs) else ()
            stated.append(Stated(LABEL, fragments, None, number, kb_id=fields[1].strip()))
        elif line.strip():
            problems.append(Problem(path, number, "malformed line", dropped=1))
    placed, wrong = place(text, stated, path)
    entities = tuple(entity for entity in placed if entity)
    split = named_split(found.text.path.parts[:-1])
    return Note(found.id, text, entities, path, str(found.text.path), split, (*problems, *wrong))
