"""BioNLP shared tasks: X.txt beside X.a1 and, where there is one, X.a2; the lines of both are those of brat.

Text-bound annotations of X.a1 are what was given to the participants, those of X.a2 the triggers of events.
"""

from collections.abc import Iterator, Sequence

from scripts.archives import File
from scripts.convert.formats import brat
from scripts.corpus.note import Note, Problem

GIVEN, FOUND = ".a1", ".a2"


def recognises(file: File) -> bool:
    return file.path.suffix.lower() in (GIVEN, FOUND)


def read(files: Sequence[File], skip_unpaired: bool = False) -> Iterator[Note]:
    """Read texts with their .a1 and .a2.

    files (Sequence[File]): The files of the corpus.
    skip_unpaired (bool): Leave files without a partner out.
    YIELDS (Note): One note a text; its file is X.a1, and lines go on into X.a2.
    RAISES (InputError): A file is without a partner or is not UTF-8.
    """
    texts = [file for file in files if file.path.suffix.lower() == ".txt"]
    annotations = [file for file in files if recognises(file)]
    whole: dict[str, list[File]] = {}
    for file in sorted(annotations, key=lambda file: file.path.suffix.lower()):
        whole.setdefault(str(file.path.with_suffix(".ann")), []).append(file)
    joined = ((parts[0].path.with_suffix(".ann"), b"\n".join(part.data for part in parts)) for parts in whole.values())
    for note in brat.read([*texts, *(File(path, data) for path, data in joined)], skip_unpaired):
        yield _renamed(note, whole[note.file])


def _renamed(note: Note, parts: Sequence[File]) -> Note:
    """The note with the names of the files that its annotations are from."""
    first, last = parts[0], parts[-1]
    end = first.data.count(b"\n") + 1

    def renamed(problem: Problem) -> Problem:
        if problem.line <= end or first is last:
            return problem._replace(file=str(first.path))
        return problem._replace(file=str(last.path), line=problem.line - end)

    more = "" if first is last else str(last.path)  # it has what is said of events
    return note._replace(file=str(first.path), problems=tuple(map(renamed, note.problems)), assertion_file=more)
