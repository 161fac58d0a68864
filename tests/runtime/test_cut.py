"""A stream cut into parts: in order, nothing lost, and no more taken than asked for."""

from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.runtime.cut import cut, split


def whole(number: int) -> int:
    return number


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 20), st.none() | st.integers(1, 8))
def test_lists_end_at_their_size_or_number(sizes: list[int], limit: int, most: int | None):
    lists = list(cut(sizes, whole, limit, most))
    assert [size for part in lists for size in part] == sizes
    for number, part in enumerate(lists):
        assert sum(part[:-1]) < limit
        assert most is None or len(part) <= most
        assert sum(part) >= limit or len(part) == most or number == len(lists) - 1


@pytest.mark.parametrize(("most", "expected"), [(None, [[1, 1, 1, 9], [1, 5, 5]]), (3, [[1, 1, 1], [9], [1, 5, 5]])])
def test_the_item_that_fills_a_list_is_its_last(most: int | None, expected: list[list[int]]):
    assert list(cut([1, 1, 1, 9, 1, 5, 5], whole, 8, most)) == expected
    assert list(cut([], whole, 8, most)) == []


def test_a_list_is_there_as_soon_as_it_is_full():
    numbers = count(1)
    lists = cut(numbers, lambda _: 1, 4)
    assert list(islice(lists, 2)) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert next(numbers) == 9


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9))
def test_parts_have_the_number_of_items(items: list[int], size: int):
    parts = [list(part) for part in split(items, size)]
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


@pytest.mark.parametrize("size", [1, 3])
def test_no_item_is_taken_before_it_is_asked_for(size: int):
    numbers = count(1)
    part = next(split(numbers, size))
    assert next(part) == 1
    assert next(numbers) == 2
