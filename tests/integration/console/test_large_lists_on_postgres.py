"""Lists and their counts among many orders that are over, on real Postgres."""

from __future__ import annotations

import pytest

from services.console.views import Filters, conditions, counting
from tests.integration.console.rig import Rig
from tests.support.plans import pages_touched


async def plant_a_past(rig: Rig) -> None:
    """Many orders that are over, a fifth with an after-sale, of one channel; before them a few of another, hindered."""
    await rig.pool.execute(
        "INSERT INTO console.cards SELECT 'DS' || i, '{}', "
        "  CASE WHEN i > 20 THEN 'completed' ELSE 'awaiting_review' END, "
        "  CASE WHEN i > 20 THEN 'taobao' ELSE 'jd' END, i::text, "
        "  '2026-11-11T00:00Z'::timestamptz + i * interval '1 s', NULL, '', "
        "  CASE WHEN i <= 20 THEN ' short payout ' WHEN i % 5 = 0 THEN ' after_sale ' ELSE '' END "
        "FROM generate_series(1, 40000) AS i"
    )
    await rig.pool.execute("VACUUM ANALYZE console.cards")


@pytest.mark.parametrize(
    "narrowed",
    [
        Filters(channel="jd"),
        Filters(flag="short"),
        Filters(flag="payout"),
        Filters(flag="payout", channel="taobao"),
        Filters(flag="payout", state="completed"),
        Filters(flag="after_sale"),
        Filters(flag="paid_late"),
        Filters(flag="short", channel="jd"),
        Filters(flag="short", state="awaiting_review"),
    ],
    ids=str,
)
async def test_a_list_does_not_read_the_past_to_find_few(rig: Rig, narrowed: Filters) -> None:
    await plant_a_past(rig)
    where, values = conditions(narrowed)
    page = f"SELECT key, document FROM console.cards WHERE {where} ORDER BY placed_at DESC, key DESC LIMIT 51"
    assert await pages_touched(rig.pool, page, *values) < 100


@pytest.mark.parametrize("flag", ["short", "payout", "after_sale"])
async def test_orders_with_a_flag_are_counted_without_the_past(rig: Rig, flag: str) -> None:
    await plant_a_past(rig)
    statement, values = counting(Filters(flag=flag))
    assert await pages_touched(rig.pool, statement, *values) < 200


async def test_of_a_flag_that_many_have_the_newest_are_counted_and_the_page_says_so(
    rig: Rig,
) -> None:
    await plant_a_past(rig)
    client = await rig.signed_in()

    async def counted(flag: str) -> tuple[dict[str, int], str]:
        steps = (await client.get("/api/funnel", params={"flag": flag})).json()
        page = (await client.get("/", params={"flag": flag})).text
        return {step["state"]: step["orders"] for step in steps if step["orders"]}, page

    states, page = await counted("after_sale")
    assert states == {"completed": 1000}
    assert "<b>1,000+</b>" in page
    assert "有“售后中”标记的订单很多，以上只数了最新的 1,000 个。" in page
    states, page = await counted("short")
    assert states == {"awaiting_review": 20}
    assert "<b>20</b>" in page
    assert "以上只数了" not in page
