"""The console as a person meets it: a real Chromium, a real console process, real Kafka and Postgres."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import asyncpg
import pytest
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct
from playwright.sync_api import Page, expect

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.topics import TOPICS
from schemas.events.commands_refunds import ResolveDoubleRefund, ResumePayout
from schemas.events.shop_states import ShopErrors
from tests.browser.conftest import PASSWORD, USER, Console, sign_in
from tests.browser.story import (
    ADDRESS,
    NAME,
    PHONE,
    Story,
    publish,
    quarantined,
    refused,
    sealed,
    shop_state,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

READ_TIMEOUT_S = 30.0


@pytest.fixture
def shipped(console: Console) -> Story:
    """Orders in every state; gives back the one that has been shipped. Comes before the browser, whose
    driver takes the thread's event loop.
    """
    now = SystemClock().now()
    stories = [
        Story(
            f"DS{20261111000 + number}",
            channel=("taobao", "jd", "douyin")[number % 3],
            at=now - timedelta(minutes=90 - 3 * number),
        )
        for number in range(24)
    ]
    for number, story in enumerate(stories):
        steps = [story.placed, story.paid, story.routed, story.labelled, story.shipped]
        for step in steps[: 1 + number % 5]:
            publish(console.bootstrap, console.prefix, step())
    publish(console.bootstrap, console.prefix, stories[0].short())
    publish(console.bootstrap, console.prefix, [quarantined("310000001", now)])
    shipped = Story("DS20261111999", at=now - timedelta(hours=3))
    block = sealed(console.seal, shipped.order_id)
    shipped.personal = block.ciphertext
    _keep_key(console.database_url, shipped.order_id, block.wrapped_key)
    told = [shipped.placed, shipped.paid, shipped.routed, shipped.labelled, shipped.shipped]
    told += [shipped.refund_requested, shipped.refund_settled]
    for step in told:
        publish(console.bootstrap, console.prefix, step())
    return shipped


def _keep_key(database_url: str, order_id: str, wrapped_key: bytes) -> None:
    async def keep() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(
                "INSERT INTO chassis.personal_keys (order_id, wrapped_key) VALUES ($1, $2)",
                order_id,
                wrapped_key,
            )
        finally:
            await connection.close()

    asyncio.run(keep())


def test_a_person_signs_in_filters_opens_an_order_and_sees_a_new_one_appear(
    console: Console, shipped: Story, page: Page, pictures: Path
) -> None:
    sign_in(page, console)
    # All come in live, without a reload.
    expect(page.locator(f'tr[data-order="{shipped.order_id}"]')).to_be_visible()
    expect(page.locator("a.step-shipped b")).to_have_text("5")
    expect(page.locator("#line")).to_have_text("实时")
    page.screenshot(path=pictures / "console-orders.png")

    filters_land_in_the_address(page)
    page.goto(console.url)
    a_new_order_appears_without_a_reload(console, page)
    a_waybill_is_found_and_opened_by_keyboard(page, shipped)
    the_page_shows_money_a_masked_receiver_and_every_service(page)
    page.screenshot(path=pictures / "console-order.png", full_page=True)

    # The page of an order lives, too.
    done = shipped.state("completed", 9999, "parcel_delivered")
    publish(console.bootstrap, console.prefix, [done])
    expect(page.locator(".now .badge")).to_have_text("已完成")


def filters_land_in_the_address(page: Page) -> None:
    page.locator("select[name=channel]").select_option("jd")
    page.wait_for_url("**/?channel=jd")
    expect(page.locator("tbody .channel").first).to_have_text("京东")
    assert set(page.locator("tbody .channel").all_text_contents()) == {"京东"}
    page.locator("a.step-quarantined").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody .what")).to_have_text("没有商品行")


def a_new_order_appears_without_a_reload(console: Console, page: Page) -> None:
    """Focus and typed text survive."""
    page.locator("#search").fill("还没按回车")
    page.evaluate("window.notReloaded = true")
    fresh = Story("DS20261112001", channel="douyin", at=SystemClock().now())
    publish(console.bootstrap, console.prefix, [*fresh.placed(), *fresh.paid()])
    row = page.locator(f'tr[data-order="{fresh.order_id}"]')
    expect(row).to_be_visible()
    expect(row.locator(".badge")).to_have_text("已支付待审核")
    publish(console.bootstrap, console.prefix, fresh.routed())
    expect(row.locator(".badge")).to_have_text("待打单")
    assert page.evaluate("window.notReloaded")
    assert page.evaluate("document.activeElement.id") == "search"
    assert page.locator("#search").input_value() == "还没按回车"


def a_waybill_is_found_and_opened_by_keyboard(page: Page, shipped: Story) -> None:
    page.locator("#search").fill(shipped.waybill_no)
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(shipped.order_id)


def the_page_shows_money_a_masked_receiver_and_every_service(page: Page) -> None:
    text = page.locator("main").inner_text()
    for shown in ("¥225.90", "¥29.90", "测*", "130****1234"):
        assert shown in text
    for clear in (NAME, PHONE, ADDRESS):
        assert clear not in page.content()
    timeline = page.locator(".timeline").inner_text()
    for title in (
        "买家下单",
        "库存已预占",
        "已派单",
        "面单已取号",
        "包裹已出库",
        "已回传平台",
        "退款到账",
    ):
        assert title in timeline


def test_keys_help_and_pause_work_and_a_phone_shows_cards(console: Console, page: Page) -> None:
    sign_in(page, console)
    page.goto(f"{console.url}/?channel=kuaishou")
    expect(page.get_by_text("没有符合条件的订单")).to_be_visible()
    story = Story("DS20261113001", channel="kuaishou", at=SystemClock().now())
    publish(console.bootstrap, console.prefix, story.placed())
    expect(page.locator("tbody tr")).to_have_count(1)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("Escape")

    page.keyboard.press("p")
    expect(page.locator("#line")).to_have_text("已暂停刷新")
    publish(console.bootstrap, console.prefix, story.paid())
    other = Story("DS20261113002", channel="kuaishou", at=SystemClock().now())
    with page.expect_event("console", lambda message: message.text == "changed"):
        page.evaluate(
            "document.getElementById('live').addEventListener('changed', () => console.log('changed'))"
        )
        publish(console.bootstrap, console.prefix, other.placed())
    expect(page.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("p")
    expect(page.locator("tbody tr")).to_have_count(2)

    page.set_viewport_size({"width": 360, "height": 740})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


NIGHT: tuple[tuple[str, str, str, int, int, tuple[ShopErrors, ...]], ...] = (
    # channel, shop, state, minutes in it, seconds behind, errors
    ("taobao", "旗舰店", "normal", 900, 12, ()),
    ("taobao", "天猫旗舰店", "normal", 900, 9, (ShopErrors(kind="retry", times=3),)),
    ("douyin", "抖音小店", "throttled", 4, 260, (ShopErrors(kind="throttled", times=31),)),
    ("pdd", "专营店", "catching_up", 1, 1500, (ShopErrors(kind="retry", times=22),)),
    ("kuaishou", "快手店", "normal", 900, 14, ()),
    ("xiaohongshu", "小红书店", "normal", 900, 7, ()),
    ("wechat_channels", "视频号小店", "normal", 900, 11, ()),
    ("youzan", "有赞微商城", "unreachable", 12, 780, (ShopErrors(kind="retry", times=40),)),
)


def tell_a_night(console: Console, now: datetime) -> None:
    """Shops of ten channels, three of them not well, and a write-back that was refused."""
    said = [
        shop_state(
            channel,
            shop,
            now,
            state=state,
            state_since=now - timedelta(minutes=minutes),
            polled_until=now - timedelta(seconds=behind_s),
            errors=errors,
            error="http_503" if errors else "",
            failed_at=now if errors else None,
        )
        for channel, shop, state, minutes, behind_s, errors in NIGHT
    ]
    jd = shop_state("jd", "京东店", now, pushes=4321, pushed_at=now)
    till = shop_state("pos", "一号店", now, polled=False, polled_until=None)
    story = Story("DS20261115000", channel="youzan", at=now)
    closed = refused(story, "isv.closed: 订单已关闭", now)
    told = [*said, jd, till, *story.placed(), closed, quarantined("320000001", now)]
    publish(console.bootstrap, console.prefix, told)


def test_the_page_of_the_channels_shows_at_once_who_is_in_trouble(
    console: Console, page: Page, pictures: Path
) -> None:
    tell_a_night(console, SystemClock().now())
    sign_in(page, console)
    page.get_by_role("link", name="渠道", exact=True).click()
    expect(page.locator("h1")).to_contain_text("2 家店铺有问题")
    expect(page.locator(".verdict")).to_contain_text("另有 1 家补拉中")
    expect(page.get_by_role("link", name="DS20261115000")).to_be_visible()
    first = page.locator("table.shops tbody tr").first
    expect(first.locator(".badge")).to_contain_text("连不上")

    page.evaluate("window.notReloaded = true")
    now = SystemClock().now()
    expired = shop_state(
        "jd",
        "京东店",
        now,
        state="token_expired",
        state_since=now - timedelta(minutes=25),
        polled_until=now - timedelta(minutes=26),
        error="19",
        failed_at=now,
        errors=(ShopErrors(kind="token", times=9),),
    )
    publish(console.bootstrap, console.prefix, [expired])
    expect(page.locator("h1")).to_contain_text("3 家店铺有问题")
    expect(first.locator(".badge")).to_contain_text("令牌过期")
    assert page.evaluate("window.notReloaded")
    page.screenshot(path=pictures / "console-shops.png", full_page=True)
    a_shop_is_opened_and_left_as_the_list_was_sorted(page)

    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def a_shop_is_opened_and_left_as_the_list_was_sorted(page: Page) -> None:
    page.get_by_role("link", name="落后").click()
    page.wait_for_url("**/shops?sort=delay")
    page.locator(".verdict a").first.click()
    page.wait_for_url("**/shops/jd*")
    expect(page.locator("h1")).to_have_text("京东店")
    expect(page.locator(".now")).to_contain_text("重新授权")
    expect(page.get_by_role("link", name="320000001")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url("**/shops?sort=delay")
    expect(page.locator("table.shops")).to_be_visible()


def test_a_lost_line_is_said_and_heals(console: Console, page: Page) -> None:
    sign_in(page, console)
    page.goto(f"{console.url}/?channel=pdd")
    expect(page.locator("#line")).to_have_text("实时")
    page.route("**/api/live", lambda route: route.abort())
    page.evaluate("document.getElementById('live')._htmx.sse.reader.cancel()")
    expect(page.locator("#stale")).to_contain_text("正在重连")
    story = Story("DS20261114001", channel="pdd", at=SystemClock().now())
    publish(console.bootstrap, console.prefix, story.placed())
    page.unroute("**/api/live")
    expect(page.locator("#line")).to_have_text("实时")
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(1)


@contextmanager
def locked(database_url: str) -> Iterator[None]:
    """The order list's table can be read and not written meanwhile. In a thread: the browser's driver takes this one's loop."""
    holding, enough = Event(), Event()

    async def hold() -> None:
        connection = await asyncpg.connect(database_url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE console.cards IN EXCLUSIVE MODE")
            holding.set()
            await asyncio.to_thread(enough.wait)
        await connection.close()

    holder = Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert holding.wait(READ_TIMEOUT_S)
        yield
    finally:
        enough.set()
        holder.join()


def test_a_page_says_up_to_when_its_data_go_and_when_they_stand_still(
    console: Console, page: Page, pictures: Path
) -> None:
    sign_in(page, console)
    expect(page.locator("#until")).to_have_text(re.compile(r"^· 数据至 \d\d:\d\d:\d\d$"))
    quiet = page.locator("#until").text_content()
    expect(page.locator("#until")).not_to_have_text(str(quiet))
    expect(page.locator("#line")).to_have_text("实时")
    with locked(console.database_url):
        story = Story("DS20261115001", channel="kuaishou", at=SystemClock().now())
        publish(console.bootstrap, console.prefix, story.placed())
        expect(page.locator("#line")).to_have_text("数据落后", timeout=40_000)
        stands = re.compile(r"^数据停在 \d\d:\d\d:\d\d，还有 \d+ 条消息没有读进来$")
        expect(page.locator("#stale")).to_have_text(stands)
        page.screenshot(path=pictures / "console-behind.png")
    expect(page.locator("#line")).to_have_text("实时")
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator(f'tr[data-order="{story.order_id}"]')).to_be_visible()


def test_an_answer_that_fails_leaves_the_page_as_it_is_and_heals(
    console: Console, page: Page
) -> None:
    sign_in(page, console)
    page.goto(f"{console.url}/stock")
    expect(page.locator("#stock")).to_be_visible()
    page.route("**/stock*", lambda route: route.fulfill(status=503, body="<h1>暂时不可用</h1>"))
    expect(page.locator("#stale")).to_have_text("暂时读不到新数据，正在重试…")
    expect(page.locator("#stock")).to_be_visible()
    expect(page.get_by_text("暂时不可用")).to_have_count(0)
    page.unroute("**/stock*")
    with page.expect_response(lambda answer: "/stock" in answer.url and answer.ok):
        expect(page.locator("#stale")).to_be_hidden(timeout=15_000)


def test_a_wrong_password_gets_nobody_in(console: Console, page: Page) -> None:
    page.goto(f"{console.url}/orders/DS1")
    page.get_by_label("用户名").fill(USER)
    page.get_by_label("密码").fill("wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确。")
    page.get_by_label("用户名").fill(USER)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("没有找到")


def commands_of(console: Console, order_id: str) -> list[Struct]:
    """What stands on the refunds service's topic of commands about an order; waits for the first."""
    topic = TOPICS["commands-refunds"]
    name = topic.name(console.prefix)
    consumer = Consumer(
        {"bootstrap.servers": console.bootstrap, "group.id": f"{console.prefix}.read"}
    )
    consumer.assign([TopicPartition(name, number, 0) for number in range(topic.partitions)])
    found: list[Struct] = []
    deadline = time.monotonic() + READ_TIMEOUT_S
    while not found and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            command = codec().decode(message.value() or b"")
            found += [command] if getattr(command, "order_id", "") == order_id else []
    consumer.close()
    return found


def test_a_reason_survives_the_page_s_renewal_and_goes_out_with_the_persons_name(
    console: Console, page: Page
) -> None:
    story = Story("DS20261119001", channel="xiaohongshu", at=SystemClock().now())
    waits = [*story.placed(), *story.refund_requested(), *story.payout_given_up()]
    publish(console.bootstrap, console.prefix, waits)
    sign_in(page, console)
    expect(page.locator(f'tr[data-order="{story.order_id}"]')).to_contain_text("打款待核实")
    page.get_by_role("link", name="1 个订单的退款打款停下了").click()
    page.locator(f'tr[data-order="{story.order_id}"] a.open').click()
    reason = page.get_by_label("退款单 R1")
    page.get_by_role("button", name="重新核实").click()
    assert page.url.endswith(story.order_id), "the browser itself wants a reason"
    reason.fill("支付渠道已恢复")
    publish(console.bootstrap, console.prefix, story.paid())
    expect(page.locator(".total").last).to_have_text("¥225.90")
    assert reason.input_value() == "支付渠道已恢复"
    page.get_by_role("button", name="重新核实").click()
    # There is no refunds service here, so nobody answers: the command stands all the same.
    expect(page.get_by_role("status").last).to_contain_text("已受理")
    [command] = commands_of(console, story.order_id)
    assert isinstance(command, ResumePayout)
    assert (command.order_id, command.refund_id) == (story.order_id, "R1")
    assert (command.actor, command.reason) == (USER, "支付渠道已恢复")


def test_a_lost_session_leaves_what_was_typed_and_leads_others_to_the_sign_in(
    console: Console, page: Page, pictures: Path
) -> None:
    story = Story("DS20261119003", channel="youzan", at=SystemClock().now())
    waits = [*story.placed(), *story.refund_requested(), *story.payout_given_up()]
    publish(console.bootstrap, console.prefix, waits)
    sign_in(page, console)
    page.locator(f'tr[data-order="{story.order_id}"] a.open').click()
    reason, press = page.get_by_label("退款单 R1"), page.get_by_role("button", name="重新核实")
    reason.fill("支付渠道已恢复")
    page.context.clear_cookies()
    press.click()
    note = page.locator("#signed-out")
    expect(note).to_contain_text("请在新窗口登录")
    page.evaluate("htmx.trigger('#order', 'refresh')")
    expect(note).to_be_visible()
    assert (reason.input_value(), page.url.endswith(story.order_id)) == ("支付渠道已恢复", True)
    page.screenshot(path=pictures / "console-signed-out.png")

    with page.expect_popup() as opened:
        note.get_by_role("link").click()
    sign_in(opened.value, console)
    opened.value.close()
    assert reason.input_value() == "支付渠道已恢复"
    press.click()
    # There is no refunds service here, so nobody answers: the command stands all the same.
    expect(page.get_by_role("status").last).to_contain_text("已受理")
    # That address can be opened again.
    page.wait_for_url(f"**/orders/{story.order_id}")
    [command] = commands_of(console, story.order_id)
    assert isinstance(command, ResumePayout)
    assert command.reason == "支付渠道已恢复"

    page.context.clear_cookies()
    page.evaluate("htmx.trigger('#order', 'refresh')")
    page.wait_for_url(f"**/login?next=%2Forders%2F{story.order_id}")


def test_what_went_twice_is_settled_on_the_order_s_page_with_the_persons_name(
    console: Console, page: Page
) -> None:
    story = Story("DS20261119002", channel="taobao", at=SystemClock().now())
    doubted = [*story.placed(), *story.refund_requested(), *story.double_refund_suspected()]
    publish(console.bootstrap, console.prefix, doubted)
    sign_in(page, console)
    expect(page.locator(f'tr[data-order="{story.order_id}"]')).to_contain_text("疑似重复退款")
    page.get_by_role("link", name="1 个订单疑似重复退款").click()
    page.locator(f'tr[data-order="{story.order_id}"] a.open').click()
    page.get_by_label("退款单 R1 的依据").fill("两边账单各有一笔")
    page.get_by_role("button", name="记下结论").click()
    assert page.url.endswith(story.order_id), "the browser itself wants an outcome"
    page.get_by_label("退款单 R1 的结论").select_option(label="退了两次：多退的不追了，核销")
    page.get_by_role("button", name="记下结论").click()
    # There is no refunds service here, so nobody answers: the command stands all the same.
    expect(page.get_by_role("status").last).to_contain_text("已受理")
    [command] = commands_of(console, story.order_id)
    assert isinstance(command, ResolveDoubleRefund)
    assert (command.order_id, command.refund_id) == (story.order_id, "R1")
    assert (command.actor, command.outcome) == (USER, "written_off")
    assert command.reason == "两边账单各有一笔"
    publish(console.bootstrap, console.prefix, story.double_refund_resolved())
    expect(page.locator(".timeline")).to_contain_text("重复退款已核实")
