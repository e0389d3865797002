"""Which flags an order keeps when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.console.domain.model import EMPTY, standing_flags
from services.console.domain.waiting import waits_for
from services.console.projections import COLUMNS
from services.console.words import FLAGS

EVERY = tuple(FLAGS)


@pytest.mark.parametrize("state", ["completed", "cancelled"])
def test_an_order_that_is_over_keeps_what_is_about_money_and_the_channel(state: str) -> None:
    every = tuple(flag for flag in EVERY if flag != "paid_late")
    assert standing_flags(replace(EMPTY, state=state, flags=every)) == (
        "after_sale",
        "payout",
        "double_refund",
        "refunded",
        "write_back_refused",
    )
    assert standing_flags(replace(EMPTY, state=state, flags=("short", "held_by_a_plug_in"))) == ()


@pytest.mark.parametrize("state", ["", "awaiting_review", "preparing", "shipped"])
def test_any_other_shows_them_all(state: str) -> None:
    every = tuple(flag for flag in EVERY if flag != "refunded")
    assert standing_flags(replace(EMPTY, state=state, flags=every)) == every


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, True),
        ({"flags": ("short", "paid_late")}, True),
        ({"flags": ("paid_late", "refunded")}, False),
        ({"flags": ("refunded", "paid_late")}, False),
        ({"paid_back_there": True}, False),
    ],
)
def test_a_payment_that_came_too_late_is_shown_until_the_money_is_back(
    known: dict[str, Any], shown: bool
) -> None:
    card = replace(EMPTY, **{"state": "cancelled", "flags": ("paid_late",)} | known)
    assert ("paid_late" in standing_flags(card)) is shown
    assert bool(waits_for(card)) is shown


def test_lists_find_what_is_shown() -> None:
    [column] = [one for one in COLUMNS if one.name == "flags"]
    over = replace(EMPTY, state="cancelled", flags=("short", "payout", "refunded"))
    assert column.value(over) == " payout refunded "
    assert column.value(replace(over, flags=("short",))) == ""
