"""The stock as a merchant sees it: a real Chromium, a real console process, real Kafka and Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from chassis.clock import SystemClock
from tests.browser.conftest import Console, sign_in
from tests.browser.shelves import (
    campaign,
    checked,
    crossed,
    difference,
    fell,
    level,
    moved,
    outlook,
    reconciled,
    reserved,
    suggested,
    task,
    till,
    to_come,
)
from tests.browser.story import Story, publish

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SHIRT, SOCKS, CUP, TEA = "TS-WHITE-L", "SOCKS-3", "CUP-350ML", "TEA-250G"
SHELVES: tuple[tuple[str, str, int, int], ...] = (
    ("HZ", SHIRT, 46, 44),
    ("GZ", SHIRT, 120, 9),
    ("HF", SHIRT, 35, 0),
    ("HZ", SOCKS, 12, 12),
    ("GZ", SOCKS, 0, 0),
    ("HZ", CUP, 7, 1),
    ("HZ", TEA, 640, 31),
    ("GZ", TEA, 212, 18),
)


def the_stock(now: datetime) -> list[Struct]:
    """Sixty quiet SKUs, and four with a story."""
    counted = now - timedelta(hours=9)
    quiet = [
        level(
            "HZ", f"BOOK-{number:03d}", 40 + 7 * number, number, at=now - timedelta(minutes=number)
        )
        for number in range(60)
    ]
    return [
        *quiet,
        *(level(*shelf, at=now - timedelta(minutes=2)) for shelf in SHELVES),
        difference(SHIRT, 46, 41, at=counted, oversold=True),
        difference(TEA, 640, 652, at=counted, hint="unbooked_in"),
        difference(CUP, 7, 8, at=counted, hint=f"swapped_with {SOCKS}"),
        replace(reconciled(6_200, at=counted), differing_rows=3, difference_pieces=620),
        reconciled(900, at=counted - timedelta(hours=1), source="channel", number="2"),
        task("difference", at=counted),
        suggested("HZ", CUP, 96, at=counted, supplier="瓷厂"),
        crossed("HZ", CUP, below=True, version=2, at=counted),
        suggested("GZ", TEA, 276, at=counted),
        checked(now, newest_change_at=now - timedelta(minutes=2)),
    ]


def what_happened(now: datetime) -> list[Struct]:
    """Who holds the shirt, and what moved it."""
    unpaid = Story("DS20261121001", at=now - timedelta(minutes=24))
    paid = Story("DS20261121002", channel="jd", at=now - timedelta(minutes=50))
    gone = "DS20261121003"
    early = now - timedelta(hours=20)
    return [
        *unpaid.placed(),
        *paid.placed(),
        *(event for event in paid.paid() if "lines" not in event.__struct_fields__),
        reserved("DS20261121001", {SHIRT: 2, TEA: 1}, at=now - timedelta(minutes=24)),
        reserved("DS20261121002", {SHIRT: 3}, at=now - timedelta(minutes=50)),
        till("rsv-3f7kq2m5x4c6v7b2n3m5", {SHIRT: (1, 1)}, at=now - timedelta(minutes=3)),
        reserved(gone, {SHIRT: 1}, at=early, paid=True),
        campaign("HD20261212", "running", {SHIRT: 40}, at=now - timedelta(hours=1)),
        outlook(
            SHIRT,
            to_come("PO20261122001", 120, 34, 74, days=30),
            to_come("PO20261101003", 20, 6, days=3),
            to_come("PO20261123002", 60, warehouse="GZ", days=60),
            campaigns={"HD20261212": (40, 12, 3)},
        ),
        fell(gone, {SHIRT: 1}, version=2, at=now - timedelta(minutes=31)),
        moved("RK20261120001", "receipt", {SHIRT: (60, 61)}, at=early, reason="双十一补货"),
        moved(
            "DB20261121/DH1",
            "transfer_in",
            {SHIRT: (10, 47)},
            at=now - timedelta(hours=4),
            actor="王强",
        ),
        moved(
            "TZ20261121",
            "adjustment",
            {SHIRT: (-1, 46)},
            at=now - timedelta(hours=2),
            reason="破损一件",
        ),
    ]


def tell(console: Console, events: Sequence[Struct]) -> None:
    publish(console.bootstrap, console.prefix, events)


def fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1400})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_of_the_stock_shows_at_once_what_is_wrong_and_who_holds_it(
    console: Console, page: Page, pictures: Path
) -> None:
    now = SystemClock().now()
    tell(console, [*the_stock(now), *what_happened(now)])
    sign_in(page, console)
    page.get_by_role("link", name="库存", exact=True).click()
    expect(page.locator("h1")).to_contain_text("1 个 SKU 预占多于实物")
    expect(page.locator("#show-all b")).to_have_text("64")
    expect(page.locator(".vitals")).to_contain_text("0.62 %")
    first = page.locator("table.stock tbody tr").first
    expect(first.locator("a.open")).to_have_text(SHIRT)
    expect(first.locator(".level-soon")).to_contain_text("杭州仓 2")
    page.screenshot(path=pictures / "console-stock.png")

    numbers_change_on_the_page_that_is_looked_at(console, page, now)
    a_search_is_not_lost_while_numbers_change(console, page, now)
    a_sku_is_opened_by_keyboard(page, pictures)
    a_hold_that_ends_leaves_the_page(console, page, now)
    what_differs_is_listed_with_what_to_do(page, pictures)
    what_to_order_is_listed_with_the_reason(page, pictures)
    for path, name in (
        ("", "stock"),
        ("/suggestions", "suggestions"),
        (f"/skus/{SHIRT}", "sku"),
        ("/differences", "differences"),
    ):
        page.goto(f"{console.url}/stock{path}")
        fits(page, 360)
        page.screenshot(path=pictures / f"console-phone-{name}.png", full_page=bool(path))


def numbers_change_on_the_page_that_is_looked_at(
    console: Console, page: Page, now: datetime
) -> None:
    page.get_by_role("link", name="更多 SKU").click()
    expect(page.get_by_text("正在看后面的 SKU")).to_be_visible()
    expect(page.locator("table.stock tbody tr")).to_have_count(14)
    address = page.url
    page.evaluate("window.notReloaded = true")
    last = page.locator("table.stock tbody tr").last
    expect(last.locator("a.open")).to_have_text("BOOK-059")
    tell(console, [level("HZ", "BOOK-059", 453, 60, at=now + timedelta(seconds=1))])
    expect(last.locator("td.money b").first).to_have_text("393")
    assert page.evaluate("window.notReloaded")
    assert page.url == address
    expect(page.locator("table.stock tbody tr")).to_have_count(14)


def a_search_is_not_lost_while_numbers_change(console: Console, page: Page, now: datetime) -> None:
    page.locator("#show-empty").click()
    page.wait_for_url("**/stock?show=empty")
    expect(page.locator("table.stock tbody tr")).to_have_count(1)
    page.get_by_role("link", name="清除筛选").first.click()
    page.wait_for_url("**/stock")
    page.keyboard.press("/")
    page.locator("#search").fill("ts-wh")
    tell(console, [level("GZ", SHIRT, 120, 10, at=now + timedelta(seconds=2))])
    expect(page.locator(f"[data-sku='{SHIRT}'] .level").first).to_contain_text("110")
    assert page.locator("#search").input_value() == "ts-wh"
    page.keyboard.press("Enter")
    page.wait_for_url("**/stock?q=ts-wh")
    expect(page.locator("table.stock tbody tr")).to_have_count(1)


def a_sku_is_opened_by_keyboard(page: Page, pictures: Path) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(SHIRT)
    expect(page.locator("#holds")).to_contain_text("已付款，不到期")
    expect(page.locator("#holds")).to_contain_text("还剩")
    expect(page.locator("#movements")).to_contain_text("双十一补货")
    expect(page.locator("#differences")).to_contain_text("预占多于实物")
    expect(page.locator("#expected")).to_contain_text("在途 200 件，已预售 40 件")
    expect(page.locator("#expected")).to_contain_text("已过预计到货")
    expect(page.locator("#campaigns tbody tr")).to_contain_text("双11 主会场")
    page.screenshot(path=pictures / "console-stock-sku.png", full_page=True)
    page.locator("#holds").get_by_role("link", name="DS20261121001").click()
    expect(page.locator("h1")).to_have_text("DS20261121001")
    page.go_back()
    expect(page.locator("h1")).to_have_text(SHIRT)


def a_hold_that_ends_leaves_the_page(console: Console, page: Page, now: datetime) -> None:
    tell(console, [fell("DS20261121001", {SHIRT: 2, TEA: 1}, version=2, at=now)])
    expect(page.locator("#holds")).not_to_contain_text("DS20261121001")
    expect(page.locator("#movements")).to_contain_text("DS20261121001")


def what_differs_is_listed_with_what_to_do(page: Page, pictures: Path) -> None:
    page.get_by_role("link", name="库存", exact=True).click()
    page.get_by_role("link", name="差异与任务").click()
    expect(page.locator("#open tbody tr")).to_have_count(3)
    expect(page.locator("#open tbody tr").first).to_contain_text(SHIRT)
    expect(page.locator("#tasks")).to_contain_text("查清差异")
    page.screenshot(path=pictures / "console-stock-differences.png", full_page=True)
    page.get_by_role("link", name="数字对不上怎么办").click()
    expect(page.locator("article h1")).to_have_text("数字对不上怎么办")
    page.get_by_role("link", name="← 差异与任务").click()
    expect(page.locator("#differing")).to_be_visible()


def what_to_order_is_listed_with_the_reason(page: Page, pictures: Path) -> None:
    page.get_by_role("link", name="库存", exact=True).click()
    page.get_by_role("link", name="补货建议").click()
    expect(page.locator("#suggestions tbody tr")).to_have_count(2)
    first = page.locator("#suggestions tbody tr").first
    expect(first).to_contain_text(CUP)
    expect(first).to_contain_text("低于安全库存")
    page.screenshot(path=pictures / "console-stock-suggestions.png", full_page=True)
    page.get_by_role("link", name=TEA).click()
    expect(page.locator("#replenishment")).to_contain_text("不高于订货点")
