"""What is on order, promised and drawn on campaigns, on the page of a SKU: real Postgres between event and page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from tests.browser.shelves import campaign, level, outlook, to_come
from tests.browser.story import NOON
from tests.integration.console.rig import Rig


async def of_sku(rig: Rig, sku: str) -> Any:
    """As the API tells it."""
    answer = await rig.with_session().get(f"/api/stock/skus/{sku}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown_text(rig: Rig, path: str) -> str:
    """The words of a page."""
    page = (await rig.with_session().get(path)).text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


async def test_what_is_on_order_says_what_is_promised_for_when_and_what_may_still_be(
    rig: Rig,
) -> None:
    told = [
        level("HZ", "A", 0, at=NOON),
        outlook("A", to_come("P1", 10, 4, 5), to_come("P0", 6, days=-1), version=2),
        outlook("A", to_come("P1", 99), version=1),
        outlook("B", to_come("P1", 10, 4, 5)),
        outlook("B", version=2),
        level("GZ", "C", 3, at=NOON),
        outlook("C", to_come("", 0, 3, came=3), to_come("P2", 1_000, warehouse="GZ")),
    ]
    await rig.project(told)
    await rig.project(told)
    found = (await of_sku(rig, "A"))["expected"]
    assert (found["outstanding"], found["promised"]) == (16, 4)
    names = ("purchase_no", "warehouse_title", "outstanding", "promised", "late")
    assert [tuple(one[name] for name in names) for one in found["items"]] == [
        ("P0", "杭州仓", 6, 0, True),
        ("P1", "杭州仓", 10, 4, False),
    ]
    (free,) = found["items"][1]["promisable"]
    assert (free["pieces"], free["channels_title"]) == (5, "淘宝、抖音")
    shown = await shown_text(rig, "/stock/skus/A")
    for text in (
        "采购在途与预售",
        "在途 16 件，已预售 4 件",
        "已过预计到货",
        "5 件， 11-18",
        "前发 淘宝、抖音",
    ):
        assert text in shown, shown
    assert "货架上已留 杭州仓 0" in await shown_text(rig, "/stock/skus/C")
    await rig.project([level("HZ", "B", 1, at=NOON)])
    assert (await of_sku(rig, "B"))["expected"] is None


async def test_an_open_campaign_says_what_its_orders_hold_and_have_been_sent(rig: Rig) -> None:
    told = [
        level("HZ", "A", 100, at=NOON),
        campaign("HD1", "running", {"A": 60}),
        campaign("HD2", "ended", {"A": 9}, sold=7, at=NOON - timedelta(days=3)),
        outlook("A", campaigns={"HD1": (60, 12, 3), "HD2": (9, 1, 1)}),
    ]
    await rig.project(told)
    items = (await of_sku(rig, "A"))["campaigns"]["items"]
    names = ("campaign", "pieces", "held", "sent", "sold")
    assert [tuple(one[name] for name in names) for one in items] == [
        ("HD1", 60, 12, 3, None),
        ("HD2", 9, None, None, 7),
    ]
    assert "留出 已占 已发" in await shown_text(rig, "/stock/skus/A")
