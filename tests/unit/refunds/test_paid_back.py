"""What a store took back and paid back by itself: settled at once, with its very money, once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.processor import Decision
from schemas.events.commands_refunds import PaidBack, PaidBackGoods, RequestRefund
from schemas.events.refunds import RefundApproved, RefundRefused, RefundRequested, RefundSettled
from services.refunds.domain.model import Account, CaseState
from services.refunds.domain.rules import REASONS
from tests.unit.refunds.desk import (
    NOON,
    ORDER,
    RefundDesk,
    line,
    matched,
    paid,
    placed,
    shipped,
    unmatched,
)

Goods = tuple[str, int, int]
"""SKU, pieces, what was paid for them in fen."""


def back(*goods: Goods, refund_id: str = "refund-1") -> RequestRefund:
    return RequestRefund(
        order_id=ORDER,
        command_id=refund_id,
        issued_at=NOON,
        actor="channel:pos",
        refund_id=refund_id,
        kind="return_and_refund",
        lines=(),
        include_freight=False,
        damaged=False,
        reason="returned_at_store",
        taken_back=PaidBack(
            gateway="counter",
            request_no="S001-R1",
            goods=tuple(PaidBackGoods(sku=s, quantity=q, amount_fen=f) for s, q, f in goods),
        ),
    )


def sold(*lines: Any, paid_fen: int | None = None, handed_over: bool = True) -> RefundDesk:
    whole = sum(one.paid_fen for one in lines)
    sale = replace(placed(*lines), channel="pos", handed_over=handed_over)
    return RefundDesk(sale, paid(whole if paid_fen is None else paid_fen))


def taken(desk: RefundDesk) -> list[tuple[int, int, int]]:
    return [(one.line_no, one.quantity, one.amount_fen) for one in desk.case().lines]


def test_it_is_settled_as_it_opens_without_anybody_and_without_the_gateway() -> None:
    desk = sold(line(1, 2, 200_000), line(2, 1, 5_000))
    decision = desk.give(back(("SKU-1", 1, 100_000)))
    assert decision.result_id == "refund-1"
    assert taken(desk) == [(1, 1, 100_000)]
    assert (desk.stands(), desk.case().goods) == (CaseState.SETTLED, "good")
    requested, approved, settled = decision.events
    assert isinstance(requested, RefundRequested)
    assert isinstance(approved, RefundApproved)
    assert isinstance(settled, RefundSettled)
    assert (settled.amount_fen, settled.gateway, settled.gateway_request_no) == (
        *(100_000, "counter"),
        "S001-R1",
    )
    assert [(one.sku, one.quantity) for one in settled.restock] == [("SKU-1", 1)]
    assert (settled.shipped, settled.order_fully_refunded) == (True, False)
    assert [change.case.state for change in desk.changes] == [CaseState.SETTLED]
    again = desk.give(back(("SKU-1", 1, 100_000)))
    assert (again.events, again.effects) == ((), ())


@pytest.mark.parametrize(
    ("goods", "expected"),
    [
        ((("SKU-1", 3, 10_000),), [(1, 3, 10_000)]),
        # The till let go of a fen, or gave the odd one to the first piece.
        ((("SKU-1", 1, 3_333),), [(1, 1, 3_333)]),
        ((("SKU-1", 1, 3_335),), [(1, 1, 3_335)]),
        # Of two lines of one SKU the first one gives what it has.
        ((("SKU-1", 4, 11_000),), [(1, 3, 10_000), (3, 1, 1_000)]),
        ((("SKU-1", 4, 10_500),), [(1, 3, 9_500), (3, 1, 1_000)]),
        ((("SKU-2", 1, 0), ("SKU-1", 1, 3_334)), [(2, 1, 0), (1, 1, 3_334)]),
    ],
)
def test_the_case_is_of_the_money_that_the_store_paid(
    goods: tuple[Goods, ...], expected: list[tuple[int, int, int]]
) -> None:
    desk = sold(line(1, 3, 10_000), line(2, 1, 500), line(3, 1, 1_000, sku="SKU-1"))
    desk.give(back(*goods))
    assert taken(desk) == expected


@pytest.mark.parametrize(
    ("goods", "reason"),
    [
        (("OTHER", 1, 100), "line_unknown"),
        (("SKU-1", 4, 10_000), "quantity_above_left"),
        (("SKU-1", 0, 10_000), "quantity_not_positive"),
        (("SKU-1", 3, 10_001), "paid_back_above_left"),
        (("SKU-1", 1, 0), "nothing_left"),
        (("SKU-1", 1, -1), "nothing_left"),
    ],
)
def test_what_the_books_cannot_take_is_told_for_a_person(goods: Goods, reason: str) -> None:
    desk = sold(line(1, 3, 10_000))
    decision = desk.give(back(goods))
    (refused,) = decision.events
    assert isinstance(refused, RefundRefused)
    assert (refused.reason, refused.actor, decision.refusal) == (reason, "refunds", "")
    assert reason in REASONS
    assert desk.state is not None
    assert desk.state.cases == ()


def test_it_waits_for_its_sale_the_payment_and_the_skus() -> None:
    desk = RefundDesk()
    desk.give(back(("SKU-1", 1, 500)))
    waits = replace(placed(unmatched(line(1, 1, 500))), channel="pos", handed_over=True)
    desk.give(waits)
    desk.give(paid(500))
    assert not desk.of(RefundSettled)
    desk.give(matched(line(1, 1, 500)))
    assert [event.amount_fen for event in desk.of(RefundSettled)] == [500]


def test_goods_that_have_not_left_are_let_go_and_not_restocked() -> None:
    desk = sold(line(1, 1, 500), handed_over=False)
    desk.give(back(("SKU-1", 1, 500)))
    (settled,) = desk.of(RefundSettled)
    assert (settled.restock, settled.shipped, settled.order_fully_refunded) == ((), False, True)
    sent = sold(line(1, 1, 500), handed_over=False)
    sent.give(shipped())
    sent.give(back(("SKU-1", 1, 500)))
    (settled,) = sent.of(RefundSettled)
    assert [(one.sku, one.quantity) for one in settled.restock] == [("SKU-1", 1)]


steps = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 12_000), st.booleans()), min_size=1, max_size=6
)


@given(share_fen=st.integers(1, 10_000), pieces=st.integers(1, 5), wanted=steps)
def test_whatever_is_paid_back_no_line_gives_more_than_it_paid(
    share_fen: int, pieces: int, wanted: list[tuple[int, int, bool]]
) -> None:
    desk = sold(line(1, pieces, share_fen))
    for number, (quantity, fen, at_store) in enumerate(wanted):
        refund_id = f"r{number}"
        if at_store:
            desk.give(back(("SKU-1", quantity, fen), refund_id=refund_id))
        else:
            decision: Decision[Account] = desk.request(refund_id, (1, quantity))
            assert decision.refusal in {"", "quantity_above_left", "nothing_left"}
    assert desk.state is not None
    held = [part for case in desk.state.cases for part in case.lines]
    assert all(part.amount_fen >= 0 for part in held)
    assert sum(part.amount_fen for part in held) <= share_fen
    assert sum(part.quantity for part in held) <= pieces
