"""Refunds of orders whose lines have no SKU yet, and of bundles once they have."""

from __future__ import annotations

import pytest

from schemas.events.refunds import RefundRefused, RefundRequested, RefundSettled, RestockLine
from tests.unit.refunds.desk import (
    RefundDesk,
    cancelled,
    delivered,
    line,
    matched,
    paid,
    placed,
    shipped,
    unmatched,
)

KIT = (line(1, 6, 6_001, sku="A"), line(2, 3, 2_998, sku="B"), line(3, 3, 0, sku="GIFT"))
"""Three bundles of 2 A, 1 B and a gift, paid 89.99."""


def waiting(*, freight_fen: int = 0) -> RefundDesk:
    return RefundDesk(
        placed(unmatched(line(1, 3, 8_999)), freight_fen=freight_fen), paid(8_999 + freight_fen)
    )


@pytest.mark.parametrize("actor", ["agent-1", "channel:jd"])
def test_all_the_money_can_be_asked_back_before_a_line_has_a_sku(actor: str) -> None:
    desk = waiting(freight_fen=800)
    desk.request(freight=True, actor=actor)
    (requested,) = desk.of(RefundRequested)
    assert requested.amount_fen == 9_799


@pytest.mark.parametrize(("lines", "freight_fen"), [(((1, 1),), 0), (((1, 3),), 0), ((), 800)])
def test_less_than_all_is_refused_to_a_person_until_then(
    lines: tuple[tuple[int, int], ...], freight_fen: int
) -> None:
    desk = waiting(freight_fen=freight_fen)
    assert desk.request("refund-1", *lines).refusal == "lines_unmatched"
    desk.give(matched(*KIT))
    assert not desk.request("refund-1", (1, 2)).refusal


def test_a_channels_request_waits_for_the_lines_and_is_opened_once() -> None:
    desk = waiting()
    desk.request("refund-1", (1, 6), (2, 3), (3, 3), actor="channel:jd")
    desk.request("refund-1", (1, 6), (2, 3), (3, 3), actor="channel:jd")
    assert desk.of(RefundRequested) == []
    desk.give(matched(*KIT))
    (requested,) = desk.of(RefundRequested)
    assert (requested.amount_fen, desk.of(RefundRefused)) == (8_999, [])
    assert [(one.sku, one.quantity) for one in requested.lines] == [("A", 6), ("B", 3), ("GIFT", 3)]


def test_a_case_for_everything_takes_all_of_the_new_lines_to_the_fen() -> None:
    desk = waiting(freight_fen=800)
    desk.request(freight=True)
    desk.give(matched(*KIT))
    assert desk.state is not None
    (case,) = desk.state.cases
    assert [(one.sku, one.quantity, one.amount_fen) for one in case.lines] == (
        [("A", 6, 6_001), ("B", 3, 2_998), ("GIFT", 3, 0)]
    )
    assert case.freight_fen + sum(one.amount_fen for one in case.lines) == case.amount_fen == 9_799
    assert desk.request("refund-2", (1, 1)).refusal == "quantity_above_left"
    desk.give(cancelled())
    desk.payout()
    assert desk.of(RefundSettled)[0].order_fully_refunded


def test_shares_that_had_to_be_scaled_still_add_up_after_the_match() -> None:
    desk = RefundDesk(placed(unmatched(line(1, 3, 8_999)), freight_fen=800), paid(7_000))
    desk.request(freight=True)
    desk.give(matched(*KIT))
    assert desk.state is not None
    assert sum(one.amount_fen for one in desk.state.cases[0].lines) == 7_000


def test_a_returned_bundle_restocks_all_of_its_components() -> None:
    desk = waiting()
    for event in (matched(*KIT), shipped(), delivered()):
        desk.give(event)
    desk.request("refund-1", (1, 6), (2, 3), (3, 3), kind="return_and_refund")
    desk.returned()
    desk.payout()
    assert desk.of(RefundSettled)[0].restock == (
        RestockLine(sku="A", quantity=6),
        RestockLine(sku="B", quantity=3),
        RestockLine(sku="GIFT", quantity=3),
    )
