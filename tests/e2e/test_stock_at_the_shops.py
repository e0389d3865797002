"""What is sold on one channel is no longer offered on the others, over every process and real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.outside import Outside, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]

SHOPS = ("taobao-1", "pdd-1", "xiaohongshu-1", "shopify-1", "woocommerce-1")
OWN = {"shopify", "woocommerce"}
SKUS_LISTED = 20


async def listings(outside: Outside) -> list[dict[str, Any]]:
    """The first articles of some shops, as their back offices export them."""
    found: list[dict[str, Any]] = []
    for shop in SHOPS:
        answer = await outside.platform.http.get(
            f"{outside.platform.simulators_url}/_sim/listings", params={"shop": shop}
        )
        rows = answer.json()[:SKUS_LISTED]
        found += [
            {
                "channel": row["channel"],
                "shop": row["shop"],
                "channel_sku_id": row["sku_id"],
                "item_id": row["item_id"],
                "merchant_code": row["merchant_code"],
            }
            for row in rows
        ]
    return found


async def change(outside: Outside, written: list[dict[str, Any]]) -> None:
    answer = await outside.platform.http.post(
        f"{outside.platform.door('ingest')}/listings",
        json={"listings": written, "actor": "test"},
        headers=outside.platform.authorised,
    )
    assert answer.status_code == 200, answer.text


def offered(channel: str, pieces: int) -> int:
    """The shipped rules, written down once more."""
    number = pieces * 70 // 100 - (0 if channel in OWN else 2)
    return number if number > (2 if channel in OWN else 3) else 0


async def differing(outside: Outside, written: list[dict[str, Any]]) -> list[str]:
    """Listings that do not show what our stock rows come to."""
    rows = await outside.rows(
        "SELECT sku, sum(on_hand - reserved)::bigint AS pieces FROM inventory.stock GROUP BY sku"
    )
    pieces = {row["sku"]: row["pieces"] for row in rows}
    ledger = await outside.platform.http.get(f"{outside.platform.simulators_url}/_sim/ledger/stock")
    shown = {(one["shop"], one["sku_id"]): one["quantity"] for one in ledger.json()}
    return [
        f"{one['shop']} {one['merchant_code']}"
        for one in written
        if shown.get((one["shop"], one["channel_sku_id"]))
        != offered(one["channel"], pieces[one["merchant_code"]])
    ]


async def test_every_shop_shows_what_is_left_after_sales_elsewhere(outside: Outside) -> None:
    written = await listings(outside)
    assert len(written) == len(SHOPS) * SKUS_LISTED
    await change(outside, written)

    async def agree() -> bool:
        return not await differing(outside, written)

    await until(agree, "every shop shows what is for sale")
    numbers = await outside.place("jd", 40)
    for number in numbers:
        await outside.order_id(number)
    await until(agree, "every shop shows what the sales on JD have left")

    told = await outside.platform.metrics("ingest")
    assert 'danshu_ingest_stock_told_total{channel="woocommerce",result="applied"}' in told
    assert 'result="refused"' not in "".join(
        line for line in told.splitlines() if line.startswith("danshu_ingest_stock_told_total")
    )
    await change(outside, [{**one, "remove": True} for one in written])
