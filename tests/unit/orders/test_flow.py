"""What an order does by itself, what holds it back, and what cancelling means where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.order_states import (
    OrderCancelRequested,
    OrderClosed,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
    OrderStateChanged,
)
from schemas.events.orders import Payment
from schemas.events.stock import PartLine, ReservedPart
from services.orders.domain.guards import WAITING_TITLES, waiting_for
from services.orders.domain.model import HoldCode
from services.orders.domain.states import State
from services.orders.handlers import EMPTY
from tests.unit.orders import life
from tests.unit.orders.life import NOON, Life, awaiting_print


def test_a_paid_and_reserved_order_goes_to_fulfillment_with_no_hand_involved() -> None:
    order = awaiting_print()

    # What was only passed through in one instant is in the audit; the event tells where it ended.
    assert order.path() == [("", "awaiting_payment"), ("awaiting_payment", "awaiting_print")]
    assert [(entry.from_state, entry.to_state) for entry in order.entries] == [
        ("", "awaiting_payment"),
        ("awaiting_payment", "awaiting_review"),
        ("awaiting_review", "awaiting_print"),
    ]
    ready = order.events[-1]
    assert isinstance(ready, OrderReadyToFulfil)
    assert (ready.warehouse, ready.paid_fen, ready.personal) == ("HZ", 12900, b"sealed")
    assert [(line.sku, line.quantity) for line in ready.lines] == [("SKU-1", 2)]
    assert order.entries[-1].rule == ready.rule


def test_what_several_warehouses_hold_goes_to_fulfillment_by_warehouse() -> None:
    parts = (reserved_part("HZ", 1), reserved_part("GZ", 1))
    order = Life(life.placed(), life.paid(), replace(life.reserved(), parts=parts))
    ready = order.events[-1]
    assert isinstance(ready, OrderReadyToFulfil)
    assert [(line.sku, line.quantity) for line in ready.lines] == [("SKU-1", 2)]
    assert [
        (part.warehouse, [(line.line_no, line.quantity) for line in part.lines])
        for part in ready.parts or ()
    ] == [("HZ", [(1, 1)]), ("GZ", [(1, 1)])]
    order.take(life.reserved())
    assert order.order.parts == (), "held anew, in one"


def reserved_part(warehouse: str, quantity: int) -> ReservedPart:
    line = PartLine(line_no=1, sku="SKU-1", quantity=quantity)
    return ReservedPart(warehouse=warehouse, lines=(line,))


def test_an_order_has_left_with_its_last_parcel_and_arrived_with_the_last_one() -> None:
    order = awaiting_print()
    states = []
    for event in (
        life.waybill(),
        life.shipped(parcels_left=1),
        life.delivered(parcels_left=1),
        life.shipped(parcels_left=0),
        life.delivered(parcels_left=0),
    ):
        order.take(event)
        states.append(order.order.state)
    assert states == [State.PREPARING] * 3 + [State.SHIPPED, State.COMPLETED]


def test_a_cancel_that_was_asked_for_ends_when_one_of_several_parcels_has_left() -> None:
    order = awaiting_print()
    order.take(life.cancel())
    assert order.order.cancel is not None
    order.take(life.shipped(parcels_left=1))
    assert order.order.cancel is None
    assert order.refused()[-1] == ("cancel", "interception_failed")


def test_an_order_that_is_paid_when_first_seen_comes_to_what_placing_and_paying_make_of_it() -> (
    None
):
    paid_at = NOON + timedelta(minutes=1)
    at_once = Life(life.placed(payment=Payment(paid_at=paid_at, paid_fen=12900)), life.reserved())
    in_turn = Life(life.placed(), life.paid(), life.reserved())

    assert replace(at_once.order, audit=EMPTY.audit) == replace(in_turn.order, audit=EMPTY.audit)
    assert at_once.path() == [("", "awaiting_review"), ("awaiting_review", "awaiting_print")]
    steps = [(entry.action, entry.from_state, entry.to_state) for entry in at_once.entries]
    assert steps == [(entry.action, entry.from_state, entry.to_state) for entry in in_turn.entries]


def test_a_payment_that_comes_with_a_second_placing_moves_nothing() -> None:
    order = Life(life.placed())
    order.take(life.placed(payment=Payment(paid_at=NOON, paid_fen=12900)))
    assert order.order.state is State.AWAITING_PAYMENT
    assert (order.order.paid_fen, order.order.paid_at) == (0, None)


def test_the_time_to_ship_by_comes_from_the_table_unless_the_channel_names_it() -> None:
    by_table = awaiting_print()
    assert by_table.order.ship_by == NOON + timedelta(minutes=1, hours=48)
    assert by_table.order.ship_by_rule.startswith("sla/default@")
    assert by_table.order.ship_by_rule.endswith("#marketplaces")

    named = NOON + timedelta(hours=5)
    by_channel = Life(life.placed(ship_by=named), life.reserved(), life.paid())
    assert (by_channel.order.ship_by, by_channel.order.ship_by_rule) == (named, "channel")


@pytest.mark.parametrize(
    ("events", "waiting"),
    [
        ([life.placed()], ("payment", "stock")),
        ([life.placed(), life.short()], ("payment", "stock_short")),
        ([life.placed(), life.paid()], ("stock",)),
        ([life.placed(address_vague=True), life.reserved(), life.paid()], ("risk_review",)),
        (
            [life.placed(address_vague=True, payable_fen=600000), life.reserved()],
            ("payment", "risk_blocked"),
        ),
        ([life.placed(hold="paid_on_hold"), life.reserved(), life.paid()], ("hold_channel",)),
        ([life.placed(province=""), life.reserved(), life.paid()], ("no_region",)),
        ([life.placed(lines=()), life.reserved(), life.paid()], ("no_lines",)),
        ([life.unmatched(), life.paid()], ("stock", "no_sku")),
        ([life.placed(), life.hold(), life.reserved(), life.paid()], ("hold_manual",)),
        ([life.placed(), life.reserved(), life.paid()], ("waybill",)),
        ([life.placed(), life.reserved(), life.paid(), life.hold()], ("waybill", "hold_manual")),
        ([life.placed(), life.reserved(), life.paid(), life.waybill()], ("handover",)),
        (
            [life.placed(), life.reserved(), life.paid(), life.cancel()],
            ("waybill", "interception"),
        ),
        ([life.placed(), life.reserved(), life.paid(), life.shipped()], ("delivery",)),
        ([life.placed(), life.reserved(), life.paid(), life.delivered()], ()),
        ([life.placed(), life.cancel()], ()),
    ],
)
def test_everything_an_order_waits_for_is_named(
    events: list[Any], waiting: tuple[str, ...]
) -> None:
    order = Life(*events)
    assert waiting_for(order.order) == waiting
    assert set(waiting) <= set(WAITING_TITLES)


@pytest.mark.parametrize(
    ("first", "lifting", "code"),
    [
        ([life.placed(), life.short(), life.paid()], life.reserved(), HoldCode.SHORT),
        (
            [life.placed(address_vague=True), life.reserved(), life.paid()],
            life.review(passed=True),
            HoldCode.RISK,
        ),
        (
            [life.placed(hold="paid_on_hold"), life.reserved(), life.paid()],
            life.amended("hold"),
            HoldCode.CHANNEL,
        ),
        ([life.placed(), life.hold(), life.reserved(), life.paid()], life.lift(), HoldCode.MANUAL),
    ],
)
def test_a_hold_keeps_the_order_back_until_it_is_lifted(
    first: list[Any], lifting: Any, code: HoldCode
) -> None:
    order = Life(*first)
    assert order.state is State.AWAITING_REVIEW
    assert [event.code for event in order.events if isinstance(event, OrderHeld)] == [code]

    emitted = order.take(lifting)

    assert order.order.state is State.AWAITING_PRINT
    assert [event.code for event in emitted if isinstance(event, OrderHoldLifted)] == [code]
    assert isinstance(emitted[-1], OrderReadyToFulfil)


def test_a_hand_cannot_lift_what_is_not_its_to_lift() -> None:
    order = Life(life.placed(address_vague=True))
    assert order.answer(life.lift()) == ("refused", "nothing_to_lift")
    assert [hold.code for hold in order.order.holds] == [HoldCode.RISK]


def test_the_verdict_of_a_person_is_not_asked_again_of_the_table() -> None:
    order = Life(life.placed(address_vague=True), life.reserved())
    assert order.answer(life.review(passed=True)) == ("done", "awaiting_payment")

    order.take(life.paid())

    assert order.state is State.AWAITING_PRINT
    verdict = order.order.verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.reviewed_by, verdict.score) == ("passed", "风控01", 60)


def test_a_new_receiver_after_the_review_is_judged_anew() -> None:
    order = Life(life.placed(address_vague=True), life.reserved(), life.review(passed=True))
    order.take(life.amended("personal", receiver_key="receiver-2", address_vague=True))
    order.take(life.paid())
    assert order.state is State.AWAITING_REVIEW
    assert [hold.code for hold in order.order.holds] == [HoldCode.RISK]


def test_a_receiver_the_channel_gives_later_is_judged_when_it_comes() -> None:
    order = Life(
        life.placed(personal=b"", personal_kind="absent", receiver_key=""),
        life.reserved(),
        life.paid(),
    )
    assert waiting_for(order.order) == ("risk_review", "no_receiver")
    order.take(life.amended("personal"))
    assert order.state is State.AWAITING_PRINT


def test_a_failed_review_cancels() -> None:
    order = Life(life.placed(address_vague=True), life.paid())
    assert order.answer(life.review(passed=False)) == ("done", "cancelled")


def test_a_hold_after_the_hand_over_stops_the_parcel_and_keeps_the_progress() -> None:
    order = awaiting_print(life.waybill())
    emitted = order.take(life.hold())
    assert [type(event) for event in emitted] == [OrderHeld]
    assert order.state is State.PREPARING

    emitted = order.take(life.lift())
    assert [type(event) for event in emitted] == [OrderHoldLifted]
    assert order.state is State.PREPARING


def test_a_new_receiver_is_taken_before_the_hand_over() -> None:
    order = Life(life.placed(), life.reserved(), life.moved(), life.paid())
    ready = order.events[-1]
    assert isinstance(ready, OrderReadyToFulfil)
    assert ready.province == "江苏省"
    assert "address_changed" in [entry.action for entry in order.entries]


def test_a_new_receiver_after_the_hand_over_holds_the_parcel_until_a_person_looked() -> None:
    order = awaiting_print(life.moved())
    assert [hold.code for hold in order.order.holds] == [HoldCode.ADDRESS]
    assert order.answer(life.lift()) == ("done", "awaiting_print")
    assert order.order.holds == ()
    ready, lifted = order.events[-2:]
    assert isinstance(lifted, OrderHoldLifted)
    assert isinstance(ready, OrderReadyToFulfil), "before the parcel is free"
    assert (ready.province, ready.personal) == ("江苏省", b"sealed")


def test_a_lifted_hold_of_another_kind_hands_nothing_over_again() -> None:
    order = awaiting_print(life.hold())
    assert [type(event) for event in order.take(life.lift())] == [OrderHoldLifted]


@pytest.mark.parametrize(
    "change",
    [
        life.amended("personal", personal=b"other memo"),
        life.amended("personal", personal=b"", personal_kind="masked", receiver_key="masked-1"),
    ],
)
def test_a_memo_or_a_mask_moves_no_parcel(change: Any) -> None:
    order = awaiting_print(change)
    assert order.order.holds == ()
    assert order.refused() == []


def held_by(order: Life) -> list[HoldCode]:
    return [hold.code for hold in order.order.holds]


def test_a_digest_tells_a_new_receiver_where_the_key_cannot() -> None:
    ciphers = {"personal_kind": "encrypted", "receiver_key": ""}
    ready = (life.placed(receiver_digest="one", **ciphers), life.reserved(), life.paid())
    order = Life(*ready, life.amended("personal", receiver_digest="one", **ciphers))
    assert held_by(order) == []
    order.take(life.amended("personal", **ciphers))
    assert held_by(order) == [], "the same snapshot again"
    order.take(life.amended("personal", receiver_digest="two", **ciphers))
    assert held_by(order) == [HoldCode.ADDRESS]


def test_an_order_from_before_digests_takes_the_first_one_told() -> None:
    order = awaiting_print(life.amended("personal", receiver_digest="one"))
    assert held_by(order) == []
    order.take(life.amended("personal", receiver_digest="two"))
    assert held_by(order) == [HoldCode.ADDRESS]


def test_personal_data_the_channel_stops_giving_is_kept() -> None:
    order = Life(life.placed(), life.amended("personal", personal=b"", personal_kind="absent"))
    content = order.order.content
    assert content is not None
    assert (content.personal, content.gaps) == (b"sealed", ())


def test_before_the_hand_over_a_cancel_takes_effect_at_once() -> None:
    order = Life(life.placed(), life.reserved())
    assert order.answer(life.cancel()) == ("done", "cancelled")
    moved, closed = order.events[-2:]
    assert isinstance(moved, OrderStateChanged)
    assert isinstance(closed, OrderClosed)
    assert (moved.reason, moved.actor) == ("买家不要了", "客服01")
    assert (closed.reason, closed.actor) == ("买家不要了", "客服01")


def test_after_the_hand_over_a_cancel_asks_fulfillment_once() -> None:
    order = awaiting_print()
    assert order.answer(life.cancel("c-1")) == ("done", "interception_asked")
    assert order.answer(life.cancel("c-2")) == ("done", "interception_asked")
    asked = [event for event in order.events if isinstance(event, OrderCancelRequested)]
    assert [event.reason for event in asked] == ["买家不要了"]

    order.take(life.parcel_cancelled())

    assert order.state is State.CANCELLED
    assert order.events[-1].reason == "买家不要了"


def test_a_parcel_that_cannot_be_stopped_goes_on_and_the_refusal_is_recorded() -> None:
    order = awaiting_print(life.waybill(), life.cancel(), life.parcel_cancel_refused())
    assert order.state is State.PREPARING
    assert order.refused() == [("cancel", "interception_failed")]
    assert order.answer(life.cancel("c-again")) == ("done", "interception_asked")


def test_an_order_that_is_asked_back_whole_stands_still_and_its_approval_stops_it() -> None:
    order = awaiting_print(life.whole_refund())
    assert order.order.after_sale
    assert waiting_for(order.order) == ("waybill", "hold_refund")
    order.take(life.refund_approved(complete=False))
    assert order.order.cancel is None
    order.take(life.refund_approved())
    assert order.order.cancel is not None
    order.take(life.parcel_cancelled())
    order.take(life.refund_settled())
    assert order.state is State.CANCELLED
    assert not order.order.after_sale


def test_a_refund_of_a_part_only_marks_the_order_as_in_after_sale() -> None:
    order = awaiting_print(life.part_refund())
    assert order.order.after_sale
    assert order.order.cancel is None
    assert order.state is State.AWAITING_PRINT


@pytest.mark.parametrize("before", [[], [life.reserved]])
def test_an_order_that_is_not_given_back_after_all_goes_its_way(before: list[Any]) -> None:
    order = Life(life.placed(), life.paid(), *(make() for make in before))
    order.take(life.whole_refund())
    assert order.state is not State.CANCELLED
    order.take(life.refund_refused())
    order.take(life.reserved())
    assert order.state is State.AWAITING_PRINT
    assert (order.order.holds, order.order.after_sale) == ((), False)
    assert [type(event) for event in order.events].count(OrderReadyToFulfil) == 1


def test_an_early_order_that_is_given_back_whole_is_cancelled_when_that_is_decided() -> None:
    order = Life(life.placed(), life.paid(), life.whole_refund())
    assert (order.state, order.order.holds[0].code) == (State.AWAITING_REVIEW, HoldCode.REFUND)
    order.take(life.refund_approved())
    assert order.state is State.CANCELLED


def test_a_whole_refund_that_overtook_its_order_holds_it_or_cancels_it() -> None:
    held = Life(life.whole_refund(), life.placed(), life.paid(), life.reserved())
    assert waiting_for(held.order) == ("hold_refund",)
    gone = Life(life.whole_refund(), life.refund_approved(), life.placed())
    assert gone.state is State.CANCELLED


def test_the_last_part_of_an_order_that_is_given_back_in_parts_stops_it() -> None:
    order = awaiting_print(life.part_refund(), life.refund_approved(), life.refund_settled())
    assert (order.order.cancel, order.order.holds) == (None, ())
    order.take(life.refund(1, 6450, "R2"))
    assert waiting_for(order.order) == ("waybill", "hold_refund")
    order.take(replace(life.refund_approved(), refund_id="R2"))
    assert order.order.cancel is not None
    # Of two that together are all, the one that is refused leaves an order to send.
    other = awaiting_print(life.part_refund(), life.refund(1, 6450, "R2"))
    other.take(replace(life.refund_approved(), refund_id="R2"))
    assert other.order.cancel is None
    other.take(life.refund_refused())
    assert (other.order.cancel, other.order.holds) == (None, ())


def test_an_order_whose_money_is_all_gone_is_stopped_whoever_gave_it_back() -> None:
    order = awaiting_print(life.refund_settled(amount_fen=12900, order_fully_refunded=True))
    assert order.order.cancel is not None


def test_what_comes_back_after_delivery_leaves_no_hold() -> None:
    order = awaiting_print(life.waybill(), life.shipped(), life.delivered(), life.whole_refund())
    order.take(life.refund_approved())
    order.take(life.refund_settled(amount_fen=12900, order_fully_refunded=True))
    assert (order.state, order.order.holds, order.refused()) == (State.COMPLETED, (), [])


def test_a_payment_for_a_cancelled_order_is_refused_but_the_money_is_remembered() -> None:
    order = Life(life.placed(closable=True), life.released("expired"), life.paid())
    assert order.state is State.CANCELLED
    assert order.refused() == [("paid", "already_cancelled")]
    assert order.order.paid_fen == 12900


def test_a_paid_order_whose_stock_expired_waits_for_stock_again() -> None:
    order = Life(life.placed(), life.paid(), life.released("expired"))
    assert waiting_for(order.order) == ("stock",)
    order.take(life.reserved())
    assert order.state is State.AWAITING_PRINT


def test_a_refused_command_is_answered_in_words_and_stays_in_the_audit() -> None:
    order = awaiting_print(life.shipped())
    order.take(life.cancel())
    settled = order.settled["c-cancel"]
    assert (settled.outcome, settled.reason) == ("refused", "包裹已出库，来不及了")
    assert order.entries[-1].action == "refused"
    assert order.order.audit.seq == len(order.entries)


def test_only_an_unpaid_order_keeps_the_clock_that_closes_it() -> None:
    order = Life(life.placed())
    assert order.order.unpaid_since == NOON
    order.take(life.paid())
    assert order.order.unpaid_since is None


def test_an_order_without_skus_is_held_with_the_reason_until_its_lines_are_matched() -> None:
    order = Life(life.unmatched(), life.paid())
    (held,) = [event for event in order.events if isinstance(event, OrderHeld)]
    assert (held.code, held.reason) == (
        ("unmatched", "第1行 马克杯(平台SKU C1): 商家编码 MUG-2 不是已知SKU")
    )
    order.take(life.lines_matched())
    assert order.order.holds == ()
    emitted = order.take(life.reserved())
    (ready,) = [event for event in emitted if isinstance(event, OrderReadyToFulfil)]
    assert [
        (line.line_no, line.sku, line.quantity, line.channel_line_id) for line in ready.lines
    ] == ([(1, "MUG", 4, "L1"), (2, "BOX", 2, "L1")])


def test_a_cancelled_order_stays_as_it_was_when_its_lines_are_matched_late() -> None:
    order = Life(life.unmatched(), life.cancelled_by_channel())
    before = order.order.content
    order.take(life.lines_matched())
    assert (order.state, order.order.content, order.refused()) == (State.CANCELLED, before, [])
