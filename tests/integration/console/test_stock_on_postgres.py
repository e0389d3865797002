"""The pages of the stock on real Postgres: the worst first, holds with owners, what differs, and whether all is well."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from msgspec import Struct
from msgspec.structs import replace

from services.console.forgetting import FORGET_MOVEMENTS, ROWS_MAX, forget
from services.console.stock_health import NEWEST_LEVEL
from tests.browser.shelves import (
    campaign,
    checked,
    crossed,
    difference,
    fell,
    level,
    moved,
    reconciled,
    reserved,
    suggested,
    task,
    till,
)
from tests.browser.story import NOON, Story
from tests.integration.console.rig import Rig
from tests.support.plans import pages_touched

NOW = NOON + timedelta(hours=1)
"""What the rig's clock says: 13:00 in Shanghai."""
ODD = "茶/礼盒 #1?&<b>"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def shelves() -> list[Struct]:
    """Six SKUs: promised too much, sold out twice, differing, low, out in one warehouse, plenty."""
    counted = ago(hours=2)
    return [
        level("HZ", "PLENTY", 500, 20, at=ago(minutes=9)),
        level("GZ", "PLENTY", 90, 0, at=ago(minutes=9)),
        level("HZ", "LOW", 9, 0, at=ago(minutes=8)),
        level("HZ", "LOPSIDED", 800, 0, at=ago(minutes=8)),
        level("GZ", "LOPSIDED", 4, 4, at=ago(minutes=8)),
        level("HZ", "GONE", 0, 0, at=ago(minutes=7)),
        level("HZ", "TAKEN", 7, 7, at=ago(minutes=6)),
        level("HZ", "OFF", 300, 0, at=ago(minutes=5)),
        level("HZ", "BROKEN", 30, 25, at=ago(minutes=5)),
        difference("OFF", 300, 310, at=counted, hint="unbooked_in"),
        difference("BROKEN", 30, 20, at=counted, oversold=True),
        reconciled(6_200, at=counted),
        reconciled(0, at=ago(hours=3), source="channel", number="2"),
        task("difference", at=counted),
        checked(ago(seconds=12), newest_change_at=ago(minutes=5)),
    ]


async def api(rig: Rig, path: str, **asked: str | int) -> Any:
    client = rig.with_session()
    answer = await client.get(f"/api/stock{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def skus(rig: Rig, **asked: str | int) -> list[str]:
    return [one["sku"] for one in (await api(rig, "", **asked))["skus"]]


# ---- the board -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_records", [1, 3, 100])
async def test_the_worst_come_first_however_events_are_batched(
    rig: Rig, batch_records: int
) -> None:
    await rig.project(shelves(), batch_records)
    found = (await api(rig, ""))["skus"]
    assert [(one["sku"], one["available"], one["tone"], one["differing"]) for one in found] == [
        ("BROKEN", 5, "soon", 1),
        ("GONE", 0, "late", 0),
        ("TAKEN", 0, "late", 0),
        ("OFF", 300, "good", 1),
        ("LOW", 9, "soon", 0),
        ("PLENTY", 570, "good", 0),
        ("LOPSIDED", 800, "soon", 0),
    ]
    assert found[0]["oversold"]
    plenty = found[5]
    assert [
        (one["warehouse_title"], one["on_hand"], one["reserved"], one["available"])
        for one in plenty["levels"]
    ] == [("广州仓", 90, 0, 90), ("杭州仓", 500, 20, 480)]


async def test_levels_that_come_again_or_late_change_nothing(rig: Rig) -> None:
    await rig.project(shelves())
    before = await api(rig, "")
    await rig.project([*shelves(), level("HZ", "PLENTY", 1, at=ago(minutes=30))])
    assert await api(rig, "") == before


async def test_filters_and_search_narrow_together(rig: Rig) -> None:
    await rig.project(shelves())
    assert await skus(rig, show="empty") == ["GONE", "TAKEN"]
    assert await skus(rig, show="low") == ["BROKEN", "LOW", "LOPSIDED"]
    assert await skus(rig, show="differing") == ["BROKEN", "OFF"]
    assert await skus(rig, q=" lo ") == ["LOW", "LOPSIDED"]
    assert await skus(rig, q="o", show="empty") == ["GONE"]
    assert await skus(rig, show="'; DROP TABLE") == await skus(rig)
    assert await skus(rig, q="%") == []


async def test_pages_follow_each_other_while_numbers_change(rig: Rig) -> None:
    await rig.project([level("HZ", f"S{number:02d}", number, at=NOON) for number in range(1, 31)])
    first = await api(rig, "", limit=10)
    assert [one["sku"] for one in first["skus"]] == [f"S{number:02d}" for number in range(1, 11)]
    second = await api(rig, "", limit=10, after=first["after"])
    # What sells meanwhile moves to the front; the page that is looked at stays where it is.
    sold = [level("HZ", f"S{number:02d}", 0, at=NOW) for number in (25, 28)]
    await rig.project(sold)
    again = await api(rig, "", limit=10, after=first["after"])
    assert again["skus"] == second["skus"]
    last = await api(rig, "", limit=10, after=again["after"])
    assert [one["sku"] for one in last["skus"]] == [
        f"S{number}" for number in range(21, 31) if number not in (25, 28)
    ]
    assert last["after"] == ""


async def test_the_board_says_the_numbers_and_every_link_leads_somewhere(rig: Rig) -> None:
    await rig.project([*shelves(), level("HZ", ODD, 3, at=NOON)])
    client = rig.with_session()
    page = (await client.get("/stock")).text
    assert "✕</span> 1 个 SKU 预占多于实物" in page
    assert "<b>7</b><span>全部 SKU" not in page
    assert "<b>8</b><span>全部 SKU" in page
    links = set(re.findall(r'href="(/stock[^"]*)"', page))
    assert len(links) > 12
    for link in links:
        answer = await client.get(link.replace("&amp;", "&"))
        assert answer.status_code == 200, link
    assert 'href="/stock"' in (await client.get("/")).text
    part = await client.get("/stock", headers={"hx-request": "true"})
    assert part.text.startswith('<div id="stock"')
    narrowed = {"hx-request": "true", "hx-source": "form#filters"}
    asked = await client.get("/stock?show=&q=lo", headers=narrowed)
    assert asked.headers["hx-push-url"] == "/stock?q=lo"


async def test_an_odd_sku_is_text_and_has_its_page(rig: Rig) -> None:
    await rig.project([level("HZ", ODD, 3, at=NOON), reserved("DS1", {ODD: 2})])
    client = rig.with_session()
    link = re.search(r'class="open"[^>]* href="([^"]+)"', (await client.get("/stock")).text)
    assert link is not None
    page = await client.get(link[1])
    assert page.status_code == 200
    assert "#1?&amp;&lt;b&gt;" in page.text
    assert ODD not in page.text


async def test_empty_pages_say_what_comes_next(rig: Rig) -> None:
    client = rig.with_session()
    board = (await client.get("/stock")).text
    assert "还没有库存" in board
    assert "库存服务还没有上报" in board
    assert "没有符合条件的 SKU" in (await client.get("/stock?q=x")).text
    assert "现在没有要订的" in (await client.get("/stock/suggestions")).text
    assert "还没有对过账" in (await client.get("/stock/differences")).text
    for nowhere in ("/stock/skus/NONE", "/api/stock/skus/NONE", "/stock/skus/a%00b"):
        assert (await client.get(nowhere)).status_code == 404
    for path in ("/stock", "/stock/skus/A", "/stock/differences", "/api/stock"):
        assert (await rig.browser().get(path)).status_code in {303, 401}


# ---- health ----------------------------------------------------------------------------------------


async def verdict(rig: Rig, *events: Struct) -> tuple[str, str]:
    await rig.project(events)
    health = await api(rig, "/health")
    return health["tone"], health["headline"]


async def test_the_card_names_what_is_worst(rig: Rig) -> None:
    sound = checked(ago(seconds=5), newest_change_at=ago(minutes=5))
    assert await verdict(rig, level("HZ", "A", 5, at=ago(minutes=5)), sound) == ("good", "库存正常")
    assert await verdict(rig, task("count", at=ago(hours=5))) == ("soon", "1 个任务待处理")
    warned = reconciled(6_200, at=ago(hours=2))
    assert await verdict(rig, warned) == ("soon", "差异率 0.62 %")
    assert await verdict(rig, reconciled(10_001, at=ago(hours=2), source="pos", number="3")) == (
        "late",
        "差异率 1.01 %",
    )
    off = replace(sound, occurred_at=ago(seconds=4), ledger_mismatch=3)
    assert await verdict(rig, off) == ("late", "库存账对不上")
    oversold = replace(sound, occurred_at=ago(seconds=3), oversold_units=2)
    assert await verdict(rig, oversold) == ("late", "超卖 2 件")


async def test_only_the_newest_sheet_of_a_source_says_how_much_differs(rig: Rig) -> None:
    told = [
        reconciled(20_000, at=ago(hours=30), number="1"),
        reconciled(1_000, at=ago(hours=6), number="2"),
        reconciled(2_000, at=ago(hours=7), number="3", source="pos"),
        reconciled(90_000, at=ago(days=40), number="4", warehouse="GZ"),
    ]
    await rig.project(told)
    rates = (await api(rig, "/health"))["rates"]
    assert [(one["source_title"], one["percent"]) for one in rates] == [
        ("收银", "0.20 %"),
        ("仓库系统", "0.10 %"),
    ]


async def test_silence_is_never_health_and_missing_levels_are_late(rig: Rig) -> None:
    await rig.project(
        [level("HZ", "A", 5, at=ago(hours=3)), checked(NOW, newest_change_at=ago(hours=3))]
    )
    health = await api(rig, "/health")
    assert (health["freshness"]["delay_s"], health["tone"]) == (0, "good")
    await rig.project([checked(NOW + timedelta(seconds=1), newest_change_at=ago(minutes=7))])
    health = await api(rig, "/health")
    assert (health["freshness"]["delay"], health["freshness"]["tone"]) == ("7 分钟", "soon")
    await rig.project([level("HZ", "A", 4, at=ago(minutes=7))])
    assert (await api(rig, "/health"))["freshness"]["tone"] == "good"
    rig.clock.advance(3 * 60_000)
    health = await api(rig, "/health")
    assert (health["tone"], health["headline"]) == ("late", "库存消息停在 2 分钟前")


# ---- one SKU ---------------------------------------------------------------------------------------


async def test_a_sku_shows_who_holds_it_and_until_when(rig: Rig) -> None:
    unpaid, paid = Story("DS1", at=ago(minutes=3)), Story("DS2", channel="jd", at=ago(minutes=9))
    await rig.project([level("HZ", "A", 30, 9, at=NOON), *unpaid.placed(), *paid.placed()])
    paying = [event for event in paid.paid() if "warehouse" not in event.__struct_fields__]
    held = [
        reserved("DS1", {"A": 2, "B": 1}, at=ago(minutes=28)),
        reserved("DS2", {"A": 3}, at=ago(minutes=9)),
        reserved("DS3", {"AB": 1}, at=ago(minutes=1)),
        reserved("DS4", {"A": 1}, at=ago(minutes=45)),
        till("rsv-abc", {"A": (4, 4)}, at=ago(minutes=10)),
    ]
    await rig.project([*paying, *held])
    holds = (await api(rig, "/skus/A"))["holds"]["items"]
    assert [
        (one["owner"], one["owner_title"], one["pieces"], one["until"], one["tone"])
        for one in holds
    ] == [
        ("DS4", "", 1, "已到期 15 分钟，等待释放", "late"),
        ("DS1", "淘宝", 2, "还剩 2 分钟", "soon"),
        ("rsv-abc", "till-7", 4, "还剩 20 分钟", "calm"),
        ("DS2", "京东", 3, "已付款，不到期", "calm"),
    ]
    page = (await rig.with_session().get("/stock/skus/A")).text
    assert 'href="/orders/DS1"' in page
    assert 'href="/orders/rsv-abc"' not in page
    await rig.project([fell("DS2", {"A": 3}, version=2, at=NOW)])
    detail = await api(rig, "/skus/A")
    assert "DS2" not in {one["owner"] for one in detail["holds"]["items"]}
    (out,) = detail["movements"]["items"]
    assert (out["kind_title"], out["quantity"], out["order_id"]) == ("出库", -3, "DS2")
    assert detail["differences"] is None


async def test_movements_say_which_document_and_who_and_old_ones_go(rig: Rig) -> None:
    told = [
        level("HZ", "A", 12, at=NOON),
        moved("RK1", "receipt", {"A": (10, 10)}, at=ago(days=31)),
        moved("TZ1", "adjustment", {"A": (-1, 9)}, actor="王强", reason="破损", at=ago(hours=2)),
        moved("PD1", "count", {"A": (3, 12)}, at=ago(hours=1)),
    ]
    await rig.project(told)
    await rig.project(told)
    items = (await api(rig, "/skus/A"))["movements"]["items"]
    assert [
        (one["document_no"], one["kind_title"], one["quantity"], one["balance_after"], one["actor"])
        for one in items
    ] == [
        ("PD1", "盘点", 3, 12, "李娜"),
        ("TZ1", "调整", -1, 9, "王强"),
        ("RK1", "入库", 10, 10, "李娜"),
    ]
    async with rig.pool.acquire() as connection:
        assert not await forget(connection, rig.clock.now())
    items = (await api(rig, "/skus/A"))["movements"]["items"]
    assert [one["document_no"] for one in items] == ["PD1", "TZ1"]


async def test_to_look_for_old_movements_costs_nothing_wherever_new_ones_lie(rig: Rig) -> None:
    # As after months, when new rows took the room of old ones: every part of the table has, and had, rows of all times.
    await rig.pool.execute(
        "INSERT INTO console.stock_movements "
        "SELECT 'S' || i, $1::timestamptz - i * 7919 % 60000 * interval '50 s', 'HZ', 1, 'receipt', '', '', '', '', NULL "
        "FROM generate_series(1, 60000) AS i",
        rig.clock.now(),
    )
    before = rig.clock.now() - timedelta(days=30)
    await rig.pool.execute("DELETE FROM console.stock_movements WHERE at < $1", before)
    await rig.pool.execute("VACUUM ANALYZE console.stock_movements")
    assert await pages_touched(rig.pool, FORGET_MOVEMENTS, before, ROWS_MAX) < 20


async def test_old_movements_go_a_slice_at_a_time(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO console.stock_movements "
        "SELECT 'A', $1::timestamptz, 'HZ', 1, 'receipt', '', '', '', '', NULL FROM generate_series(0, $2::int)",
        ago(days=31),
        ROWS_MAX,
    )
    async with rig.pool.acquire() as connection:
        assert await forget(connection, rig.clock.now())
        assert await connection.fetchval("SELECT count(*) FROM console.stock_movements") == 1
        assert not await forget(connection, rig.clock.now())
    assert await rig.pool.fetchval("SELECT count(*) FROM console.stock_movements") == 0


async def test_a_sku_shows_its_differences_and_what_to_do(rig: Rig) -> None:
    await rig.project(shelves())
    found = (await api(rig, "/skus/BROKEN"))["differences"]
    (one,) = found["items"]
    assert (one["difference"], one["hint_title"], one["state_title"], one["age"]) == (
        -10,
        "实物少，有货没出账",
        "待处理",
        "2 小时",
    )
    assert [(task["kind_title"], task["age"]) for task in found["tasks"]] == [
        ("查清差异", "2 小时")
    ]
    closed = difference(
        "BROKEN", 30, 20, at=ago(hours=2), closed_at=NOW, closed_by="王强", documents=("TZ9",)
    )
    await rig.project([replace(closed, occurred_at=NOW)])
    found = (await api(rig, "/skus/BROKEN"))["differences"]
    assert (found["items"][0]["state_title"], found["tasks"]) == ("已补记", [])
    listed = (await api(rig, "", q="BROKEN"))["skus"][0]
    assert (listed["differing"], listed["oversold"]) == (0, False)


# ---- differences -----------------------------------------------------------------------------------


async def test_what_differs_is_listed_with_tasks_and_the_reconciliations(rig: Rig) -> None:
    ended = task("count", at=ago(days=1), closed_at=ago(hours=1), closed_by="王强")
    overtaken = difference("OLD", 5, 4, at=ago(days=1), superseded_by="recon-1")
    await rig.project([*shelves(), replace(ended, closed_why="PD1: 已盘"), overtaken])
    found = await api(rig, "/differences")
    assert [one["sku"] for one in found["differences"]] == ["BROKEN", "OFF"]
    assert [(one["kind_title"], one["open"]) for one in found["tasks"]] == [
        ("查清差异", True),
        ("盘点", False),
    ]
    assert [(one["percent"], one["tone"]) for one in found["reconciled"]] == [
        ("0.62 %", "soon"),
        ("0.00 %", "good"),
    ]
    client = rig.with_session()
    page = (await client.get("/stock/differences")).text
    assert "PD1: 已盘" in page
    assert 'href="/stock/advice"' in page
    assert "不在任何仓" in (await client.get("/stock/advice")).text


async def test_what_to_order_is_listed_with_the_reason_what_lacks_first(rig: Rig) -> None:
    await rig.project(
        [
            *shelves(),
            suggested("HZ", "PLENTY", 500, version=1),
            suggested("HZ", "LOW", 24, version=1),
            crossed("HZ", "LOW", below=True, version=2),
            suggested("HZ", "OFF", 9, version=1),
            suggested("HZ", "OFF", 0, version=2),
        ]
    )
    told = await api(rig, "/suggestions")
    assert (told["suggested"], told["below"]) == (2, 1)
    assert [(one["sku"], one["quantity"], one["below_safety"]) for one in told["items"]] == [
        ("LOW", 24, True),
        ("PLENTY", 500, False),
    ]
    health = await api(rig, "/health")
    assert (health["suggested"], health["below_safety"]) == (2, 1)
    client = rig.with_session()
    page = (await client.get("/stock/suggestions")).text
    assert "不高于订货点" in page
    assert "需求平稳" in page
    assert "补货建议（2 行要订）" in (await client.get("/stock")).text
    sku = (await client.get("/stock/skus/LOW")).text
    assert "低于安全库存 31" in sku
    assert "补货建议" not in (await client.get("/stock/skus/OFF")).text


async def test_what_is_set_aside_for_campaigns_is_shown_until_it_has_ended_and_after(
    rig: Rig,
) -> None:
    told = [
        level("HZ", "A", 100, at=NOON),
        campaign("HD1", "set_aside", {"A": 60, "B": 5}),
        campaign("HD1", "running", {"A": 60, "B": 5}, version=2),
        campaign("HD0", "running", {"A": 9}, at=ago(days=3)),
        campaign("HD0", "ended", {"A": 9}, version=2, sold=7, at=ago(days=3)),
        campaign("HD2", "set_aside", {"A": 4}, at=ago(days=-9), exclusive=True),
    ]
    await rig.project(told)
    await rig.project(told)
    items = (await api(rig, "/skus/A"))["campaigns"]["items"]
    names = ("campaign", "state", "pieces", "sold", "given_back", "exclusive")
    assert [tuple(one[name] for name in names) for one in items] == [
        ("HD2", "set_aside", 4, None, None, True),
        ("HD1", "running", 60, None, None, False),
        ("HD0", "ended", 9, 7, 2, False),
    ]
    page = (await rig.with_session().get("/stock/skus/A")).text
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for text in ("活动库存", "双11 主会场 HD1 淘宝", "进行中", "限量", "售出 7，退回 2"):
        assert text in shown, shown
    await rig.project([level("HZ", "C", 1, at=NOON)])
    assert (await api(rig, "/skus/C"))["campaigns"] is None


async def test_no_program_name_is_shown(rig: Rig) -> None:
    told = [*shelves(), moved("X1", "transfer_in", {"OFF": (1, 2)}, actor="timer:x_y")]
    await rig.project([*told, difference("GONE", 0, 1, at=NOW, hint="swapped_with TAKEN")])
    client = rig.with_session()
    for path in ("/stock", "/stock/skus/OFF", "/stock/skus/GONE", "/stock/differences"):
        page = (await client.get(path)).text
        text = re.sub(r"<head>.*?</head>|<[^>]+>", " ", page, flags=re.DOTALL)
        assert not re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text), path


async def test_a_page_of_many_skus_is_read_by_its_index(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO console.stock_skus (sku, warehouses, on_hand, reserved) "
        "SELECT 'S' || i, 1, i % 997, 0 FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute(
        "INSERT INTO console.stock_levels SELECT 'HZ|S' || i, '{}', 'HZ', 'S' || i, 5, 0, 0, now() "
        "FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute(
        "INSERT INTO console.stock_holds SELECT 'DS' || i, '{}', 'S' || i, NULL FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute("ANALYZE console.stock_skus, console.stock_levels, console.stock_holds")
    first = "SELECT * FROM console.stock_skus ORDER BY rank, available, sku LIMIT 51"
    later = first.replace(
        "ORDER", "WHERE (rank, available, sku) > (1::smallint, 0::bigint, 'S5') ORDER"
    )
    holds = (
        "SELECT key FROM console.stock_holds WHERE skus <> '' "
        "AND string_to_array(skus, E'\\x1f') @> ARRAY['S77'::text]"
    )
    for query in (first, later, NEWEST_LEVEL, holds):
        plan = "\n".join(row[0] for row in await rig.pool.fetch(f"EXPLAIN {query}"))
        assert "Seq Scan" not in plan, plan


async def test_a_broken_cursor_is_the_first_page(rig: Rig) -> None:
    await rig.project([level("HZ", "A", 5, at=NOON)])
    client: httpx2.AsyncClient = rig.with_session()
    for after in ("x", "MXwxfA", "%00", "9" * 400):
        answer = await client.get("/api/stock", params={"after": after})
        assert [one["sku"] for one in answer.json()["skus"]] == ["A"], after
