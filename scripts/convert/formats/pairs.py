"""Texts and their annotation files, which lie side by side or in folders of their own, brought together."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from scripts.archives import File
from scripts.cli import InputError
from scripts.corpus.split import named_split


class Pair(NamedTuple):
    """A note's id with its text and its annotation file."""

    id: str
    text: File
    annotation: File


def pair(
    texts: Sequence[File],
    annotations: Sequence[File],
    stem: Callable[[File], str],
    skip_unpaired: bool = False,
) -> list[Pair]:
    """Pair texts and annotation files by stem; of several texts with the stem the nearest is taken:
    of the same split first, then the one with the longest path in common, then the one in the same folder.

    stem (Callable): The note's name, of a text or an annotation file.
    skip_unpaired (bool): Leave files without a partner out instead of raising.
    RETURNS (list[Pair]): In order of the annotation files; a note's id is its stem, with the folder
        before it where two notes have the same stem.
    RAISES (InputError): A file is without a partner, or two files claim one.
    """
    named: dict[str, list[File]] = {}
    for text in texts:
        named.setdefault(stem(text), []).append(text)
    pairs: list[tuple[File, File]] = []
    used: dict[PurePosixPath, PurePosixPath] = {}
    for annotation in annotations:
        candidates = named.get(stem(annotation), [])
        if not candidates and skip_unpaired:
            continue
        text = _nearest(annotation, candidates)
        if text.path in used:
            raise InputError(_say_both(used[text.path], annotation.path, text.path))
        used[text.path] = annotation.path
        pairs.append((text, annotation))
    if not skip_unpaired:
        _check_no_text_alone(texts, used)
    names = Counter(stem(text) for text, _ in pairs)
    return [
        Pair(name if names[name := stem(text)] == 1 else str(text.path.parent / name), text, annotation)
        for text, annotation in pairs
    ]


def attach(pairs: Sequence[Pair], files: Iterable[File], stem: Callable[[File], str]) -> dict[str, File]:
    """Find for each further file, such as one of assertions, the annotation file that it belongs to, the nearest.

    RETURNS (dict[str, File]): By the note's id. A file whose stem no note has is left out.
    RAISES (InputError): Two files belong to one note, or one fits two.
    """
    named: dict[str, list[Pair]] = {}
    for each in pairs:
        named.setdefault(stem(each.annotation), []).append(each)
    attached: dict[str, File] = {}
    for file in files:
        candidates = named.get(stem(file), [])
        if not candidates:
            continue
        nearest = _nearest(file, [each.annotation for each in candidates])
        (note_id,) = (each.id for each in candidates if each.annotation is nearest)
        if note_id in attached:
            raise InputError(f"{attached[note_id].path} and {file.path} both belong to {nearest.path}: remove one.")
        attached[note_id] = file
    return attached


def _nearest(annotation: File, texts: Sequence[File]) -> File:
    if not texts:
        raise InputError(
            f"{annotation.path} has no text file: add it, or pass --skip-unpaired to leave such files out."
        )
    ranked = sorted(texts, key=lambda text: _nearness(annotation.path, text.path), reverse=True)
    if len(ranked) > 1 and _nearness(annotation.path, ranked[0].path) == _nearness(annotation.path, ranked[1].path):
        raise InputError(f"{annotation.path} fits both {ranked[0].path} and {ranked[1].path}: remove one of them.")
    return ranked[0]


def _nearness(one: PurePosixPath, other: PurePosixPath) -> tuple[bool, int, bool]:
    common = 0
    for left, right in zip(one.parts, other.parts, strict=False):
        if left != right:
            break
        common += 1
    return named_split(one.parts[:-1]) == named_split(other.parts[:-1]), common, one.parent == other.parent


def _say_both(one: PurePosixPath, other: PurePosixPath, text: PurePosixPath) -> str:
    both = f"{one} and {other} both annotate {text}"
    if one.parent == other.parent:
        return f"{both}: remove one."
    names = (one.parent.name, other.parent.name)
    folders = names if names[0] != names[1] else (str(one.parent), str(other.parent))
    return f"{both}: choose a folder with --annotations '{folders[0]}' or --annotations '{folders[1]}'."


def _check_no_text_alone(texts: Iterable[File], used: dict[PurePosixPath, PurePosixPath]) -> None:
    # A README.txt in a folder of its own is no note; one among annotated texts may be a lost pair.
    folders = {path.parent for path in used}
    for text in texts:
        if text.path not in used and text.path.parent in folders:
            raise InputError(
                f"{text.path} has no annotation file: add it, or pass --skip-unpaired to leave such files out."
            )
