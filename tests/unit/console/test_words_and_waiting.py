"""How time, codes and promises read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.console import words
from services.console.domain.model import Card
from services.console.domain.waiting import lasting, promise_of, waits_for
from services.console.pages import hours_until, query_of
from services.console.views import Filters, conditions, hour_start
from tests.browser.story import NOON


def test_times_are_shown_in_shanghai() -> None:
    assert words.local(datetime(2026, 11, 11, 16, 30, tzinfo=UTC)) == "2026-11-12 00:30:00"
    assert words.local(None) == ""


def test_unknown_codes_lose_their_underscores() -> None:
    assert words.say("something_new") == "something-new"
    assert words.channel("new_channel") == "new-channel"


@pytest.mark.parametrize(
    ("basis", "text"),
    [
        ("carrier/default@1#hangzhou-delta", "快递规则 第 1 版 hangzhou-delta"),
        ("risk/default@12#", "风险规则 第 12 版"),
        ("refund-tier/default@2#foreign-currency", "退款审批规则 第 2 版 外币，不按人民币金额判断"),
        ("6f1d6a0e-52a4-5c0b-9a53-1f0c7a5d3e21", ""),
        ("", ""),
    ],
)
def test_a_rule_is_a_basis_people_can_read(basis: str, text: str) -> None:
    assert words.rule(basis) == text


CARD = Card(state="awaiting_review", placed_at=NOON, ship_by=NOON + timedelta(hours=48))


@pytest.mark.parametrize(
    ("card", "why"),
    [
        (replace(CARD, state="awaiting_payment"), "等待买家付款"),
        (CARD, "等待库存预占"),
        (replace(CARD, held_at=NOON), "等待审核"),
        (replace(CARD, flags=("risk", "short")), "等待风控复核；缺货，等待补货后自动预占"),
        (replace(CARD, state="awaiting_print"), "等待选仓派单"),
        (replace(CARD, state="awaiting_print", routed_at=NOON), "等待打单"),
        (replace(CARD, state="completed", flags=("risk",)), ""),
    ],
)
def test_an_order_says_what_it_waits_for(card: Card, why: str) -> None:
    assert waits_for(card) == why


@pytest.mark.parametrize(
    ("hours", "text", "tone"),
    [(47, "还剩 1 天 23 小时", "calm"), (3, "还剩 3 小时", "soon"), (-2, "已超时 2 小时", "late")],
)
def test_a_promise_counts_down(hours: int, text: str, tone: str) -> None:
    assert CARD.ship_by is not None
    promise = promise_of(CARD, CARD.ship_by - timedelta(hours=hours))
    assert promise is not None
    assert (promise.text, promise.tone) == (text, tone)


@pytest.mark.parametrize("state", ["awaiting_payment", "shipped", "completed", "cancelled"])
def test_only_an_order_that_must_be_shipped_has_a_clock(state: str) -> None:
    assert promise_of(replace(CARD, state=state), NOON) is None


def test_spans_show_their_two_largest_units() -> None:
    assert lasting(timedelta(minutes=59, seconds=59)) == "59 分钟"
    assert lasting(timedelta(hours=2, minutes=5)) == "2 小时 5 分钟"
    assert lasting(timedelta(days=3, minutes=5)) == "3 天"


def test_filters_that_mean_nothing_are_left_out() -> None:
    sane = Filters(
        state="nonsense",
        channel="x' OR 1=1",
        hour="yesterday",
        flag="?",
        before="%%%",
        query=" a\x00 ",
    ).sane()
    assert sane == Filters(query="a")


def test_conditions_are_numbered_in_order() -> None:
    text, values = conditions(
        Filters(state="shipped", channel="jd", hour="2026-11-11T12", flag="risk")
    )
    assert text == (
        "placed_at IS NOT NULL AND state = $1 AND channel = $2 AND placed_at >= $3 AND placed_at < $4 "
        "AND flags <> '' AND strpos(flags, ' risk ') > 0 AND state NOT IN ('completed', 'cancelled')"
    )
    assert values == ["shipped", "jd", NOON, NOON + timedelta(hours=1)]


def test_an_hour_is_meant_in_shanghai() -> None:
    assert hour_start("2026-11-11T12") == NOON
    assert hour_start("2026-11-11") is None
    assert hours_until(NOON)[:2] == [
        ("2026-11-11T12", "今天 12:00–12:59"),
        ("2026-11-11T11", "今天 11:00–11:59"),
    ]
    assert hours_until(NOON)[-1] == ("2026-11-10T13", "昨天 13:00–13:59")


def test_links_keep_the_other_filters_and_start_at_the_first_page() -> None:
    chosen = Filters(channel="jd", before="abc", query="")
    assert query_of(chosen, state="shipped") == "state=shipped&channel=jd"
    assert query_of(chosen, before="next") == "channel=jd&before=next"
    assert query_of(Filters()) == ""
