"""Promises against expected receipts: what is promised, when, and what no sequence of events may break."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import chassis
from chassis.errors import StartRefused
from chassis.processor import Kept, Record
from schemas.events.commands_inventory import (
    CancelPurchase,
    RedatePurchase,
    ReviewPromise,
)
from schemas.events.stock import StockPromiseChanged, StockReserved, StockShort
from services.inventory.domain.backorders import Waiting, served
from services.inventory.domain.campaigns import Allotment
from services.inventory.domain.model import Hold, Line
from services.inventory.domain.presale import (
    Ahead,
    Expectations,
    ExpectedLine,
    Terms,
    ahead,
    promised,
)
from services.inventory.domain.promise import ExpectedKey, Promise
from services.inventory.domain.quotas import Shares
from services.inventory.domain.rules import Book
from services.inventory.foreseen import foresee
from services.inventory.outlook import Outlook
from services.inventory.presale import read_presale
from services.inventory.quotas import Quotas
from tests.unit.inventory.ahead import selling_ahead
from tests.unit.inventory.events import cancelled, placed
from tests.unit.inventory.house import (
    NOW,
    QUOTAS,
    SOURCING,
    sharing_out,
)
from tests.unit.inventory.presold import AHEAD, DAY, Presold

RULES = Path(chassis.__path__[0]).parent / "rules"
TERMS_OF_A = AHEAD.terms("taobao", "A")
assert TERMS_OF_A is not None
RULE = TERMS_OF_A.rule
TERMS = Terms(percent=90, handling_days=2, days_max=45, rule="t@1#r")


def test_a_short_paid_order_is_promised_out_of_what_is_expected_first_and_no_piece_twice() -> None:
    house = Presold()
    house.buy("late", 10, 20)
    house.buy("soon", 10, 5)
    first = house.wants("o1", ("A", 8))
    assert isinstance(first, StockShort)
    assert first.promised_for == NOW + 7 * DAY
    assert [(one.purchase_no, one.quantity) for one in first.promised or ()] == [("soon", 8)]
    assert first.promise_rule == RULE
    both = house.wants("o2", ("A", 3))
    assert [(one.purchase_no, one.quantity) for one in both.promised or ()] == [
        ("soon", 1),
        ("late", 2),
    ]
    assert both.promised_for == NOW + 22 * DAY
    none = house.wants("o3", ("A", 8))
    assert (none.promised_for, none.promised) == (None, None)
    assert house.wants("o4", ("A", 7)).promised_for == NOW + 22 * DAY
    house.sound()


@pytest.mark.parametrize(
    ("channel", "goods"), [("jd", ("A", 1)), ("douyin", ("A", 1)), ("taobao", ("B", 1))]
)
def test_who_may_not_sell_ahead_is_short_as_ever(channel: str, goods: tuple[str, int]) -> None:
    house = Presold()
    house.buy("p", 10, 5, sku=goods[0])
    short = house.wants("o1", goods, channel=channel)
    assert isinstance(short, StockShort)
    assert short.promised is None


def test_what_lies_there_is_set_aside_for_an_order_that_waits_for_the_rest() -> None:
    house = Presold()
    house.buy("p", 10, 5)
    house.receive(None, 3)
    house.receive(None, 1, sku="B")
    promised_to = house.wants("o1", ("A", 5), ("B", 1)).promised
    assert [(one.sku, one.quantity, one.purchase_no) for one in promised_to] == [
        ("A", 3, None),
        ("A", 2, "p"),
        ("B", 1, None),
    ]
    other = house.wants("o2", ("B", 1))
    assert isinstance(other, StockShort)
    house.came("p", "r1", 2)
    house.sound()
    held = house.allocate("o1")
    assert isinstance(held.events[0], StockReserved)
    assert house.book.rows["HZ", "A"] == [5, 5]
    assert house.book.aside == {("HZ", "A"): 0, ("HZ", "B"): 0}
    house.sound()


def test_what_came_for_a_promise_nobody_else_gets_and_what_is_beyond_it_anybody() -> None:
    house = Presold()
    house.buy("p", 10, 5)
    house.wants("o1", ("A", 4))
    house.came("p", "r1", 5)
    assert house.book.available(("HZ", "A")) == 1
    assert isinstance(house.wants("new", ("A", 1), channel="jd"), StockReserved)
    assert isinstance(house.wants("newer", ("A", 1), channel="jd"), StockShort)
    house.take(cancelled("o1"), "o1")
    assert house.book.available(("HZ", "A")) == 4
    assert house.take(cancelled("o1"), "o1").effects == (), "once"
    house.sound()


def test_what_an_order_was_promised_stays_while_it_asks_again_and_is_not_told_twice() -> None:
    house = Presold()
    house.buy("p", 10, 5)
    house.wants("o1", ("A", 4))
    again = house.allocate("o1")
    assert (again.events, again.effects, again.result_id) == ((), (), "still_short")
    assert house.hold("o1").promised_for == NOW + 7 * DAY
    house.sound()


def test_a_receipt_with_another_date_moves_its_promises_and_a_nearer_one_takes_over() -> None:
    house = Presold()
    house.buy("p", 10, 5)
    house.wants("o1", ("A", 4))
    assert house.review("o1").result_id == "unchanged"
    house.say(RedatePurchase, "p", expected_at=NOW + 9 * DAY, reason="late")
    (moved,) = house.review("o1").events
    assert isinstance(moved, StockPromiseChanged)
    assert (moved.was_promised_for, moved.promised_for, moved.why) == (
        NOW + 7 * DAY,
        NOW + 11 * DAY,
        "redated",
    )
    house.buy("other", 10, 12)
    house.say(RedatePurchase, "p", expected_at=NOW + 30 * DAY, reason="later")
    (moved,) = house.review("o1").events
    assert [one.purchase_no for one in moved.promised] == ["other"]
    assert (moved.promised_for, moved.rule) == (NOW + 14 * DAY, RULE)
    house.sound()


def test_an_order_that_waits_is_promised_once_what_is_ordered_later() -> None:
    house = Presold()
    assert house.wants("o1", ("A", 4)).promised is None
    first = house.review("o1")
    assert (first.result_id, first.events) == ("still_short", ())
    assert house.hold("o1").promise_no == 1, "the next question is another one"
    house.buy("p", 10, 5)
    waits = house.hold("o1")
    (told,) = house.review("o1").events
    assert isinstance(told, StockPromiseChanged)
    assert (told.was_promised_for, told.promised_for, told.why, told.rule) == (
        None,
        NOW + 7 * DAY,
        "expected",
        RULE,
    )
    assert [(one.purchase_no, one.quantity) for one in told.promised or ()] == [("p", 4)]
    again = house.review("o1", promise_no=waits.promise_no)
    assert (again.refusal, again.effects) == ("promised_anew", ())
    assert house.hold("o1").short_since == waits.short_since
    house.sound()
    house.came("p", "r1", 4)
    assert isinstance(house.allocate("o1").events[0], StockReserved)
    assert house.review("o1").refusal == "not_promised"
    house.sound()


def test_what_is_not_coming_moves_to_the_next_receipt_or_is_withdrawn() -> None:
    house = Presold()
    house.buy("p", 10, 5)
    house.buy("q", 5, 12)
    house.wants("o1", ("A", 4))
    house.wants("o2", ("A", 4))
    house.came("p", "r1", 4)
    house.say(CancelPurchase, "p", reason="sold out there")
    assert house.line("p").uncarried == 4
    house.sound()
    (moved,) = house.review("o2").events
    assert (moved.promised_for, moved.why) == (NOW + 14 * DAY, "not_coming")
    assert house.line("p").uncarried == 0
    assert house.review("o1").result_id == "unchanged", "what came is its"
    house.say(CancelPurchase, "q", reason="sold out there")
    (withdrawn,) = house.review("o2").events
    assert (withdrawn.promised_for, withdrawn.promised) == (None, None)
    assert isinstance(house.allocate("o1").events[0], StockReserved)
    house.sound()


def test_an_overdue_receipt_one_without_a_date_and_one_too_far_ahead_promise_nothing() -> None:
    def asked(expected_at: datetime | None) -> object:
        lines = {("A", "HZ", "p"): ExpectedLine(outstanding=10, expected_at=expected_at)}
        return promised(lines, lambda _: 0, ["HZ"], (("A", 1),), lambda _: TERMS, NOW)

    assert asked(NOW + 43 * DAY) is not None
    for expected_at in (None, NOW, NOW - DAY, NOW + 43 * DAY + timedelta(seconds=1)):
        assert asked(expected_at) is None


def test_what_may_still_be_promised_is_told_by_date_for_channels_with_the_same_terms() -> None:
    line = ExpectedLine(outstanding=10, promised=4, came=1, expected_at=NOW + 5 * DAY)
    slower = replace(TERMS, handling_days=4)
    terms = [("taobao", TERMS), ("douyin", TERMS), ("youzan", slower)]
    assert ahead(line, terms, NOW) == (
        Ahead(pieces=6, promised_for=NOW + 7 * DAY, channels=("taobao", "douyin")),
        Ahead(pieces=6, promised_for=NOW + 9 * DAY, channels=("youzan",)),
    )
    none_of = (
        replace(line, promised=10),
        replace(line, expected_at=None),
        replace(line, expected_at=NOW),
        replace(line, expected_at=NOW + 44 * DAY),
    )
    assert [ahead(one, terms, NOW) for one in none_of] == [()] * 4


def test_among_equals_who_was_promised_first_is_served_first_and_has_what_came_for_it() -> None:
    def one(order_id: str, days: int | None, priority: int = 0) -> Waiting:
        promises = () if days is None else (Promise("HZ", "A", 2, "p", NOW, 0),)
        return Waiting(
            order_id=order_id,
            generation=1,
            channel="taobao",
            province="浙江省",
            goods=(("A", 2),),
            since=NOW - 99 * DAY if days is None else NOW,
            priority=priority,
            promises=promises,
            promised_at=None if days is None else NOW + days * DAY,
        )

    line = [one("waits", None), one("urgent", None, 9), one("second", 2), one("first", 1)]

    def turns(on_hand: int, aside: int) -> list[str]:
        book = Book({("HZ", "A"): (on_hand, 0)}, None, None, {("HZ", "A"): aside})
        came = {("A", "HZ", "p"): aside}
        return [one.order_id for one in served(line, book, lambda _: (("HZ",), 1), came)]

    assert turns(2, 2) == ["first"]
    assert turns(4, 2) == ["urgent", "first"]
    assert turns(6, 4) == ["urgent", "first", "second"]
    assert turns(8, 4) == ["urgent", "first", "second", "waits"]


EXPECTED = st.dictionaries(
    st.tuples(st.just("A"), st.sampled_from(("HZ", "GZ")), st.sampled_from("pqr")),
    st.builds(
        lambda outstanding, promised, came, days: ExpectedLine(
            outstanding=outstanding,
            promised=min(promised, came + outstanding * 90 // 100),
            came=min(came, promised),
            percent=90,
            expected_at=None if days is None else NOW + days * DAY,
        ),
        *(st.integers(0, 12), st.integers(0, 12), st.integers(0, 3)),
        st.sampled_from((None, -1, 1, 5, 43, 44)),
    ),
    max_size=6,
)
HARD = sharing_out()


def test_what_has_a_hard_quota_is_not_sold_ahead_even_where_none_of_it_ever_came() -> None:
    house = Presold(HARD)
    house.buy("p", 10, 5)
    assert house.wants("o1", ("A", 1)).promised is None


CAMPAIGN = Allotment(campaign="C1", pieces=3, channels=("jd",), begins_at=NOW, ends_at=NOW + DAY)


@settings(deadline=None)
@given(
    EXPECTED,
    st.sampled_from((HARD, QUOTAS)),
    st.sampled_from(("taobao", "douyin")),
    st.integers(1, 12),
    st.sampled_from(("never there", "counted", "campaign")),
)
def test_what_is_shown_as_free_to_a_channel_is_what_its_order_is_promised(
    lines: dict[ExpectedKey, ExpectedLine], quotas: Quotas, channel: str, pieces: int, row: str
) -> None:
    house = Presold(quotas)
    house.facts.expected = Expectations(lines)
    if row != "never there":
        sharing = quotas.sharing("A")
        allotted = [CAMPAIGN] if row == "campaign" else []
        house.book.rows["HZ", "A"] = [3 * len(allotted), 0]
        house.book.shares["HZ", "A"] = Shares(sharing, {}, allotted)
    outlook = Outlook(house.facts.presale, quotas)

    def shown() -> dict[ExpectedKey, int]:
        return {
            key: free.pieces
            for key, line in house.facts.expected.lines.items()
            for free in outlook.free_to(key, line, house.book, NOW)
            if free.channel == channel
        }

    before = shown()
    told = house.wants("o1", ("A", pieces), channel=channel)
    by_warehouse = [
        sum(free for key, free in before.items() if key[1] == one) for one in ("HZ", "GZ")
    ]
    assert (told.promised is not None) == (max(by_warehouse) >= pieces)
    given_of = {key: free - shown()[key] for key, free in before.items() if free != shown()[key]}
    promised_of = {
        ("A", one.warehouse, one.purchase_no): one.quantity for one in told.promised or ()
    }
    assert given_of == promised_of


STEP = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from("pqr"), st.integers(1, 12), st.integers(1, 40)),
    st.tuples(st.just("came"), st.sampled_from("pqr"), st.integers(1, 12), st.integers(1, 99)),
    st.tuples(st.just("cancel"), st.sampled_from("pqr"), st.just(0), st.just(0)),
    st.tuples(st.just("redate"), st.sampled_from("pqr"), st.just(0), st.integers(1, 60)),
    st.tuples(st.just("order"), st.sampled_from("123456"), st.integers(1, 6), st.just(0)),
    st.tuples(st.just("close"), st.sampled_from("123456"), st.just(0), st.just(0)),
    st.tuples(st.just("allocate"), st.sampled_from("123456"), st.just(0), st.just(0)),
    st.tuples(st.just("review"), st.sampled_from("123456"), st.just(0), st.just(0)),
)


@settings(deadline=None)
@given(st.lists(STEP, max_size=40))
def test_no_sequence_of_receipts_and_orders_promises_a_piece_twice(
    steps: list[tuple[str, str, int, int]],
) -> None:
    house = Presold()
    for kind, key, pieces, number in steps:
        short = isinstance(state := house.states.get(key), Hold) and state.state == "short"
        match kind:
            case "buy":
                house.buy(key, pieces, number)
            case "came":
                house.came(key, f"r{number}", pieces)
            case "cancel":
                house.say(CancelPurchase, key, reason="sold out there")
            case "redate":
                house.say(RedatePurchase, key, expected_at=NOW + number * DAY, reason="late")
            case "order" if state is None:
                house.wants(key, ("A", pieces))
            case "close" if state is not None:
                house.take(cancelled(key), key)
            case "allocate" if short:
                house.allocate(key)
            case "review" if isinstance(state, Hold):
                house.review(key)
        house.sound()
    # Whatever happened, one look at each leaves nobody with a promise that nothing carries.
    for key, state in sorted(house.states.items()):
        if isinstance(state, Hold) and state.promises:
            house.review(key)
    house.sound()
    assert all(not line.uncarried for line in house.facts.expected.lines.values())


def test_a_batch_foresees_what_an_order_that_waits_may_come_to_be_promised() -> None:
    hold = Hold(
        state="short", paid=True, channel="taobao", province="浙江省", lines=(Line(1, "A", 2),)
    )
    named: dict[str, Any] = {"command_id": "c", "issued_at": NOW, "actor": "t", "promise_no": 0}
    review = ReviewPromise(order_id="o1", **named)
    foreseen = foresee([Record("", 0, 0, "o1", 2, review, raw=b"")], {"o1": Kept(hold)}, SOURCING)
    foreseen.wish(AHEAD.concerns)
    assert (foreseen.wished, foreseen.promises) == ({"A"}, set())
    assert {("HZ", "A"), ("GZ", "A")} <= foreseen.rows


def test_a_batch_foresees_the_lines_of_what_it_may_release_or_promise() -> None:
    promise = Promise("HZ", "A", 2, "p", NOW, 0)
    hold = Hold(
        state="short",
        paid=True,
        channel="taobao",
        promises=(promise,),
        promised_for=NOW,
        promise_no=1,
    )
    record = Record("", 0, 0, "o1", 2, cancelled("o1"), raw=b"")
    foreseen = foresee([record], {"o1": Kept(hold)}, SOURCING)
    assert foreseen.promises == {("A", "HZ", "p")}
    assert ("HZ", "A") in foreseen.rows
    fresh = foresee(
        [Record("", 0, 0, "o2", 1, placed("o2", [("A", 1), ("B", 1)]), raw=b"")], {}, SOURCING
    )
    concerns = selling_ahead().concerns
    fresh.set_apart(concerns)
    fresh.wish(concerns)
    assert (set(fresh.limited), fresh.wished) == ({"o2"}, {"A"})


def test_the_shipped_table_sells_nothing_ahead_and_costs_nothing() -> None:
    shipped = read_presale(RULES)
    assert not shipped.sells
    assert shipped.terms("taobao", "TEA-250G") is None
    assert not shipped.concerns("TEA-250G")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "then: {percent: 90",
            "then: {percent: 101",
            "row spring: percent is 101, it can be 0 to 100",
        ),
        ("days_max: 45", "days_max: -1", "row spring: days_max is -1, it can be 0 to 1000"),
        (", one_of: [taobao, douyin]", "", "channel: one_of names the channels"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_at_the_start(old: str, new: str, why: str) -> None:
    with pytest.raises(StartRefused, match=why.replace("(", r"\(")):
        selling_ahead((old, new))
