"""The values every corpus format is read into: a note, its mentions, and what was wrong with it."""

from typing import NamedTuple

Fragment = tuple[int, int]
Attributes = tuple[tuple[str, str], ...]  # names and values
NOTE, SENTENCE = "note", "sentence"  # what a corpus is divided into
TO_REVIEW = "ToReview"  # brat's attribute of a mention that somebody is to look at

NO_VOCABULARY = "KB"  # brat's vocabulary of a concept whose name has none


class Entity(NamedTuple):
    """One annotated mention of a concept.

    label (str): The concept type, as spelt in the corpus.
    fragments (tuple[Fragment, ...]): Character offsets (start, end) into the note's text, 0-based
        and end-exclusive, in order of start; more than one for a discontinuous mention.
    line (int): 1-based line of the annotation file.
    assertion (str): What the note says of it, one of `assertions.VALUES`, "" where nothing is annotated.
    stated (int): How many annotations say so; 0 where it is implied.
    kb_id (str): The concept that it is normalised to, such as a CUI; "" for none.
    attributes (Attributes): What else the file says of it, such as ("Action", "Start"), as spelt there.
    """

    label: str
    fragments: tuple[Fragment, ...]
    line: int
    assertion: str = ""
    stated: int = 0
    kb_id: str = ""
    attributes: Attributes = ()

    @property
    def start(self) -> int:
        return self.fragments[0][0]

    @property
    def end(self) -> int:
        return max(end for _, end in self.fragments)


class Problem(NamedTuple):
    """Something in an annotation file that could not be taken as it stands.

    file (str): The file, relative to the corpus.
    line (int): Its 1-based line; 0 for the file as a whole.
    kind (str): What is wrong, without a word of the note.
    label (str): The label of the annotation concerned, "" where it has none that can be read.
    dropped (int): The number of annotations lost by it: 1, or 0 where it was repaired.
    assertion (str): The fate of an assertion, which is no annotation of its own; "" where there is none.
    """

    file: str
    line: int
    kind: str
    label: str = ""
    dropped: int = 0
    assertion: str = ""


class Note(NamedTuple):
    """One clinical note with its annotations.

    id (str): Name of the note, unique in its corpus.
    text (str): The text, character for character as stored.
    entities (tuple[Entity, ...]): The mentions in the order of the annotation file.
    file (str): The annotation file, relative to the corpus.
    text_file (str): The file of the text, likewise; the annotation file itself where it holds both.
    split (str): "train", "dev" or "test" where the release says so, else "".
    problems (tuple[Problem, ...]): What was wrong with the annotations.
    assertion_file (str): The file of the assertions, where they have one of their own.
    to_review (int): How many mentions are still marked for review; a note with some is not reviewed yet.
    unit (str): SENTENCE for one of a file that does not say where its notes end.
    """

    id: str
    text: str
    entities: tuple[Entity, ...]
    file: str
    text_file: str
    split: str = ""
    problems: tuple[Problem, ...] = ()
    assertion_file: str = ""
    to_review: int = 0
    unit: str = NOTE
