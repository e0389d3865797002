"""核实重复退款: the form on an order's page, on real Postgres."""

from __future__ import annotations

import re

import httpx2
import pytest

from schemas.events.commands_refunds import ResolveDoubleRefund
from services.console.double_refunds import RESOLVE
from services.console.pressing import REASON_CHARS_MAX
from services.refunds.domain.doubt import OUTCOMES
from services.refunds.domain.rules import REASONS
from tests.browser.story import Story
from tests.integration.console.rig import Rig

PATH = "/double-refunds/resolve"
BUTTON = "<button>记下结论</button>"


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the form, as a browser would send them."""
    form = page[page.index(f'action="{PATH}"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form)[:4])


async def press(
    client: httpx2.AsyncClient, form: dict[str, str], why: str, outcome: str = "written_off"
) -> httpx2.Response:
    return await client.post(PATH, data={**form, "reason": why, "outcome": outcome})


async def opened(rig: Rig) -> tuple[httpx2.AsyncClient, dict[str, str]]:
    """A signed-in browser, and the form of an order whose money may have gone twice."""
    story = Story("DS1")
    told = [*story.placed(), *story.refund_requested(), *story.double_refund_suspected()]
    await rig.project(told)
    client = rig.with_session()
    form = form_of((await client.get("/orders/DS1")).text)
    assert (form["order_id"], form["refund_id"]) == ("DS1", "R1")
    return client, form


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_word_bears_who_is_signed_in_the_outcome_and_the_reason(
    rig: Rig, outcome: str
) -> None:
    client, form = await opened(rig)
    done = await press(client, form, " 两边账单各有一笔 ", outcome)
    assert done.status_code == 200
    assert "已记下结论" in done.text
    await press(client, form, "两边账单各有一笔", outcome)
    first, second = rig.asked.commands
    assert isinstance(first, ResolveDoubleRefund)
    assert isinstance(second, ResolveDoubleRefund)
    assert (first.order_id, first.refund_id, first.outcome) == ("DS1", "R1", outcome)
    assert (first.actor, first.reason) == ("demo", "两边账单各有一笔")
    assert first.command_id == second.command_id, "the same form sent twice is one press"


@pytest.mark.parametrize("why", ["", "   ", "长" * (REASON_CHARS_MAX + 1)])
async def test_without_a_fitting_reason_or_outcome_nothing_is_asked(rig: Rig, why: str) -> None:
    client, form = await opened(rig)
    assert (await press(client, form, why)).status_code == 422
    assert (await press(client, form, "已查", "neither")).status_code == 422
    assert (await press(client, form, "已查", "")).status_code == 422
    assert rig.asked.commands == []


async def test_a_refusal_says_why_and_silence_is_none(rig: Rig) -> None:
    client, form = await opened(rig)
    rig.asked.refusal = "payout_confirmed"
    answer = await press(client, form, "已查", "only_channel")
    assert answer.status_code == 409
    assert "没有记下结论：支付渠道已确认我方打款到账，不能认定只有平台退款。" in answer.text
    rig.asked.silent = True
    assert "已受理" in (await press(client, form, "已查")).text
    rig.asked.away = True
    assert (await press(client, form, "已查")).status_code == 503


def test_refusals_read_as_their_service_says_them() -> None:
    assert {code: REASONS[code] for code in RESOLVE.refusals} == RESOLVE.refusals


async def test_a_forged_form_or_a_stranger_presses_nothing(rig: Rig) -> None:
    client, form = await opened(rig)
    assert (await press(client, {**form, "form_token": "0"}, "已查")).status_code == 403
    assert (await press(rig.browser(), form, "已查")).status_code == 303
    assert (await press(client, {**form, "press": ""}, "已查")).status_code == 422
    assert (await press(client, {**form, "order_id": "DS9"}, "已查")).status_code == 404
    assert rig.asked.commands == []


async def test_the_form_is_there_while_the_flag_stands_and_the_timeline_tells_who_and_what(
    rig: Rig,
) -> None:
    story = Story("DS1")
    await rig.project([*story.placed(), *story.refund_requested()])
    client = rig.with_session()
    assert BUTTON not in (await client.get("/orders/DS1")).text
    await rig.project([*story.double_refund_suspected(), *story.refund_settled()])
    page = (await client.get("/orders/DS1")).text
    assert BUTTON in page
    assert '<span class="flag">疑似重复退款</span>' in page
    assert (await client.get("/api/orders/DS1")).json()["double_refunds"] == ["R1"]
    await rig.project(story.double_refund_resolved())
    page = (await client.get("/orders/DS1")).text
    assert BUTTON not in page
    assert "疑似重复退款</span>" not in page
    told = page[page.index("<b>重复退款已核实</b>") :]
    assert "退了两次：多退的不追了，核销 · 这笔共退 ¥59.90 · 两边账单各有一笔" in told
    assert "售后退款 · 李会计" in told
    detail = (await client.get("/api/orders/DS1")).json()
    assert (detail["double_refunds"], detail["order"]["refund_fen"]) == ([], 5990)


async def test_the_list_says_how_many_wait_and_finds_them(rig: Rig) -> None:
    waits, settled = Story("DS1"), Story("DS2")
    for story in (waits, settled):
        await rig.project([*story.placed(), *story.refund_requested()])
    client = rig.with_session()
    assert "等人核实" not in (await client.get("/")).text
    await rig.project(
        [
            *waits.double_refund_suspected(),
            *settled.double_refund_suspected(),
            *settled.double_refund_resolved(),
        ]
    )
    assert (
        '<a href="/?flag=double_refund">1 个订单疑似重复退款，等人核实</a>'
        in (await client.get("/")).text
    )
    found = (await client.get("/?flag=double_refund")).text
    assert re.findall(r'data-order="(\w+)"', found) == ["DS1"]
    await rig.project(waits.double_refund_resolved())
    assert "等人核实" not in (await client.get("/")).text
