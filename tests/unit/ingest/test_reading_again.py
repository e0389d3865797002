"""An accepted order's newest payload, read again by another mapping than the one that took it in."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.orders import OrderAmended, OrderCancelled, OrderPaid
from services.ingest.domain.snapshots import KnownOrder
from tests.unit.ingest.quarantine_desk import KEY, LINE, Desk, no_quantity, trade

HELD = trade(at="10:00:00", status="PAID_FORBID_CONSIGN")


def taken_by_an_older_mapping(body: bytes, **read_then: Any) -> Desk:
    """As if the mapping of that day had read some fields otherwise."""
    desk = Desk()
    desk.take(body)
    assert desk.known is not None
    desk.known = replace(desk.known, digest="f" * 32, **read_then)
    return desk


def known_of(desk: Desk) -> KnownOrder:
    assert desk.known is not None
    return desk.known


def test_what_reads_the_same_changes_nothing() -> None:
    desk = Desk()
    desk.take(HELD)
    before = desk.known
    again = desk.read_again(HELD)
    assert (again.events, again.effects, again.refusal) == ((), (), "")
    assert again.result_id == known_of(desk).order_id
    assert desk.known == before


def test_a_hold_that_was_not_known_is_told_once_and_written_down() -> None:
    desk = taken_by_an_older_mapping(HELD, hold="", state="awaiting_shipment")
    (amended,) = desk.read_again(HELD).events
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.hold) == (("hold",), "paid_forbid_consign")
    assert desk.read_again(HELD).events == ()
    assert desk.take(HELD) == ()
    assert [(deed.key, deed.act, deed.reason) for deed in desk.deeds] == [
        (KEY, "read_again", "新规则")
    ]
    assert [seen.outcome for seen in desk.seen] == ["placed", "read_again", "stale"]


def test_a_hold_that_today_is_none_is_lifted() -> None:
    desk = taken_by_an_older_mapping(trade(), hold="paid_on_hold", state="unknown")
    (amended,) = desk.read_again(trade()).events
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.hold) == (("hold",), "")


def test_a_payment_and_a_closing_that_were_not_read_are_told_once() -> None:
    desk = taken_by_an_older_mapping(trade(), paid=False, state="unpaid")
    (paid,) = desk.read_again(trade()).events
    assert isinstance(paid, OrderPaid)
    closed = trade(status="TRADE_CLOSED")
    desk = taken_by_an_older_mapping(closed, cancelled=False, state="unknown", hold="state_unknown")
    (cancelled,) = desk.read_again(closed).events
    assert isinstance(cancelled, OrderCancelled)
    assert desk.read_again(closed).events == ()


def test_what_only_its_channel_tells_is_told_of_an_order_taken_in_before_it_was_kept() -> None:
    desk = taken_by_an_older_mapping(trade(trade_from="WAP"), extension=None)
    (amended,) = desk.read_again(trade(trade_from="WAP")).events
    assert isinstance(amended, OrderAmended)
    assert amended.changed == ("extension",)
    assert amended.extension is not None
    assert amended.extension.taobao is not None
    assert amended.extension.taobao.trade_from == "WAP"
    assert desk.read_again(trade(trade_from="WAP")).events == ()


def test_an_order_that_moved_on_is_not_read_back() -> None:
    desk = taken_by_an_older_mapping(HELD, hold="")
    before = desk.known
    assert desk.read_again(trade()).refusal == "not_the_newest"
    assert desk.known == before


def test_standing_corrections_hold_when_it_is_read_again() -> None:
    desk = Desk()
    desk.take(trade(no_quantity()))
    assert desk.read_again(trade(no_quantity())).refusal == "order_unknown"
    desk.correct({"lines": {LINE: {"quantity": 2}}})
    desk.release()
    before = desk.known
    assert desk.read_again(trade(no_quantity())).refusal == ""
    assert desk.known == before


@pytest.mark.parametrize("body", [b"{}", trade(no_quantity())])
def test_what_nothing_can_be_made_of_is_refused(body: bytes) -> None:
    desk = Desk()
    desk.take(trade())
    assert desk.read_again(body).refusal.startswith("still_blocked: ")
