"""Two small worlds that agree, and how one of them is changed for a test."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from demo.snapshots import (
    Inside,
    InsideOrder,
    InsideParcel,
    InsideRefund,
    KeptOrder,
    Outside,
    OutsideClaim,
    OutsideOrder,
    OutsideRefund,
    OutsideWaybill,
)


def outside_order(order_no: str, **changed: Any) -> OutsideOrder:
    order = OutsideOrder(
        channel="taobao",
        shop="taobao-1",
        order_no=order_no,
        state="finished",
        expected="ok",
        paid_fen=1000,
        shipped_waybills=(),
        units={"CL01-01": 2},
    )
    return replace(order, **changed)


def inside_order(order_no: str, **changed: Any) -> InsideOrder:
    order = InsideOrder(
        channel="taobao",
        shop="taobao-1",
        order_no=order_no,
        order_id=f"TB{order_no}",
        quarantined=False,
        state="shipped",
        paid_fen=1000,
        channel_state="completed",
    )
    return replace(order, **changed)


def waybill(waybill_no: str, order_no: str, **changed: Any) -> OutsideWaybill:
    given = OutsideWaybill(
        waybill_no=waybill_no, parcel_id=f"TB{order_no}-1", order_nos=(order_no,)
    )
    return replace(given, **changed)


OUTSIDE = Outside(
    orders=(
        outside_order("1", shipped_waybills=("W1",)),
        outside_order("2", shipped_waybills=("W2",)),
        outside_order("3", state="cancelled"),
        outside_order("4", expected="contradiction:quantity_impossible"),
        outside_order("5", state="unpaid", paid_fen=0),
    ),
    claims=(OutsideClaim(channel="taobao", order_no="2", claim_no="C2", amount_fen=400),),
    waybills=(waybill("W1", "1"), waybill("W2", "2")),
    carried=frozenset({"W1", "W2"}),
    refunds=(
        OutsideRefund(request_no="refund-2", trade_no="taobao:2", amount_fen=400, moved=1),
        OutsideRefund(request_no="refund-3", trade_no="taobao:3", amount_fen=1000, moved=1),
    ),
    stock_units=100,
    lost_answers={},
)
INSIDE = Inside(
    orders=(
        inside_order("1", waiting_for=frozenset({"delivery"})),
        inside_order("2", state="completed"),
        inside_order("3", state="cancelled", channel_state="cancelled"),
        inside_order("4", order_id="", quarantined=True, state="", paid_fen=0),
        inside_order(
            "5",
            state="awaiting_payment",
            paid_fen=0,
            channel_state="unpaid",
            waiting_for=frozenset({"payment"}),
        ),
    ),
    kept_orders=tuple(
        KeptOrder(order_id=f"TB{no}", channel="taobao", shop="taobao-1", order_no=no)
        for no in ("1", "2", "3", "5")
    ),
    claims={("taobao", "C2"): "refund-2"},
    earlier={},
    ends={},
    not_opened=frozenset(),
    reservations={"TB1": "shipped", "TB2": "shipped", "TB3": "cancelled", "TB5": "held"},
    parcels=(
        InsideParcel(order_id="TB1", parcel_id="TB1-1", stage="shipped", waybill_no="W1"),
        InsideParcel(order_id="TB2", parcel_id="TB2-1", stage="delivered", waybill_no="W2"),
    ),
    refunds=(
        InsideRefund(order_id="TB2", refund_id="refund-2", state="settled", amount_fen=400),
        InsideRefund(
            order_id="TB3",
            refund_id="refund-3",
            state="settled",
            amount_fen=1000,
            requested_by="客服甲",
        ),
    ),
    beyond={},
    doubted=frozenset(),
    stock={"oversold_units": 0, "negative_rows": 0, "reserved_mismatch": 0, "ledger_mismatch": 0},
    units_received=100,
    units_deducted={"CL01-01": 4},
    units_returned=0,
    units_on_hand=96,
    dead_letters={},
    unpublished={},
    parked={},
)


def changed_at(entries: tuple[Any, ...], at: int, **changed: Any) -> tuple[Any, ...]:
    return (*entries[:at], replace(entries[at], **changed), *entries[at + 1 :])


def inside_with(at: int, **changed: Any) -> Inside:
    return replace(INSIDE, orders=changed_at(INSIDE.orders, at, **changed))


def outside_with(at: int, **changed: Any) -> Outside:
    return replace(OUTSIDE, orders=changed_at(OUTSIDE.orders, at, **changed))


def reserved(order_id: str, state: str) -> Inside:
    return replace(INSIDE, reservations={**INSIDE.reservations, order_id: state})
