"""重新核实打款: the press on an order's page, on real Postgres."""

from __future__ import annotations

import re

import httpx2
import msgspec
import pytest

from schemas.events.commands_refunds import EndRefund, ResumePayout
from services.console.payouts import LOOK_AGAIN
from services.console.pressing import KEY_CHARS_MAX, REASON_CHARS_MAX
from services.refunds.domain.rules import REASONS
from tests.browser.story import Story
from tests.integration.console.rig import Rig

BUTTON = "重新核实"


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the form, as a browser would send them."""
    form = page[page.index('action="/payouts/look-again"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form)[:4])


async def press(client: httpx2.AsyncClient, form: dict[str, str], why: str) -> httpx2.Response:
    return await client.post("/payouts/look-again", data={**form, "reason": why})


async def opened(rig: Rig) -> tuple[httpx2.AsyncClient, dict[str, str]]:
    """A signed-in browser, and the form of an order whose refund waits for a person."""
    story = Story("DS1")
    await rig.project([*story.placed(), *story.refund_requested(), *story.payout_given_up()])
    client = rig.with_session()
    form = form_of((await client.get("/orders/DS1")).text)
    assert (form["order_id"], form["refund_id"]) == ("DS1", "R1")
    return client, form


async def test_a_press_bears_who_is_signed_in_and_the_reason(rig: Rig) -> None:
    client, form = await opened(rig)
    done = await press(client, form, " 支付渠道已恢复 ")
    assert done.status_code == 200
    assert "已重新核实打款" in done.text
    again = await press(client, form, "支付渠道已恢复")
    first, second = rig.asked.commands
    assert isinstance(first, ResumePayout)
    assert isinstance(second, ResumePayout)
    assert (first.order_id, first.refund_id) == ("DS1", "R1")
    assert (first.actor, first.reason) == ("demo", "支付渠道已恢复")
    assert first.command_id == second.command_id, "the same form sent twice is one press"
    await press(client, form_of(again.text), "再查一次")
    third = rig.asked.commands[-1]
    assert isinstance(third, ResumePayout)
    assert third.command_id != first.command_id, "a page that was shown anew is another"


@pytest.mark.parametrize("why", ["", "   ", "a\0b", "长" * (REASON_CHARS_MAX + 1)])
async def test_without_a_fitting_reason_nothing_is_asked(rig: Rig, why: str) -> None:
    client, form = await opened(rig)
    answer = await press(client, form, why)
    assert (answer.status_code, rig.asked.commands) == (422, [])
    assert "请写明理由" in answer.text


@pytest.mark.parametrize("name", ["order_id", "refund_id", "press"])
async def test_a_form_that_no_page_has_is_refused(rig: Rig, name: str) -> None:
    client, form = await opened(rig)
    for text in ("", "\0", "R1\0", "R1\n", "7" * (KEY_CHARS_MAX + 1)):
        answer = await press(client, {**form, name: text}, "再查一次")
        assert (answer.status_code, rig.asked.commands) == (422, []), repr(text)


async def test_an_order_that_cannot_be_is_not_found(rig: Rig) -> None:
    client = rig.with_session()
    for path in ("/orders/%00", "/api/orders/DS%00"):
        assert (await client.get(path)).status_code == 404


async def test_a_refusal_says_why_and_is_shown_on_the_page(rig: Rig) -> None:
    client, form = await opened(rig)
    rig.asked.refusal = "payout_not_given_up"
    answer = await press(client, form, "再查一次")
    assert answer.status_code == 409
    assert "没有重新核实：正在打款或核实，不需要人工。" in answer.text
    assert "时间轴" in answer.text


def test_refusals_read_as_their_service_says_them() -> None:
    assert {code: REASONS[code] for code in LOOK_AGAIN.refusals} == LOOK_AGAIN.refusals


async def test_no_answer_in_time_is_no_refusal_and_no_kafka_is_said(rig: Rig) -> None:
    client, form = await opened(rig)
    rig.asked.silent = True
    answer = await press(client, form, "再查一次")
    assert answer.status_code == 202
    assert "已受理" in answer.text
    rig.asked.away = True
    assert (await press(client, form, "再查一次")).status_code == 503


async def test_a_forged_form_or_a_stranger_presses_nothing(rig: Rig) -> None:
    client, form = await opened(rig)
    assert (await press(client, {**form, "form_token": "0"}, "再查")).status_code == 403
    assert (await press(rig.browser(), form, "再查")).status_code == 303
    assert (await press(client, {**form, "press": ""}, "再查")).status_code == 422
    assert (await press(client, {**form, "order_id": "DS9"}, "再查")).status_code == 404
    assert rig.asked.commands == []


async def test_the_button_is_there_while_a_payout_waits_and_the_timeline_tells_why_and_who(
    rig: Rig,
) -> None:
    story = Story("DS1")
    await rig.project([*story.placed(), *story.refund_requested()])
    client = rig.with_session()
    assert BUTTON not in (await client.get("/orders/DS1")).text, "it is being paid"
    await rig.project(story.payout_given_up())
    page = (await client.get("/orders/DS1")).text
    assert f"<button>{BUTTON}</button>" in page
    assert '<span class="flag">打款待核实</span>' in page
    told = page[page.index("<b>打款待人工核实</b>") :]
    assert "¥29.90 · 支付渠道一直没有可用的答复 · 发出 1 次，连问无果 20 次" in told
    assert "售后退款 · 自动打款" in told
    assert (await client.get("/api/orders/DS1")).json()["payouts_given_up"] == ["R1"]
    await rig.project(story.payout_resumed())
    page = (await client.get("/orders/DS1")).text
    assert f"<button>{BUTTON}</button>" not in page, "it is being asked about"
    told = page[page.index("<b>重新核实打款</b>") :]
    assert "¥29.90 · 渠道恢复-请再查" in told
    assert "售后退款 · 李会计" in told
    detail = (await client.get("/api/orders/DS1")).json()
    assert (detail["open_refunds"], detail["payouts_given_up"]) == (["R1"], [])


async def test_what_no_gateway_takes_is_paid_at_the_shop_and_said_so_with_its_number(
    rig: Rig,
) -> None:
    story = Story("DS1")
    [given_up] = story.payout_given_up()
    unsent = msgspec.structs.replace(given_up, reason="currency_not_taken", currency="USD")
    await rig.project([*story.placed(), *story.refund_requested(), unsent])
    client = rig.with_session()
    page = (await client.get("/orders/DS1")).text
    assert f"<button>{BUTTON}</button>" not in page, "to ask the gateway again helps nobody"
    hidden = page[page.index('action="/payouts/paid-by-hand"') :]
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', hidden)[:4])
    nameless = await client.post("/payouts/paid-by-hand", data={**form, "reason": " "})
    assert (nameless.status_code, "请写明店铺后台的退款单号" in nameless.text) == (422, True)
    done = await client.post("/payouts/paid-by-hand", data={**form, "reason": "shop-77"})
    assert (done.status_code, "已记为人工退款" in done.text) == (200, True)
    (command,) = rig.asked.commands
    assert isinstance(command, EndRefund)
    assert (command.refund_id, command.outcome, command.refund_no) == ("R1", "refunded", "shop-77")
    assert command.actor == "demo"


async def test_money_that_may_have_left_is_not_said_to_be_paid_by_hand(rig: Rig) -> None:
    client, form = await opened(rig)
    answer = await client.post("/payouts/paid-by-hand", data={**form, "reason": "shop-77"})
    assert (answer.status_code, rig.asked.commands) == (409, [])
    assert "只有支付渠道不收币种、没有发出的退款，才能记为人工退款" in answer.text


async def test_the_list_says_how_many_wait_for_a_person_and_finds_them(rig: Rig) -> None:
    waits, paid = Story("DS1"), Story("DS2")
    told = [*waits.placed(), *paid.placed(), *waits.refund_requested(), *paid.refund_requested()]
    await rig.project(told)
    client = rig.with_session()
    assert "等人核实" not in (await client.get("/")).text
    await rig.project([*waits.payout_given_up(), *paid.payout_given_up(), *paid.payout_resumed()])
    assert (
        '<a href="/?flag=payout">1 个订单的退款打款停下了，等人核实</a>'
        in (await client.get("/")).text
    )
    found = (await client.get("/?flag=payout")).text
    assert re.findall(r'data-order="(\w+)"', found) == ["DS1"]
    await rig.project(waits.refund_settled())
    assert "等人核实" not in (await client.get("/")).text
