"""A partition number belongs to one worker over all the sources of its processor."""

from chassis.source import owned_together
from chassis.storage import Advance

BEFORE = {
    ("orders", 0): 5,
    ("orders", 1): 7,
    ("shipments", 0): 2,
    ("shipments", 1): 0,
    ("refunds", 0): 9,
}
ASSIGNED = [("orders", 0), ("orders", 1), ("shipments", 0), ("shipments", 1)]


def test_where_one_source_moves_the_others_of_its_partition_are_compared_and_stay() -> None:
    assert owned_together(BEFORE, {("shipments", 0): 4}, ASSIGNED) == (
        Advance("orders", 0, 5, 5),
        Advance("shipments", 0, 2, 4),
    )


def test_every_partition_that_moves_is_named_once_and_in_a_fixed_order() -> None:
    moved = {("shipments", 1): 1, ("orders", 0): 6, ("shipments", 0): 3}

    assert owned_together(BEFORE, moved, ASSIGNED) == (
        Advance("orders", 0, 5, 6),
        Advance("orders", 1, 7, 7),
        Advance("shipments", 0, 2, 3),
        Advance("shipments", 1, 0, 1),
    )


def test_a_position_known_from_an_earlier_assignment_is_left_alone() -> None:
    named = {move.source for move in owned_together(BEFORE, {("orders", 0): 6}, ASSIGNED)}

    assert "refunds" not in named
