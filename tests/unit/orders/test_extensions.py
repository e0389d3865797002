"""What only a channel tells decides in the shipped tables, is followed when it changes, and is never guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chassis.processor import Kept, Record
from schemas.events.orders import ChannelExtension, OrderLine, OrderPlaced, Payment
from services.orders.domain.model import Order, Verdict
from services.orders.store import wanted_receivers
from tests.support.extensions import pdd, taobao
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life

PAID_AT = NOON + timedelta(minutes=1)
PROMISED = NOON + timedelta(hours=6)
LATER = NOON + timedelta(hours=9)


def bulk(pieces: int, extension: ChannelExtension | None, **changes: Any) -> OrderPlaced:
    """A Pinduoduo order of many pieces, no cheap ones."""
    line = OrderLine(
        line_no=1, channel_line_id="L1", channel_sku_id="C1", sku="SKU-1", title="马克杯",
        quantity=pieces, unit_price_fen=1000, discount_fen=0, paid_fen=pieces * 1000, is_gift=False,
    )  # fmt: skip
    return life.placed(
        channel="pdd", lines=(line,), payable_fen=pieces * 1000, extension=extension, **changes
    )


def verdict_of(order: Life) -> Verdict:
    assert order.order.verdict is not None
    return order.order.verdict


@pytest.mark.parametrize(
    ("pieces", "extension", "outcome", "score"),
    [
        (60, pdd(wholesale=True), "passed", 0),
        (60, pdd(wholesale=False), "passed", 40),
        (60, None, "review", 50),
        (6, None, "passed", 0),
    ],
)
def test_bulk_is_no_risk_in_a_wholesale_order_and_unknown_wholesale_is_looked_at(
    pieces: int, extension: ChannelExtension | None, outcome: str, score: int
) -> None:
    verdict = verdict_of(Life(bulk(pieces, extension)))
    assert (verdict.outcome, verdict.score) == (outcome, score)


def test_a_wholesale_order_of_another_channel_is_no_fact_of_pinduoduos() -> None:
    verdict = verdict_of(Life(life.placed(channel="taobao", extension=pdd(wholesale=True))))
    assert verdict.outcome == "passed"


def test_what_is_told_later_is_judged_anew() -> None:
    told = life.amended("extension", extension=pdd(wholesale=True))
    assert [hold.code for hold in Life(bulk(60, None)).order.holds] == ["risk"]
    order = Life(bulk(60, None), told)
    assert (verdict_of(order).outcome, order.order.holds) == ("passed", ())
    assert order.order.content is not None
    assert order.order.content.extension == pdd(wholesale=True)


def test_a_persons_word_stands_whatever_the_channel_tells_later() -> None:
    told = life.amended("extension", extension=pdd(wholesale=False, tags=("x",)))
    reviewed = Life(bulk(60, None), life.review(passed=True), told)
    verdict = verdict_of(reviewed)
    assert (verdict.outcome, bool(verdict.reviewed_by)) == ("passed", True)


def test_an_amendment_from_before_extensions_were_told_takes_nothing_away() -> None:
    order = Life(bulk(60, pdd(wholesale=True)), life.amended("hold"))
    assert order.order.content is not None
    assert order.order.content.extension == pdd(wholesale=True)


@pytest.mark.parametrize(
    ("extension", "minutes", "row"),
    [
        (taobao(promised_ship_minutes=1440), 1440, "taobao-24h"),
        (taobao(promised_ship_minutes=4320), 2880, "marketplaces"),
        (taobao(promised_ship_minutes=21600), 10080, "taobao-week"),
        (taobao(), 2880, "marketplaces"),
        (None, 2880, "marketplaces"),
    ],
)
def test_the_time_promised_after_the_payment_is_the_deadline(
    extension: ChannelExtension | None, minutes: int, row: str
) -> None:
    order = Life(life.placed(extension=extension), life.paid()).order
    assert order.ship_by == PAID_AT + timedelta(minutes=minutes)
    assert order.ship_by_rule.endswith(f"#{row}")


@pytest.mark.parametrize("paid_first", [True, False])
def test_a_deadline_that_the_channel_moves_is_followed_until_the_order_is_handed_over(
    paid_first: bool,
) -> None:
    placed = bulk(1, pdd(promised_ship_at=PROMISED), ship_by=PROMISED)
    moved = life.amended("extension.promised_ship_at", extension=pdd(promised_ship_at=LATER))
    events = (life.paid(), moved) if paid_first else (moved, life.paid())
    order = Life(placed, *events).order
    assert (order.ship_by, order.ship_by_rule) == (LATER, "channel")


def test_after_the_handing_over_the_promise_stays() -> None:
    payment = Payment(paid_at=PAID_AT, paid_fen=1000)
    placed = bulk(1, pdd(promised_ship_at=PROMISED), ship_by=PROMISED, payment=payment)
    moved = life.amended("extension.promised_ship_at", extension=pdd(promised_ship_at=LATER))
    order = Life(placed, life.reserved(), moved).order
    assert order.state == "awaiting_print"
    assert order.ship_by == PROMISED


def test_an_amendment_counts_the_receiver_that_the_order_has() -> None:
    """Judged anew, it must not look as if the receiver had ordered once."""
    kept: dict[str, Kept[Order]] = {life.ORDER_ID: Kept(state=Life(bulk(60, None)).order)}
    told = life.amended("extension", receiver_key="", extension=pdd())
    record = Record("orders", 0, 0, life.ORDER_ID, 2, told, b"")
    receivers, moments = wanted_receivers([record], kept)
    assert set(receivers) == {"receiver-1"}
    assert moments == [told.occurred_at]
