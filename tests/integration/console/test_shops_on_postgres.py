"""The page of the channels on real Postgres: who is in trouble, since when, and what waits for a person."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from schemas.events.shop_states import ShopErrors
from schemas.events.write_backs import WriteBackApplied
from services.console.forgetting import forget
from services.console.projections import fold_counters
from tests.browser.story import NOON, Story, quarantined, refused, shop_state
from tests.integration.console.rig import Rig

NOW = NOON + timedelta(hours=1)
"""What the rig's clock says: 13:00 in Shanghai."""
REASON = "isv.order-closed: 订单已关闭"
SAID = "订单已关闭（isv.order-closed）"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def night() -> list[Struct]:
    """One shop well, one throttled, one without a token, one till; what is waiting belongs to the first."""
    well, given = Story("DS1", at=ago(minutes=90)), Story("DS2", at=ago(minutes=20))
    yesterday = Story("DS3", at=ago(hours=14))
    applied = WriteBackApplied(
        order_id="DS2",
        version=2,
        occurred_at=ago(minutes=2),
        kind="shipment",
        document_no="PDS2",
        attempts=2,
    )
    return [
        shop_state(
            "taobao", "旗舰店", NOW, polled_until=ago(seconds=12), pushes=1234, pushed_at=NOW
        ),
        shop_state("pos", "一号店", NOW, polled=False, polled_until=None),
        shop_state(
            "jd",
            "京东店",
            NOW,
            state="token_expired",
            state_since=ago(minutes=25),
            polled_until=ago(minutes=26),
            failures=9,
            failed_at=ago(minutes=1),
            error="19_expired",
            errors=(ShopErrors(kind="token", times=9), ShopErrors(kind="retry", times=2)),
        ),
        shop_state(
            "pdd", "专营店", NOW, state="throttled", state_since=ago(minutes=3), polled_until=NOW
        ),
        shop_state("kuaishou", "老店", NOW, configured=False),
        *well.placed(),
        *given.placed(),
        *yesterday.placed(),
        refused(well, REASON, ago(minutes=9)),
        refused(given, "isp.busy", ago(minutes=5)),
        applied,
        quarantined("31", ago(hours=30)),
        quarantined("32", ago(minutes=30)),
    ]


async def listed(rig: Rig, sort: str = "") -> list[dict[str, Any]]:
    client = await rig.signed_in()
    answer = await client.get("/api/shops", params={"sort": sort} if sort else {})
    shops: list[dict[str, Any]] = answer.json()["shops"]
    return shops


async def test_every_shop_is_listed_the_worst_first(rig: Rig) -> None:
    await rig.project(night())
    shops = await listed(rig)
    assert [(shop["channel_title"], shop["state_title"], shop["tone"]) for shop in shops] == [
        ("京东", "令牌过期", "late"),
        ("拼多多", "被限流", "soon"),
        ("淘宝", "正常", "good"),
        ("门店", "只收推送", "calm"),
    ]
    jd, _, taobao, till = shops
    assert (jd["lasting"], jd["delay"], jd["delay_s"]) == ("25 分钟", "26 分钟", 1560)
    assert (jd["failures"], jd["last_error"]) == (9, "19-expired")
    assert [(error["title"], error["times"]) for error in jd["errors"]] == [
        ("令牌", 9),
        ("连不上", 2),
    ]
    assert (jd["quarantined"], jd["orders_today"], jd["last_order_at"]) == (2, 0, None)
    assert (taobao["orders_today"], taobao["orders_last_hour"]) == (2, 1)
    assert taobao["last_order_at"] == "2026-11-11T04:40:00Z"
    assert (taobao["applied_today"], taobao["refused_today"]) == (1, 2)
    assert (taobao["refused_waiting"], taobao["quarantined"], taobao["pushes"]) == (1, 0, 1234)
    assert (till["delay_s"], till["delay"]) == (None, "")


async def test_a_shop_whose_polling_stands_still_is_in_trouble_without_a_word_from_it(
    rig: Rig,
) -> None:
    await rig.project([shop_state("taobao", "旗舰店", NOW)])
    assert [shop["state"] for shop in await listed(rig)] == ["normal"]
    rig.clock.advance(6 * 60_000)
    (shop,) = await listed(rig)
    assert (shop["state_title"], shop["lasting"], shop["troubled"]) == (
        "拉取停滞",
        "6 分钟",
        True,
    )


async def test_a_shop_that_only_orders_tell_of_is_listed_too(rig: Rig) -> None:
    await rig.project(Story("DS1", at=ago(minutes=5)).placed())
    (shop,) = await listed(rig)
    assert (shop["shop_key"], shop["state_title"]) == ("taobao|旗舰店", "未上报")
    assert shop["orders_last_hour"] == 1


async def test_of_shops_that_are_well_those_come_first_where_something_waits(rig: Rig) -> None:
    story = Story("DS1", at=ago(minutes=5))
    jd = shop_state("jd", "京东店", NOW, polled_until=ago(seconds=9))
    await rig.project([jd, shop_state("pdd", "专营店", NOW), *story.placed()])
    await rig.project([shop_state("kuaishou", "快手店", NOW, polled_until=ago(seconds=5))])
    assert [shop["channel"] for shop in await listed(rig)] == ["jd", "kuaishou", "pdd", "taobao"]
    await rig.project([refused(story, REASON, NOW)])
    assert [shop["channel"] for shop in await listed(rig)] == ["taobao", "jd", "kuaishou", "pdd"]


async def test_an_answer_before_its_order_belongs_to_no_shop_yet(rig: Rig) -> None:
    story = Story("DS1", at=ago(minutes=5))
    await rig.project([refused(story, REASON, NOW)])
    assert await listed(rig) == []
    await rig.project(story.placed())
    (shop,) = await listed(rig)
    assert (shop["refused_today"], shop["refused_waiting"]) == (1, 1)


async def test_counts_are_the_same_while_they_are_summed_up_and_old_ones_go(rig: Rig) -> None:
    await rig.project(night())
    before = await listed(rig)
    await fold_counters(rig.pool, rig.clock.now())
    await fold_counters(rig.pool, rig.clock.now())
    assert await listed(rig) == before
    assert await rig.pool.fetchval("SELECT count(*)::int FROM console.shop_minute_changes") == 0
    async with rig.pool.acquire() as connection:
        await forget(connection, rig.clock.now() + timedelta(hours=26))
    assert await rig.pool.fetchval("SELECT count(*)::int FROM console.shop_minutes") == 0


async def test_the_list_is_sorted_as_asked(rig: Rig) -> None:
    await rig.project(night())

    async def channels(sort: str) -> list[str]:
        return [shop["channel"] for shop in await listed(rig, sort)]

    assert await channels("delay") == ["jd", "taobao", "pdd", "pos"]
    assert (await channels("orders"))[0] == "taobao"
    assert (await channels("refused"))[0] == "taobao"
    assert (await channels("quarantined"))[0] == "jd"
    assert await channels("nonsense") == await channels("trouble")


async def test_the_page_says_in_words_who_is_in_trouble_and_leads_there(rig: Rig) -> None:
    await rig.project(night())
    client = await rig.signed_in()
    page = (await client.get("/shops")).text
    verdict = re.search(r'<section class="verdict verdict-late".*?</section>', page, re.DOTALL)
    assert verdict is not None
    assert "2 家店铺有问题" in verdict[0]
    assert verdict[0].index("令牌过期") < verdict[0].index("被限流")
    for link in re.findall(r'href="(/shops/[^"?]+|/orders/[^"]+)"', page):
        assert (await client.get(link)).status_code == 200, link
    assert f"发货 · {SAID}" in page
    assert 'href="/shops"' in (await client.get("/")).text
    part = await client.get("/shops", headers={"hx-request": "true"})
    assert part.text.startswith('<div id="shops"')


async def test_without_trouble_the_page_says_so(rig: Rig) -> None:
    client = await rig.signed_in()
    assert "还没有店铺" in (await client.get("/shops")).text
    well = shop_state("taobao", "旗舰店", NOW)
    await rig.project([well, shop_state("jd", "京东店", NOW)])
    assert "2 家店铺都没有问题" in (await client.get("/shops")).text
    story = Story("TB8", at=ago(minutes=5))
    await rig.project([*story.placed(), refused(story, "jd.closed", NOW)])
    page = (await client.get("/shops")).text
    assert "2 家店铺进单正常，1 件等人处理" in page
    assert "verdict-soon" in page
    assert "TB8" in (await client.get("/?flag=write_back_refused")).text
    behind = shop_state("jd", "京东店", NOW, state="catching_up", polled_until=ago(hours=2))
    await rig.project([behind])
    page = (await client.get("/shops")).text
    assert "1 家店铺补拉中" in page
    assert "verdict-soon" in page


async def test_a_shop_has_a_page_with_its_own_refusals_and_quarantine(rig: Rig) -> None:
    other = Story("JD9", channel="jd", at=ago(minutes=5))
    await rig.project([*night(), *other.placed(), refused(other, "jd.closed", NOW)])
    client = await rig.signed_in()
    taobao = (await client.get("/shops/taobao%7C旗舰店")).text
    assert SAID in taobao
    assert 'href="/orders/DS1"' in taobao
    assert "jd.closed" not in taobao
    jd = (await client.get("/shops/jd%7C京东店")).text
    assert "重新授权" in jd
    assert jd.count("没有商品行") == 2
    assert 'href="/orders/jd%7C%E4%BA%AC%E4%B8%9C%E5%BA%97%7C32"' in jd
    detail = (await client.get("/api/shops/taobao%7C旗舰店")).json()
    assert [(one["order_id"], one["waiting"]) for one in detail["refusals"]] == [
        ("DS2", False),
        ("DS1", True),
    ]
    for nowhere in ("/shops/kuaishou%7C老店", "/shops/nonsense", "/api/shops/nonsense"):
        assert (await client.get(nowhere)).status_code == 404


async def test_each_refusal_waits_by_itself_and_some_for_nobody(rig: Rig) -> None:
    story = Story("DS1", at=ago(minutes=30))
    first = refused(story, REASON, ago(minutes=9))
    known = "unsupported: all of its lines were told with an earlier parcel"
    await rig.project(
        [
            shop_state("taobao", "旗舰店", NOW),
            *story.placed(),
            replace(first, document_no="P1"),
            replace(first, document_no="P2", version=2, occurred_at=ago(minutes=8)),
            replace(first, document_no="P3", version=3, occurred_at=ago(minutes=7), reason=known),
            WriteBackApplied(
                order_id="DS1",
                version=4,
                occurred_at=NOW,
                kind="shipment",
                document_no="P2",
                attempts=1,
            ),
        ]
    )
    client = await rig.signed_in()
    detail = (await client.get("/api/shops/taobao%7C旗舰店")).json()
    assert [one["waiting"] for one in detail["refusals"]] == [False, False, True]
    page = (await client.get("/shops/taobao%7C旗舰店")).text
    assert (page.count(">待处理<"), page.count("无需处理</span>")) == (1, 2)
    # Lines from before write-backs were kept are as their order is.
    await rig.pool.execute("UPDATE console.timeline SET basis = '' WHERE kind = 'WriteBackRefused'")
    detail = (await client.get("/api/shops/taobao%7C旗舰店")).json()
    assert [one["waiting"] for one in detail["refusals"]] == [True, True, True]


async def test_what_a_channel_says_is_text_and_no_program_name_is_shown(rig: Rig) -> None:
    story = Story("DS1", at=ago(minutes=5))
    await rig.project(
        [
            *night()[2:4],
            shop_state("taobao", "<b>店</b>", NOW, error="<i>x_y</i>", failed_at=NOW),
            *story.placed(),
            refused(story, "<script>alert(1)</script> invalid_token", NOW),
        ]
    )
    client = await rig.signed_in()
    for path in ("/shops", "/shops/taobao%7C旗舰店", "/shops/jd%7C京东店"):
        page = (await client.get(path)).text
        assert "<script>alert" not in page
        assert "<b>店" not in page
        text = re.sub(r"<head>.*?</head>|<[^>]+>", " ", page, flags=re.DOTALL)
        assert not re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text), path


async def test_refusals_and_what_waits_are_found_by_small_indexes(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO console.cards SELECT 'DS' || i, '{}', 'completed', 'taobao', i::text, "
        "  now(), NULL, '', CASE WHEN i % 4 = 0 THEN ' after_sale ' ELSE '' END "
        "FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute(
        "INSERT INTO console.timeline SELECT 'DS' || i, now(), 1, '', 'OrderPlaced', '', '', '', '', 0, i "
        "FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute("ANALYZE console.cards, console.timeline")
    for query in (
        "SELECT channel FROM console.cards WHERE strpos(flags, ' write_back_refused ') > 0",
        "SELECT channel FROM console.cards WHERE state = 'quarantined'",
        "SELECT at FROM console.timeline WHERE kind = 'WriteBackRefused' ORDER BY at DESC LIMIT 20",
    ):
        plan = "\n".join(row[0] for row in await rig.pool.fetch(f"EXPLAIN {query}"))
        assert "Seq Scan" not in plan, plan
