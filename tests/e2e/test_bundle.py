"""A bundle sold on a channel, over everything: its components leave, the channel hears of its own line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.outside import Outside, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]


@asynccontextmanager
async def sold_with_a_companion(outside: Outside) -> AsyncIterator[None]:
    """While this lasts everything the Taobao shops sell is a bundle of itself and another SKU."""
    shops = await outside.rows("SELECT shop FROM ingest.shops WHERE channel = 'taobao'")
    rows = await outside.rows("SELECT sku FROM inventory.stock GROUP BY sku ORDER BY sum(on_hand)")
    skus = [str(row["sku"]) for row in rows]
    most, second = skus[-1], skus[-2]
    keys = [
        {"channel": "taobao", "shop": row["shop"], "merchant_code": sku}
        for row in shops
        for sku in skus
    ]
    bundles = [
        key
        | {
            "components": [
                {"sku": key["merchant_code"], "weight": 3},
                {"sku": second if key["merchant_code"] == most else most, "weight": 1},
            ]
        }
        for key in keys
    ]

    async def change(mappings: list[dict[str, Any]]) -> bool:
        answer = await outside.platform.http.post(
            f"{outside.platform.door('ingest')}/sku-mappings",
            json={"mappings": mappings, "actor": "test"},
            headers=outside.platform.authorised,
        )
        return bool(answer.status_code == 200)

    await until(lambda: change(bundles), "ingest knows every SKU that inventory keeps")
    try:
        yield
    finally:
        assert await change([dict(key) for key in keys])


async def test_a_bundle_is_held_shipped_and_refunded_as_its_components(outside: Outside) -> None:
    async with sold_with_a_companion(outside):
        [order_no] = await outside.place("taobao", lines_max=1)
        order_id = await outside.reaches(order_no, "completed")

    moved = await outside.rows(
        "SELECT sku, -quantity AS pieces FROM inventory.ledger "
        "WHERE order_id = $1 AND kind = 'deduction'",
        order_id,
    )
    pieces = {row["sku"]: row["pieces"] for row in moved}
    assert len(pieces) == 2
    assert len(set(pieces.values())) == 1, "as many companions as pieces were sold"

    async def told() -> bool:
        rows = await outside.rows(
            "SELECT kind FROM console.timeline WHERE order_id = $1 AND kind = 'WriteBackApplied'",
            order_id,
        )
        return bool(rows) and bool((await outside.on_platform(order_no))["shipments"])

    await until(told, f"the platform knows of the parcel of {order_id}")

    await outside.act("taobao", order_no, "claim")

    async def settled() -> bool:
        cases = await outside.rows("SELECT state FROM refunds.cases WHERE order_id = $1", order_id)
        return bool(cases) and all(case["state"] == "settled" for case in cases)

    await until(settled, f"the refund of {order_id} is settled")
    [case] = await outside.rows(
        "SELECT amount_fen, kind FROM refunds.cases WHERE order_id = $1", order_id
    )
    assert case["amount_fen"] == await outside.claimed_fen(order_no)
    if case["kind"] == "return_and_refund":
        returned = await outside.rows(
            "SELECT sku, quantity FROM inventory.ledger WHERE order_id = $1 AND kind = 'return'",
            order_id,
        )
        assert {row["sku"]: row["quantity"] for row in returned} == pieces
