"""What waits: who asks for much does not keep others waiting, and what nobody wants is not taken."""

from scripts.serve.turns import Turns


def make(unwanted: str = "") -> Turns[str]:
    return Turns(len, lambda item: item not in unwanted.split())


def test_who_asks_take_turns():
    turns = make()
    for item in ("a1", "a2", "a3"):
        turns.add("a", item)
    turns.add("b", "b1")
    assert turns.take(100, 3) == ["a1", "b1", "a2"]
    turns.add("c", "c1")
    assert turns.take(100, 10) == ["a3", "c1"]
    assert not turns and turns.take(100, 10) == []


def test_a_list_ends_at_its_size_or_number_but_has_one_item_in_any_case():
    turns = make()
    for item in ("long" * 100, "ab", "cd", "ef"):
        turns.add("a", item)
    assert turns.take(10, 5) == ["long" * 100]
    assert turns.take(3, 5) == ["ab", "cd"]
    assert turns.take(100, 0) == [] and turns
    assert turns.take(100, 1) == ["ef"] and not turns


def test_what_nobody_wants_is_passed_over_and_counts_for_nothing():
    turns = make("x1 x2")
    for item in ("x1", "x2", "y"):
        turns.add("a", item)
    assert turns.take(2, 1) == ["y"] and not turns
