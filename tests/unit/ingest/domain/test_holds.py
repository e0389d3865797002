"""An order is told as a whole, so one of which a part is refunded or has left is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.domain.model import (
    CanonicalOrder,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
)
from services.ingest.domain.snapshots import Change, KnownOrder, Stale, hold_of, read_snapshot
from tests.unit.ingest.channels.builders import (
    Native,
    douyin,
    douyin_line,
    encoded,
    jd,
    order_of,
    taobao,
    taobao_line,
)
from tests.unit.ingest.channels.marketplace_natives import pdd_order
from tests.unit.ingest.channels.natives import shopify, shopify_line, woo, youzan

S = OrderSnapshotState
SECOND = "4000000000000000012"
REFUNDED = taobao_line(oid_str=SECOND, refund_status="SUCCESS", status="TRADE_CLOSED")
LEFT = taobao_line(oid_str=SECOND, status="WAIT_BUYER_CONFIRM_GOODS")
REFUNDED_FIRST = taobao_line(refund_status="SUCCESS", status="TRADE_CLOSED")
OPEN_FIRST = taobao_line(refund_status="WAIT_SELLER_AGREE")
ASKED = {"after_sale_status": 6, "after_sale_type": 2}
DONE = {"after_sale_status": 12, "after_sale_type": 2}


@pytest.mark.parametrize(
    ("found", "state", "hold"),
    [
        (taobao(taobao_line(), taobao_line(oid_str=SECOND)), S.AWAITING_SHIPMENT, ""),
        (taobao(taobao_line(), REFUNDED), S.AWAITING_SHIPMENT, "partly_refunded"),
        (
            taobao(taobao_line(), LEFT, status="SELLER_CONSIGNED_PART"),
            S.PARTLY_SHIPPED,
            "partly_shipped_elsewhere",
        ),
        (taobao(taobao_line(), LEFT), S.AWAITING_SHIPMENT, "partly_shipped_elsewhere"),
        (
            douyin(
                douyin_line(),
                douyin_line(order_id="6900000000000000012", after_sale_info=DONE),
            ),
            S.AWAITING_SHIPMENT,
            "partly_refunded",
        ),
        (
            douyin(
                douyin_line(),
                douyin_line(order_id="6900000000000000012", after_sale_info=ASKED),
            ),
            S.AWAITING_SHIPMENT,
            "refund_open",
        ),
        (
            shopify(shopify_line(quantity=2, current_quantity=1)),
            S.AWAITING_SHIPMENT,
            "partly_refunded",
        ),
        (taobao(LEFT, status="WAIT_BUYER_CONFIRM_GOODS"), S.SHIPPED, "shipped_elsewhere"),
        (taobao(LEFT, status="TRADE_FINISHED"), S.COMPLETED, "shipped_elsewhere"),
        (taobao(REFUNDED, status="TRADE_CLOSED"), S.CLOSED_REFUNDED, ""),
    ],
)
def test_what_is_not_to_be_shipped_as_a_whole_is_held(
    found: Normalised, state: OrderSnapshotState, hold: str
) -> None:
    order = order_of(found)
    assert (order.state, hold_of(order)) == (state, hold)


def test_a_refund_of_money_alone_holds_nothing() -> None:
    order = order_of(taobao())
    (item,) = order.items
    cheaper = replace(item, refund_state=LineRefundState.PARTLY_REFUNDED, refunded_qty=0)
    assert hold_of(replace(order, items=(cheaper,))) == ""


@dataclass(frozen=True, slots=True)
class Told:
    """What one snapshot after another led to."""

    hold: str
    amended: tuple[str, ...]


def read(known: KnownOrder | None, order: CanonicalOrder, seconds: int) -> Change | Stale:
    """Read a snapshot that was modified so many seconds after its own time."""
    assert order.times.modified is not None
    modified = order.times.modified + timedelta(seconds=seconds)
    reading = read_snapshot(
        known,
        replace(order, times=replace(order.times, modified=modified)),
        (),
        digest=f"{order.state} {hold_of(order)}",
        personal_digest="",
        order_id="TB2026052000001",
    )
    assert isinstance(reading, Change | Stale)
    return reading


def tell(*snapshots: CanonicalOrder, apart_s: Sequence[int] = range(9)) -> list[Told]:
    """One line a snapshot, each so many seconds after the first: one after the other where nothing else is said."""
    known: KnownOrder | None = None
    lines = []
    for seconds, order in zip(apart_s, snapshots, strict=False):
        reading = read(known, order, seconds)
        if isinstance(reading, Change):
            known = reading.known
        assert known is not None
        amended = reading.amended if isinstance(reading, Change) else ()
        lines.append(Told(known.hold, amended))
    return lines


def both(second: Any = None, **changed: Any) -> CanonicalOrder:
    return order_of(taobao(taobao_line(), second or taobao_line(oid_str=SECOND), **changed))


UNPAID = both(status="WAIT_BUYER_PAY", pay_time="")
FREE = both()
OPEN = both(taobao_line(oid_str=SECOND, refund_status="WAIT_SELLER_AGREE"))
AGREED = both(REFUNDED)
ASKED_AFTERWARDS = replace(
    FREE,
    state=S.PAID_ON_HOLD,
    hold="refund_open",
    items=tuple(replace(i, shipped_qty=i.qty) for i in FREE.items),
)
PART = both(LEFT, status="SELLER_CONSIGNED_PART")
OUR_PART = replace(PART, left_from_us=True)
OUR_PART_REST_REFUNDED = replace(
    order_of(taobao(REFUNDED_FIRST, LEFT, status="SELLER_CONSIGNED_PART")), left_from_us=True
)
OUR_PART_REST_OPEN = replace(
    order_of(taobao(OPEN_FIRST, LEFT, status="SELLER_CONSIGNED_PART")), left_from_us=True
)
SHIPPED = both(status="WAIT_BUYER_CONFIRM_GOODS")
FINISHED = both(status="TRADE_FINISHED")
SHOPIFY_PAID = order_of(shopify())
SHOPIFY_PENDING = order_of(shopify(financial_status="pending"))
SHOPIFY_OWING = order_of(shopify(financial_status="partially_paid", total_outstanding="1.00"))
TILL: Native = {"type": 61, "express_type": 9}
TILL_UNPAID = order_of(youzan(status="WAIT_BUYER_PAY", pay_time="", **TILL))
TILL_PASSING = order_of(youzan(status="TRADE_PAID", **TILL))
TILL_DONE = order_of(youzan(status="TRADE_SUCCESS", **TILL))
WOO_PAID = order_of(woo())
WOO_STOPPED = order_of(woo(status="on-hold"))
WOO_COD = order_of(woo(payment_method="cod", date_paid_gmt=None))
WOO_COD_STOPPED = order_of(woo(payment_method="cod", date_paid_gmt=None, status="on-hold"))


@pytest.mark.parametrize(
    ("snapshots", "told"),
    [
        # A refund that ends on the channel never sets the order free.
        (
            (FREE, OPEN, AGREED),
            (("", ()), ("refund_open", ("hold",)), ("partly_refunded", ("hold",))),
        ),
        ((FREE, AGREED, AGREED), (("", ()), ("partly_refunded", ("hold",)), ("partly_refunded", ()))),
        # One that the buyer takes back does.
        ((FREE, OPEN, FREE), (("", ()), ("refund_open", ("hold",)), ("", ("hold",)))),
        # What had left before we saw it stays held, however it goes on.
        ((SHIPPED, FINISHED), (("shipped_elsewhere", ()), ("shipped_elsewhere", ()))),
        # Our own shipment comes back from the channel: nothing to tell.
        ((FREE, SHIPPED, FINISHED), (("", ()), ("shipped_elsewhere", ()), ("shipped_elsewhere", ()))),
        # So does one parcel of several; what goes on there with the rest is told.
        ((FREE, OUR_PART, SHIPPED), (("", ()), ("", ()), ("shipped_elsewhere", ()))),
        ((FREE, OUR_PART, OUR_PART_REST_REFUNDED), (("", ()), ("", ()), ("nothing_left_to_ship", ("hold",)))),
        (
            (FREE, OUR_PART, OUR_PART_REST_OPEN, OUR_PART),
            (("", ()), ("", ()), ("refund_open", ("hold",)), ("", ("hold",))),
        ),
        # A part that somebody else sent holds the rest.
        ((FREE, PART), (("", ()), ("partly_shipped_elsewhere", ("hold",)))),
        # What a till was done with when it was first told is off the books. Told before, it is not, and must not leave again.
        ((TILL_DONE, TILL_DONE), (("", ()), ("", ()))),
        (
            (TILL_UNPAID, TILL_DONE, TILL_DONE),
            (("", ()), ("shipped_elsewhere", ("hold",)), ("shipped_elsewhere", ())),
        ),
        ((TILL_PASSING, TILL_DONE), (("payment_passing", ()), ("shipped_elsewhere", ("hold",)))),
        # Also where the channel tells of a refund first.
        ((FREE, ASKED_AFTERWARDS, SHIPPED), (("", ()), ("shipped_elsewhere", ()), ("shipped_elsewhere", ()))),
        # What we were kept from shipping was shipped by somebody else.
        (
            (AGREED, SHIPPED, FINISHED),
            (("partly_refunded", ()), ("shipped_elsewhere", ("hold",)), ("shipped_elsewhere", ())),
        ),
        # What was paid and is no more is held until it is again.
        ((FREE, UNPAID, FREE), (("", ()), ("payment_taken_back", ("hold",)), ("", ("hold",)))),
        ((UNPAID, FREE, UNPAID), (("", ()), ("", ()), ("payment_taken_back", ("hold",)))),
        ((AGREED, UNPAID), (("partly_refunded", ()), ("payment_taken_back", ("hold",)))),
        ((SHOPIFY_PAID, SHOPIFY_PENDING), (("", ()), ("payment_taken_back", ("hold",)))),
        ((SHOPIFY_PAID, SHOPIFY_OWING), (("", ()), ("balance_open", ("hold",)))),
        # What has never been paid is not held: it waits for its payment.
        ((UNPAID, UNPAID), (("", ()), ("", ()))),
        # A shop's own people stop what was paid, and let it go on.
        ((WOO_PAID, WOO_STOPPED, WOO_PAID), (("", ()), ("on_hold", ("hold",)), ("", ("hold",)))),
        ((WOO_COD, WOO_COD_STOPPED), (("", ()), ("payment_taken_back", ("hold",)))),
        # So was what we never knew to be paid.
        ((UNPAID, SHIPPED), (("", ()), ("shipped_elsewhere", ("hold",)))),
    ],
)  # fmt: skip
def test_a_hold_lasts_as_long_as_its_reason(
    snapshots: tuple[CanonicalOrder, ...], told: tuple[tuple[str, tuple[str, ...]], ...]
) -> None:
    assert tell(*snapshots) == [Told(*line) for line in told]


def pdd(**changed: Any) -> Normalised:
    (found,) = PDD.normalise(
        encoded({"order_info_get_response": {"order_info": pdd_order(**changed)}})
    )
    return found


SHIP_HOLD: list[Native] = [{"name": "ship_hold", "value": 1}]


@pytest.mark.parametrize(
    ("free", "stopped", "hold"),
    [
        (pdd(), pdd(risk_control_status=1), "risk_review"),
        (pdd(), pdd(order_tag_list=SHIP_HOLD), "shipping_paused_by_channel"),
        (pdd(), pdd(refund_status=2), "refund_open"),
        (jd(), jd(orderState="LOCKED"), "cancellation_asked"),
        (jd(), jd(orderState="PAUSE"), "paused_by_channel"),
        (taobao(), taobao(taobao_line(refund_status="WAIT_SELLER_AGREE")), "refund_open"),
        (taobao(), taobao(status="PAID_FORBID_CONSIGN"), "paid_forbid_consign"),
    ],
)
def test_what_stops_an_order_in_the_second_in_which_it_was_free_holds_it_until_a_later_one(
    free: Normalised, stopped: Normalised, hold: str
) -> None:
    snapshots = (order_of(free), order_of(stopped))
    told = tell(*snapshots, apart_s=(0, 0))
    assert [line.hold for line in told] == ["", hold]
    assert "hold" in told[1].amended
    told = tell(*reversed(snapshots), snapshots[0], apart_s=(0, 0, 1))
    assert [line.hold for line in told] == [hold, hold, ""]
    assert (told[1].amended, "hold" in told[2].amended) == ((), True)


def test_a_payment_that_is_told_late_is_told_with_what_became_of_it() -> None:
    late = tell(UNPAID, FREE, apart_s=(1, 0))
    assert late == [Told("", ()), Told("payment_taken_back", ("hold",))]


def test_orders_from_before_it_was_kept_whether_their_channel_called_them_paid_are_held_too() -> (
    None
):
    placed = read(None, FREE, 0)
    assert isinstance(placed, Change)
    assert placed.known.paid_there
    before = replace(placed.known, paid_there=False)
    assert read(before, UNPAID, 1) == read(placed.known, UNPAID, 1)
