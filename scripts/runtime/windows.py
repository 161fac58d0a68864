"""Windows: the stretches of a note that the encoder sees at once."""

from collections.abc import Iterator

import numpy as np

from .pieces import Pieces

STOPS, BLANKS, ENDS = ([ord(character) for character in characters] for characters in (".?!", " \t\r\n", "\n"))


def cut_windows(pieces: Pieces, limit: int) -> np.ndarray:
    """Cut a note into as few windows as it takes, about equally long.

    A window ends at a line end, else a sentence end (a full stop, question or exclamation mark before a blank), else
    between two tokens; only a token longer than a window is cut itself, between two pieces. Characters without pieces
    change nothing.

    limit (int): Longest window in pieces.
    RETURNS (np.ndarray): Start and end pieces, windows x 2, which cover all pieces in order.
    """
    total = len(pieces.ids)
    if total <= limit:
        return np.array([[0, total]] if total else np.empty((0, 2)), dtype=np.int64)
    ends_by_rank = list(_find_ends(pieces))
    bounds = [0]
    while bounds[-1] < total:
        bounds.append(next_end(bounds[-1], total, limit, ends_by_rank))
    return np.array([bounds[:-1], bounds[1:]], dtype=np.int64).T


def _find_ends(pieces: Pieces) -> Iterator[np.ndarray]:
    """Where a window may end, as numbers of the piece after it: at lines, at sentences, at tokens."""
    characters = np.frombuffer(pieces.text.encode("utf-32-le"), dtype=np.uint32)
    at_token = pieces.last[:-1] <= pieces.first[1:]
    lines, blanks = (np.cumsum(np.isin(characters, kind))[pieces.ends - 1] for kind in (ENDS, BLANKS))
    at_line, at_blank = (numbers[1:] > numbers[:-1] for numbers in (lines, blanks))
    at_sentence = at_blank & np.isin(characters[pieces.ends[:-1] - 1], STOPS)
    for here in (at_token & at_line, at_token & at_sentence, at_token):
        yield np.flatnonzero(here) + 1


def next_end(start: int, total: int, limit: int, ends_by_rank: list[np.ndarray]) -> int:
    """The first end from an equal share of the rest on, or the last one before it, if that is over half the share.

    start, total (int): Where the window begins, and the pieces of the note.
    ends_by_rank (list[np.ndarray]): Where it may end, in order, for each kind of end; kinds are tried one by one.
    """
    rest = total - start
    if rest <= limit:
        return total
    share = -(-rest // -(-rest // limit))
    for ends in ends_by_rank:
        place = np.searchsorted(ends, start + share)
        if place < len(ends) and ends[place] <= start + limit:
            return int(ends[place])
        if place and ends[place - 1] > start + share // 2:
            return int(ends[place - 1])
    return start + share
