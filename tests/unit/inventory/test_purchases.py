"""Purchase orders: rows of (state, command) → (state, goods, answer), and what no sequence of them may break."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from chassis.processor import Decision, Moment, Record
from schemas.events.commands_inventory import (
    CancelPurchase,
    OpenPurchase,
    PurchaseLine,
    PurchaseReceiptLine,
    ReceivePurchase,
    RedatePurchase,
)
from services.inventory.domain.model import Aggregate, Purchase, Receipt, Receive, merged
from services.inventory.domain.presale import Expect
from services.inventory.domain.promise import Redate
from services.inventory.handlers import HANDLERS

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


class Shelf:
    """100 pieces of everything."""

    def on_hand(self, warehouse: str, sku: str) -> int:
        return 100


SHELF: Any = Shelf()


def decide(state: Aggregate | None, command: Struct) -> Decision[Aggregate]:
    record = Record(source="", partition=0, offset=0, key="P1", version=0, event=command, raw=b"")
    decision: Decision[Aggregate] = HANDLERS[type(command)](
        state, command, SHELF, Moment(NOW, record)
    )
    return decision


def say(kind: type[Struct], **fields: Any) -> Any:
    return kind(
        **{"document_no": "P1", "command_id": "c", "issued_at": NOW, "actor": "li"} | fields
    )


def order(*lines: tuple[str, int], **fields: Any) -> OpenPurchase:
    stated = {
        "warehouse": "HZ",
        "supplier": "S1",
        "lines": tuple(PurchaseLine(sku=sku, quantity=quantity) for sku, quantity in lines),
        "over_receipt_percent": 10,
        "reason": "autumn",
    }
    return say(OpenPurchase, **stated | fields)  # type: ignore[no-any-return]


def came(receipt_no: str, *lines: tuple[str, int], **fields: Any) -> ReceivePurchase:
    goods = tuple(PurchaseReceiptLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    stated = {"receipt_no": receipt_no, "warehouse": "HZ", "lines": goods}
    return say(ReceivePurchase, **stated | fields)  # type: ignore[no-any-return]


def cancel(**fields: Any) -> CancelPurchase:
    return say(CancelPurchase, **{"reason": "sold out there"} | fields)  # type: ignore[no-any-return]


def booked(decision: Decision[Aggregate]) -> list[tuple[str, int]]:
    """Goods that came in by it."""
    effects: Any = decision.effects
    return [good for effect in effects if type(effect) is Receive for good in effect.goods]


OPEN = decide(None, order(("A", 20), ("B", 5))).state
PARTLY = decide(OPEN, came("r1", ("A", 12))).state
RECEIVED = decide(PARTLY, came("r2", ("A", 8), ("B", 5))).state
CANCELLED = decide(PARTLY, cancel()).state


def test_an_order_comes_in_by_parts_and_is_done_when_all_of_it_came() -> None:
    opened = decide(None, order(("B", 5), ("A", 15), ("A", 5)))
    assert isinstance(opened.state, Purchase)
    assert opened.state.goods == opened.state.outstanding == (("A", 20), ("B", 5))
    assert (booked(opened), opened.result_id) == ([], "open")
    (expect,) = opened.effects
    assert expect == Expect("P1", "HZ", ("A", "B"), (("A", 20), ("B", 5)), None)
    part = decide(opened.state, came("r1", ("A", 12)))
    receive = Receive("HZ", (("A", 12),), "receipt", "P1/r1", "", "li", "autumn")
    expect = Expect("P1", "HZ", ("A", "B"), (("A", 8), ("B", 5)), None, (("A", 12),))
    assert part.effects == (receive, expect)
    assert (part.result_id, part.state.outstanding) == (  # type: ignore[union-attr]
        "partly_received",
        (("A", 8), ("B", 5)),
    )
    rest = decide(part.state, came("r2", ("A", 8), ("B", 5)))
    assert (rest.result_id, rest.state.outstanding) == ("received", ())  # type: ignore[union-attr]


def test_a_little_more_than_ordered_is_booked_and_noted() -> None:
    more = decide(PARTLY, came("r2", ("A", 10)))
    assert isinstance(more.state, Purchase)
    assert booked(more) == [("A", 10)]
    assert more.state.receipts[-1].over == (("A", 2),)
    assert more.state.outstanding == (("B", 5),)
    late = decide(RECEIVED, came("r3", ("A", 2)))
    assert (late.result_id, late.state.receipts[-1].over) == (  # type: ignore[union-attr]
        "received",
        (("A", 2),),
    )


def test_the_rest_of_an_order_may_be_cancelled_and_what_came_stays() -> None:
    assert isinstance(CANCELLED, Purchase)
    assert (CANCELLED.state, CANCELLED.outstanding) == ("cancelled", ())
    assert [one.goods for one in CANCELLED.receipts] == [(("A", 12),)]
    assert decide(PARTLY, cancel()).effects == (Expect("P1", "HZ", ("A", "B"), (), None),)
    assert (CANCELLED.cancelled_by, CANCELLED.cancel_reason) == ("li", "sold out there")


def redate(when: datetime) -> RedatePurchase:
    return say(RedatePurchase, expected_at=when, reason="the ship is late")  # type: ignore[no-any-return]


def test_what_is_to_come_may_be_expected_at_another_time_and_the_order_stays_the_same_paper() -> (
    None
):
    first, later = NOW + timedelta(days=3), NOW + timedelta(days=9)
    opened = order(("A", 20), expected_at=first)
    moved = decide(decide(None, opened).state, redate(later))
    assert isinstance(moved.state, Purchase)
    assert moved.state.redates == (Redate(first, later, "li", "the ship is late"),)
    assert moved.effects == (Expect("P1", "HZ", ("A",), (("A", 20),), later),)
    assert decide(moved.state, redate(later)) == Decision(state=moved.state, result_id="open")
    assert decide(moved.state, opened).result_id == "open"
    assert decide(moved.state, order(("A", 20), expected_at=later)).refusal == "already_booked"
    for done in (RECEIVED, CANCELLED):
        assert decide(done, redate(later)).refusal == "already_decided"


@pytest.mark.parametrize(
    ("state", "command", "answer"),
    [
        (OPEN, order(("A", 20), ("B", 5)), "open"),
        (RECEIVED, order(("B", 5), ("A", 20)), "received"),
        (PARTLY, came("r1", ("A", 12)), "partly_received"),
        (CANCELLED, came("r1", ("A", 12)), "cancelled"),
        (CANCELLED, cancel(), "cancelled"),
    ],
)
def test_what_was_done_is_answered_again_and_not_done_again(
    state: Aggregate, command: Struct, answer: str
) -> None:
    again = decide(state, command)
    assert (again.refusal, again.result_id) == ("", answer)
    assert (again.state, again.effects, again.events) == (state, (), ())


@pytest.mark.parametrize(
    ("state", "command", "refusal", "sku"),
    [
        (None, order(), "no_pieces", ""),
        (None, order(("A", 0)), "no_pieces", ""),
        (None, order(("A", 1), supplier="\0"), "unusable_code", ""),
        (None, order(("A", 1), warehouse=""), "unusable_code", ""),
        (None, order(("A", 1), warehouse="HZ|1"), "unusable_code", ""),
        (None, order(("A", 600_000_000), ("A", 600_000_000)), "too_many", "A"),
        (None, order(("A", 1), over_receipt_percent=101), "unusable_tolerance", ""),
        (None, order(("A", 1), document_no="rsv-1"), "reserved_document_no", ""),
        (OPEN, order(("A", 21), ("B", 5)), "already_booked", ""),
        (OPEN, order(("A", 20), ("B", 5), actor="wang"), "already_booked", ""),
        (Receipt(warehouse="HZ", cause="receipt", goods=()), order(("A", 1)), "already_booked", ""),
        (None, came("r1", ("A", 1)), "unknown_document", ""),
        (Receipt(warehouse="HZ", cause="receipt", goods=()), cancel(), "unknown_document", ""),
        (OPEN, came("r1", ("A", 1), warehouse="GZ"), "other_warehouse", ""),
        (OPEN, came("r1", ("C", 1)), "not_ordered", "C"),
        (OPEN, came("r1", ("A", 23)), "over_receipt", "A"),
        (PARTLY, came("r2", ("A", 11)), "over_receipt", "A"),
        (OPEN, came("r1", ("B", 6)), "over_receipt", "B"),
        (OPEN, came("r1"), "no_pieces", ""),
        (OPEN, came("r1", ("A", -1)), "no_pieces", ""),
        (PARTLY, came("r1", ("A", 11)), "already_booked", ""),
        (CANCELLED, came("r2", ("A", 1)), "purchase_cancelled", ""),
        (RECEIVED, cancel(), "already_decided", ""),
        (CANCELLED, cancel(actor="wang"), "already_decided", ""),
        (OPEN, cancel(reason="\0"), "unusable_code", ""),
    ],
)
def test_what_is_refused_changes_nothing(
    state: Aggregate | None, command: Struct, refusal: str, sku: str
) -> None:
    decision = decide(state, command)
    assert (decision.refusal, decision.result_id) == (refusal, sku)
    assert (decision.state, decision.effects) == (state, ())


goods = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 30)), min_size=1, max_size=3)
steps = st.lists(st.tuples(st.sampled_from(["r1", "r2", "r3", "r4", "end"]), goods), max_size=12)


@given(goods, st.integers(0, 100), steps)
def test_ordered_is_always_come_in_and_to_come_or_cancelled(
    ordered: list[tuple[str, int]], percent: int, steps: list[tuple[str, list[tuple[str, int]]]]
) -> None:
    state = decide(None, order(*ordered, over_receipt_percent=percent)).state
    arrivals: list[tuple[str, int]] = []
    for name, lines in steps:
        decision = decide(state, cancel() if name == "end" else came(name, *lines))
        state = decision.state
        arrivals += booked(decision)
    assert isinstance(state, Purchase)
    assert merged(arrivals) == merged(one for each in state.receipts for one in each.goods)
    total, over = dict(merged(arrivals)), dict(merged(o for r in state.receipts for o in r.over))
    for sku, quantity in state.goods:
        to_come = dict(state.outstanding).get(sku, 0)
        arrived = total.get(sku, 0)
        assert arrived <= quantity * (100 + percent) // 100
        assert over.get(sku, 0) == max(0, arrived - quantity)
        if state.state != "cancelled":
            assert to_come == max(0, quantity - arrived)
    assert (state.outstanding == ()) == (state.state in {"received", "cancelled"})
