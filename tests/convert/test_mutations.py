"""Files with changed bytes: every annotation is read or counted, or the file is refused in one sentence."""

import pytest

from scripts.archives import File
from scripts.cli import InputError
from scripts.convert.copies import divide
from scripts.convert.source import choose_format, read_notes
from scripts.corpus.docs import create_nlp, to_doc
from scripts.corpus.note import Note
from tests.mutations import mutations

NLP = create_nlp()
TEXT = "Ms. Quill has Zanzibarfever since May .\nShe denies chest pain , took zorvex 20 mg in the café .\n"
SECRET = ("quill", "zanzibarfever", "zorvex", "café")
CORPORA = {
    "brat": {
        f"{split}/{split}.{end}": content
        for split in ("train", "dev", "test")
        for end, content in (
            ("txt", TEXT),
            (
                "ann",
                "T1\tproblem 14 27\tZanzibarfever\nT2\tproblem 51 61\tchest pain\nA1\tNegation T2\n"
                "T3\tdrug 69 75;76 81\tzorvex 20 mg\nE1\tdrug:T3\n#1\tAnnotatorNotes T1\twhat\n",
            ),
        )
    },
    "con": {
        f"{split}/{kind}/{split}.{end}": content
        for split in ("train", "dev", "test")
        for kind, end, content in (
            ("docs", "txt", TEXT),
            ("con", "txt.con", 'c="zanzibarfever" 1:3 1:3||t="problem"\nc="chest pain" 2:2 2:3||t="problem"\n'),
            ("ast", "txt.ast", 'c="chest pain" 2:2 2:3||t="problem"||a="absent"\n'),
        )
    },
    "conll": {
        f"{split}.tsv": "token\ttag\nQuill\tO\nhas\tO\nZanzibarfever\tB-problem\n.\tO\n\n# x\nno\tO\t_\n"
        "chest\tB-problem\tabsent\npain\tI-problem\tabsent\n.\tO\t_\n\nzorvex\tB-drug|B-med\n20\tI-drug\n"
        for split in ("train", "dev", "test")
    },
    "conll of spaCy": {
        f"{split}.iob": "Quill|O has|O Zanzibarfever|B-problem .|O\nno|O chest|B-problem pain|I-problem\n"
        for split in ("train", "dev", "test")
    },
    "conll with ids": {
        f"{split}.conll": f"-DOCSTART- ({split}-1)\n\n1 1 Quill O\n1 2 has O\n1 3 Zanzibarfever B-problem\n\n"
        f"-DOCSTART- ({split}-2)\n\n2 1 zorvex B-drug\n2 2 20 I-drug\n2 3 mg I-drug\n"
        for split in ("train", "dev", "test")
    },
}


def read(files: list[File], format: str) -> list[Note]:
    """Read what is likely, and whatever it looks like now."""
    try:
        choose_format("mine", "auto", files)
    except InputError as error:
        check_sentence(error)
    return divide(read_notes("mine", format, files, skip_unpaired=False))[0]


def check_sentence(error: InputError) -> None:
    said = str(error)
    assert "\n" not in said and len(said) < 600, said
    assert not any(word in said.lower() for word in SECRET), said


@pytest.mark.parametrize("corpus", CORPORA)
def test_changed_bytes_are_counted_problems_or_one_sentence(corpus):
    refused = 0
    for files in mutations(CORPORA[corpus]):
        try:
            notes = read(files, corpus.split()[0])
        except InputError as error:
            check_sentence(error)
            refused += 1
            continue
        for note in notes:
            for entity in note.entities:
                assert all(0 <= start < end <= len(note.text) for start, end in entity.fragments)
            assert not any(word in problem.kind.lower() for problem in note.problems for word in SECRET)
    assert 100 < refused < 1_900  # neither is everything refused nor nothing


@pytest.mark.parametrize("corpus", ["brat", "con"])
def test_no_line_of_annotations_is_lost(corpus):
    """What begins as an annotation is a mention or a problem of its line."""
    begins = {"brat": "T", "con": 'c="'}[corpus]
    for files in mutations(CORPORA[corpus], number=500, seed=1):
        try:
            notes = read(files, corpus)
        except InputError:
            continue
        contents = {str(file.path): file.data.decode("utf8", "replace") for file in files}
        for note in notes:
            told = {entity.line for entity in note.entities} | {problem.line for problem in note.problems}
            for number, line in enumerate(contents[note.file].split("\n"), start=1):
                assert number in told or not line.startswith(begins)


@pytest.mark.parametrize("corpus", CORPORA)
def test_what_is_read_of_them_can_be_converted(corpus):
    for files in mutations(CORPORA[corpus], number=150, seed=2):
        try:
            notes = read(files, corpus.split()[0])
        except InputError:
            continue
        for note in notes:
            conversion = to_doc(NLP, note)
            assert conversion.doc.text == note.text and len(conversion.fates) == len(note.entities)
