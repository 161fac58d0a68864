"""How notes are dealt out."""

import pytest

from scripts.annotate.spark.job import MOST_PARTS, PART_CHARS, Survey, choose_parts


@pytest.mark.parametrize(
    ("chars", "largest", "cores", "number", "uneven"),
    [
        (100 * PART_CHARS, 2 * PART_CHARS, 4, 100, False),  # parts as they are read
        (100 * PART_CHARS, 7 * PART_CHARS, 4, 100, True),  # one of them would keep a core busy to the end
        (100 * PART_CHARS, 100 * PART_CHARS, 4, 100, True),  # a table in one piece
        (5000, 5000, 2, 8, True),  # a small one
        (0, 0, 2, 8, False),  # not a single note
        (10**12, 10**7, 64, MOST_PARTS, False),  # no more than a driver keeps track of
    ],
)
def test_choose_parts(chars, largest, cores, number, uneven):
    survey = Survey(rows=1000, notes=1000, chars=chars, largest=largest)
    assert choose_parts(survey, cores) == (number, uneven)
