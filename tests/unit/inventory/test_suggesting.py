"""Demand from movements, positions from documents, suggestions with their reasons, terms as they are sent."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.inventory.domain.demand import Moved, SoldBefore, completed, daily_demand
from services.inventory.domain.forecasting import Pattern
from services.inventory.domain.model import Aggregate, Hold, Line, Purchase, Receipt, Transfer
from services.inventory.domain.replenishment import Plan, Terms
from services.inventory.replenishment_doors import WrittenHistory, WrittenSupply
from services.inventory.suggesting import on_the_way, suggestion
from services.inventory.written import FaultyRequest, read_as

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
MONDAY = date(2026, 11, 2)
NOBODY: Any = None
TERMS = Terms(
    supplier="S1",
    lead_time_days=7,
    lead_time_sd_days=2,
    review_days=7,
    service_level_permille=975,
    pack_pieces=12,
    rule="replenishment/default@1#smooth",
)


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def test_demand_is_what_left_on_days_that_had_stock_from_morning_to_evening() -> None:
    moved = [
        Moved(day(1), 0, 50),  # the first goods ever come in
        Moved(day(2), 10, -10),
        Moved(day(4), 0, -5),  # an adjustment is no demand
        Moved(day(5), 35, -35),  # sold out in the course of the day
        Moved(day(8), 0, 60),  # refilled
        Moved(day(9), 12, -11),  # and one came back
        Moved(day(10), 4, -4),  # today is not over
    ]
    found = daily_demand(45, moved, day(0), day(10))
    assert found == (None, 10, 0, 0, None, None, None, None, 12)


def test_stock_that_was_there_before_counts_from_the_first_day() -> None:
    assert daily_demand(5, [], day(0), day(3)) == (0, 0, 0)
    assert daily_demand(0, [], day(0), day(3)) == ()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(-9, 20)), min_size=1, max_size=30),
    st.integers(0, 50),
)
def test_what_was_sold_on_known_days_is_never_more_and_no_day_is_invented(
    days: list[tuple[int, int]], opening: int
) -> None:
    moved = [Moved(day(at), sold, net) for at, (sold, net) in enumerate(days)]
    on_hand = opening + sum(net for _, net in days)
    found = daily_demand(on_hand, moved, day(0), day(len(days)))
    assert len(found) <= len(days)
    tail = days[len(days) - len(found) :]
    assert all(one in {None, sold} for one, (sold, _) in zip(found, tail, strict=True))


def test_days_our_books_do_not_know_are_those_of_the_system_before() -> None:
    before = SoldBefore(first_day=day(-2), pieces=(7, None, 9, 3, 4))
    # The goods came over on day 1: what day 1 sold, the other system knows; from day 2 on our books do.
    own = (None, 10, 0)
    assert completed(own, before, day(-90), day(4)) == ((7, None, 9, 3, 10, 0), 3)
    assert completed(own, before, day(0), day(4)) == ((9, 3, 10, 0), 2)
    assert completed(own, None, day(-90), day(4)) == (own, 0)
    # Nothing of it lies here yet; and history that ended long before leaves days that nobody knows.
    assert completed((), before, day(-90), day(5)) == ((7, None, 9, 3, 4, None, None), 4)
    assert completed((), before, day(6), day(6)) == ((), 0)


@given(
    st.lists(st.none() | st.integers(0, 9), max_size=12),
    st.lists(st.none() | st.integers(10, 19), min_size=1, max_size=12),
    st.integers(-20, 20),
)
def test_what_our_books_know_is_never_replaced_and_no_day_is_told_twice(
    own: list[int | None], pieces: list[int | None], begins: int
) -> None:
    before = SoldBefore(first_day=day(begins), pieces=tuple(pieces))
    found, taken = completed(tuple(own), before, day(-15), day(0))
    tail = found[len(found) - len(own) :]
    assert all(a == b for a, b in zip(tail, own, strict=True) if b is not None)
    told = {day(begins + at): one for at, one in enumerate(pieces) if one is not None}
    from_before = [(at, one) for at, one in enumerate(found) if one is not None and one >= 10]
    assert len(from_before) == taken
    assert all(told[day(at - len(found))] == one for at, one in from_before)


def test_what_is_to_come_counts_where_it_is_to_arrive() -> None:
    bought = Purchase(
        state="partly_received",
        warehouse="HZ",
        supplier="S1",
        goods=(("A", 10), ("B", 4)),
        outstanding=(("A", 6), ("B", 4)),
        over_receipt_percent=0,
        expected_at=None,
        opened_by="li",
        opened_at=NOW,
        reason="r",
    )
    sent = Transfer(
        warehouse="HZ",
        to_warehouse="GZ",
        goods=(("A", 9),),
        in_transit=(("A", 5),),
        sent_by="li",
        reason="r",
    )
    other: Aggregate = Receipt(warehouse="HZ", cause="receipt", goods=(("A", 1),))
    waits = Hold(state="short", paid=True, lines=(Line(1, "A", 2), Line(2, "B", 9)))
    unpaid, held = replace(waits, paid=False), replace(waits, state="held")
    orders = [waits, waits, unpaid, held]
    coming = on_the_way([bought, bought, sent, other, None, *orders], lambda _order, _goods: "HZ")
    position = coming.position(("HZ", "A"), 20, 7)
    assert (position.on_order, position.in_transit, position.backordered) == (12, 0, 4)
    assert position.pieces == 20 - 7 + 12 - 4
    assert coming.position(("GZ", "A"), 0, 0).pieces == 5


PLAN = Plan(
    pattern=Pattern(demand_class="smooth", known_days=90),
    forecaster="seasonal-drift",
    forecaster_label="近十二周同日加趋势",
    terms=TERMS,
    daily_demand_milli=12_340,
    safety_stock=31,
    reorder_point=204,
    order_up_to=290,
)


def test_a_suggestion_says_why_now_and_how_much() -> None:
    coming = on_the_way([], NOBODY)
    said = suggestion(("HZ", "A"), PLAN, coming.position(("HZ", "A"), 60, 40), NOW)
    assert (said.quantity, said.position, said.below_safety) == (276, 20, True)
    assert said.explanation == (
        "日均 12.34 件（平稳，近十二周同日加趋势）；提前期 7±2 天，每 7 天订一次，服务水平 97.5 %："
        "安全库存 31，订货点 204，补到 290。可售实物 60 − 预占 40 + 采购在途 0 + 调拨在途 0 − 欠发 0 = 20，"
        "不高于订货点，订 276（起订 1，每箱 12）"
    )
    told = suggestion(
        ("HZ", "A"), replace(PLAN, days_from_before=88), coming.position(("HZ", "A"), 60, 40), NOW
    )
    assert "（平稳，近十二周同日加趋势，其中 88 天是导入的历史销量）" in told.explanation
    enough = suggestion(("HZ", "A"), PLAN, coming.position(("HZ", "A"), 300, 0), NOW)
    assert (enough.quantity, enough.below_safety) == (0, False)
    assert enough.explanation.endswith("= 300，够用")


@pytest.mark.parametrize(
    ("demand_class", "said"),
    [
        ("new", "有货的日子只有 5 天，太少，不预测"),
        ("idle", "有货的 5 天里没有卖过，不预测"),
        ("lumpy", "规则说不预测"),
    ],
)
def test_what_is_not_forecast_says_why(demand_class: str, said: str) -> None:
    seen = Pattern(demand_class=demand_class, known_days=5)  # type: ignore[arg-type]
    unplanned = Plan(pattern=seen, forecaster="", terms=TERMS)
    position = on_the_way([], NOBODY).position(("HZ", "A"), 0, 0)
    found = suggestion(("HZ", "A"), unplanned, position, NOW)
    assert (found.quantity, found.explanation) == (0, said)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"rows": [], "actor": "li"}, "#/rows"),
        ({"rows": [{"sku": "A"}]}, "#/actor"),
        ({"rows": [{"sku": ""}], "actor": "li"}, "#/rows/0/sku"),
        ({"rows": [{"sku": "A", "pack_pieces": 0}], "actor": "li"}, "#/rows/0/pack_pieces"),
        ({"rows": [{"sku": "A", "lead_time_days": 366}], "actor": "li"}, "#/rows/0/lead_time_days"),
        ({"rows": [{"sku": "A", "review_days": 1.5}], "actor": "li"}, "#/rows/0/review_days"),
        ({"rows": [{"sku": "A", "price": 1}], "actor": "li"}, "#/rows/0/price"),
        ({"rows": [{"sku": "A"}, {"sku": "A"}], "actor": "li"}, "#/rows/1"),
    ],
)
def test_terms_that_make_no_sense_are_told_where(body: dict[str, Any], where: str) -> None:
    found = read_as(WrittenSupply, json.dumps(body).encode())
    assert isinstance(found, FaultyRequest)
    assert found.errors[0].pointer == where


SOLD = {"sku": "A", "first_day": "2026-11-01", "pieces": [1, None, 0]}


@pytest.mark.parametrize(
    ("sold", "where"),
    [
        ([], "#/sold"),
        ([{**SOLD, "pieces": []}], "#/sold/0/pieces"),
        ([{**SOLD, "pieces": [1, -1]}], "#/sold/0/pieces/1"),
        ([{**SOLD, "pieces": [1.5]}], "#/sold/0/pieces/0"),
        ([{**SOLD, "pieces": [0] * 401}], "#/sold/0/pieces"),
        ([{**SOLD, "first_day": "2026-11-31"}], "#/sold/0/first_day"),
        ([{**SOLD, "sku": "a|b"}], "#/sold/0/sku"),
        ([SOLD, SOLD], "#/sold/1"),
    ],
)
def test_history_that_makes_no_sense_is_told_where(sold: list[Any], where: str) -> None:
    body = {"warehouse": "HZ", "sold": sold, "actor": "li"}
    found = read_as(WrittenHistory, json.dumps(body).encode())
    assert isinstance(found, FaultyRequest)
    assert found.errors[0].pointer == where


def test_history_ends_before_today() -> None:
    body = {"warehouse": "HZ", "sold": [SOLD], "actor": "li"}
    found = read_as(WrittenHistory, json.dumps(body).encode())
    assert isinstance(found, WrittenHistory)
    assert found.not_over(date(2026, 11, 4)) is None
    refused = found.not_over(date(2026, 11, 3))
    assert refused is not None
    assert (refused.code, refused.errors[0].pointer) == ("day_not_over", "#/sold/0/pieces")
