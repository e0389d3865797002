"""Which flags an order keeps when it is over."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.console.domain.model import EMPTY, standing_flags
from services.console.projections import COLUMNS
from services.console.words import FLAGS

EVERY = tuple(FLAGS)


@pytest.mark.parametrize("state", ["completed", "cancelled"])
def test_an_order_that_is_over_keeps_what_is_about_money_and_the_channel(state: str) -> None:
    assert standing_flags(replace(EMPTY, state=state, flags=EVERY)) == (
        "after_sale",
        "payout",
        "double_refund",
        "refunded",
        "write_back_refused",
    )
    assert standing_flags(replace(EMPTY, state=state, flags=("short", "held_by_a_plug_in"))) == ()


@pytest.mark.parametrize("state", ["", "awaiting_review", "preparing", "shipped"])
def test_any_other_shows_them_all(state: str) -> None:
    assert standing_flags(replace(EMPTY, state=state, flags=EVERY)) == EVERY


def test_lists_find_what_is_shown() -> None:
    [column] = [one for one in COLUMNS if one.name == "flags"]
    over = replace(EMPTY, state="cancelled", flags=("short", "payout", "refunded"))
    assert column.value(over) == " payout refunded "
    assert column.value(replace(over, flags=("short",))) == ""
