"""The risk table with real facts: receivers counted over one hour, batch and store alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from chassis.errors import StartRefused
from chassis.processor import Kept, Record
from schemas.events.orders import Payment
from services.orders.domain.model import Order
from services.orders.store import OrderFacts, read_tables, wanted_receivers
from tests.unit.orders import life
from tests.unit.orders.life import NOON, TABLES, Life

HOUR = timedelta(hours=1)


def _record(event: object, offset: int, key: str) -> Record:
    return Record(
        source="orders",
        partition=0,
        offset=offset,
        key=key,
        version=1,
        event=event,  # type: ignore[arg-type]
        raw=b"",
    )


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        ([], "passed"),
        ([timedelta(minutes=-m) for m in range(1, 4)], "passed"),
        ([timedelta(minutes=-m) for m in range(1, 5)], "review"),
        ([timedelta(minutes=-m) for m in range(1, 10)], "blocked"),
        ([-HOUR] * 9, "passed"),
        ([timedelta(minutes=1)] * 9, "passed"),
    ],
)
def test_the_receivers_orders_of_the_hour_before_decide(
    others: list[timedelta], outcome: str
) -> None:
    content = Life(life.placed()).order.content
    assert content is not None
    near = {f"other-{number}": NOON + ago for number, ago in enumerate(others)}
    facts = OrderFacts(TABLES, {"receiver-1": near | {life.ORDER_ID: NOON}}, {})
    assert facts.verdict(life.ORDER_ID, content, 12900, NOON).outcome == outcome


@pytest.mark.parametrize(
    ("paid_fen", "others", "same"),
    [(12900, 0, True), (12800, 0, False), (12900, 1, False)],
)
def test_the_table_is_asked_again_only_if_the_answer_may_differ(
    paid_fen: int, others: int, same: bool
) -> None:
    order = Life(life.placed()).order
    assert order.content is not None
    assert order.verdict is not None
    near = {f"other-{number}": NOON for number in range(others)}
    facts = OrderFacts(TABLES, {"receiver-1": near | {life.ORDER_ID: NOON}}, {})
    again = facts.verdict_again(life.ORDER_ID, order.content, paid_fen, NOON, order.verdict)
    assert (again is order.verdict) == same
    assert (again.asked_fen, again.same_receiver) == (paid_fen, 1 + others)


def test_orders_of_the_same_batch_count_too() -> None:
    records = [
        _record(
            life.placed(order_id=f"TB{n}", occurred_at=NOON + timedelta(seconds=n)), n, f"TB{n}"
        )
        for n in range(6)
    ]
    receivers, moments = wanted_receivers(records, {})
    assert set(receivers["receiver-1"]) == {f"TB{n}" for n in range(6)}
    assert (min(moments), max(moments)) == (NOON, NOON + timedelta(seconds=5))


def test_a_payment_counts_the_receiver_of_the_order_it_belongs_to() -> None:
    kept: dict[str, Kept[Order]] = {life.ORDER_ID: Kept(state=Life(life.placed()).order)}
    receivers, moments = wanted_receivers([_record(life.paid(), 0, life.ORDER_ID)], kept)
    assert set(receivers) == {"receiver-1"}
    assert moments == [NOON + timedelta(minutes=1)]


def test_an_order_without_a_receiver_is_counted_with_nobody() -> None:
    receivers, _ = wanted_receivers([_record(life.placed(receiver_key=""), 0, "TB1")], {})
    assert receivers == {}


def test_the_verdict_names_table_version_and_rows() -> None:
    verdict = Life(life.placed(address_vague=True, payable_fen=600000)).order.verdict
    assert verdict is not None
    table, _, rows = verdict.rule.partition("#")
    assert table.startswith("risk/default@3.")
    assert rows == "vague-address+large-amount"
    assert verdict.reasons == ("收货地址含糊", "订单金额较大")


@pytest.mark.parametrize("payable_fen", [9_000, 600_000])
def test_an_order_in_another_currency_passes_no_amount_and_is_reviewed(payable_fen: int) -> None:
    verdict = Life(life.placed(currency="USD", payable_fen=payable_fen)).order.verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.reasons) == ("review", ("外币订单，金额规则不适用",))


def test_a_folder_without_our_tables_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused):
        read_tables(tmp_path)


@pytest.mark.parametrize(
    ("payable_fen", "quantity", "reasons"),
    [
        (12900, 2, ()),
        (12900, 20, ()),
        (1999, 20, ("平均单价过低",)),
        (600_000, 2, ("订单金额较大",)),
    ],
)
@pytest.mark.parametrize("told_with_the_order", [True, False])
def test_what_is_paid_at_the_door_or_later_is_judged_by_what_is_payable(
    payable_fen: int, quantity: int, reasons: tuple[str, ...], told_with_the_order: bool
) -> None:
    (line,) = life.placed().lines
    unpaid = life.placed(lines=(replace(line, quantity=quantity),), payable_fen=payable_fen)
    if told_with_the_order:
        order = Life(replace(unpaid, payment=Payment(paid_at=NOON, paid_fen=0)))
    else:
        order = Life(unpaid, life.paid(paid_fen=0))
    verdict = order.order.verdict
    assert verdict is not None
    assert (verdict.reasons, verdict.asked_fen) == (reasons, payable_fen)
