"""An order from a channel's native payload to a delivered parcel and a settled refund, over everything."""

from __future__ import annotations

import pytest

from tests.e2e.outside import Outside, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]


@pytest.mark.parametrize("channel", ["taobao", "jd", "douyin"])
async def test_a_paid_order_is_held_routed_shipped_told_and_delivered(
    outside: Outside, channel: str
) -> None:
    """Every service does its part, once, and the channel learns of the parcel."""
    [order_no] = await outside.place(channel)

    order_id = await outside.reaches(order_no, "completed")

    shipments = (await outside.on_platform(order_no))["shipments"]
    [parcel] = await outside.rows(
        "SELECT stage, waybill_no FROM fulfillment.parcels WHERE key = $1", order_id
    )
    assert parcel["stage"] == "delivered"
    assert {shipment["waybill"] for shipment in shipments} == {parcel["waybill_no"]}
    [reservation] = await outside.rows(
        "SELECT state FROM inventory.reservations WHERE key = $1", order_id
    )
    assert reservation["state"] == "shipped"
    expected = {
        "OrderPlaced",
        "StockReserved",
        "OrderReadyToFulfil",
        "ParcelPlanned",
        "WaybillIssued",
        "ParcelShipped",
        "ParcelDelivered",
        "StockDeducted",
        "WriteBackApplied",
    }

    async def told() -> bool:
        rows = await outside.rows("SELECT kind FROM console.timeline WHERE order_id = $1", order_id)
        return {row["kind"] for row in rows} >= expected

    await until(told, f"the timeline of {order_id} tells all of it")


async def test_a_buyers_claim_after_delivery_is_approved_paid_once_and_restocked(
    outside: Outside,
) -> None:
    """Asked for on the channel, decided here, paid by the gateway, told to the channel."""
    [order_no] = await outside.place("taobao", lines_max=1)
    order_id = await outside.reaches(order_no, "completed")

    await outside.act("taobao", order_no, "claim")

    async def settled() -> bool:
        cases = await outside.rows("SELECT state FROM refunds.cases WHERE order_id = $1", order_id)
        return bool(cases) and all(case["state"] == "settled" for case in cases)

    await until(settled, f"the refund of {order_id} is settled")

    async def told() -> bool:
        return bool((await outside.on_platform(order_no))["agreed_refund_fen"])

    await until(told, f"the platform knows of the refund of {order_id}")
    [case] = await outside.rows(
        "SELECT amount_fen, kind FROM refunds.cases WHERE order_id = $1", order_id
    )
    returned = await outside.rows(
        "SELECT quantity FROM inventory.ledger WHERE order_id = $1 AND kind = 'return'", order_id
    )
    assert bool(returned) == (case["kind"] == "return_and_refund")


async def test_a_buyer_who_cancels_before_paying_gives_the_stock_back(outside: Outside) -> None:
    """Held at submit, released by the cancellation."""
    [order_no] = await outside.place("douyin", paid_at_once_pct=0, cancel_unpaid_pct=0)
    order_id = await outside.reaches(order_no, "awaiting_payment")
    held = await outside.rows("SELECT state FROM inventory.reservations WHERE key = $1", order_id)
    assert held[0]["state"] == "held"

    await outside.act("douyin", order_no, "cancel")

    await outside.reaches(order_no, "cancelled")

    async def released() -> bool:
        rows = await outside.rows(
            "SELECT state FROM inventory.reservations WHERE key = $1", order_id
        )
        return str(rows[0]["state"]) == "cancelled"

    await until(released, f"the stock of {order_id} is released")


async def test_an_order_that_is_paid_later_is_held_first_and_shipped_after_the_payment(
    outside: Outside,
) -> None:
    """Placing and paying are two events where they are two moments."""
    [order_no] = await outside.place("douyin", paid_at_once_pct=0, cancel_unpaid_pct=0)
    order_id = await outside.reaches(order_no, "awaiting_payment")

    await outside.act("douyin", order_no, "pay")

    await outside.reaches(order_no, "completed")
    told = await outside.rows(
        "SELECT kind FROM console.timeline WHERE order_id = $1 AND kind = 'OrderPaid'", order_id
    )
    assert len(told) == 1


async def test_both_worlds_agree_at_the_end(outside: Outside) -> None:
    """The checker finds nothing after everything above."""
    report = await outside.figures.final_report(60.0)

    assert report.clean, report.findings
    assert report.unfinished == ()
    assert report.looked_at["orders"] >= 5
    assert report.looked_at["parcels"] >= 4
    assert report.looked_at["refunds"] >= 1
