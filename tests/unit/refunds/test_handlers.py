from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from schemas.events.orders import Payment
from schemas.events.refunds import (
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
    RestockLine,
    ReturnConfirmed,
    ReturnedLine,
)
from services.refunds.domain.model import CaseState, GoodsCheck
from services.refunds.domain.rules import REASONS
from tests.unit.refunds.desk import (
    NOON,
    ORDER,
    RefundDesk,
    cancelled,
    channel_closed,
    delivered,
    line,
    paid,
    placed,
    shipped,
)


def small_order(*, is_shipped: bool = False) -> RefundDesk:
    """Two lines of 3 x 33.33 and 1 x 20.00 and freight 8.00; refunds of it pass by rule."""
    desk = RefundDesk(placed(line(1, 3, 9_999), line(2, 1, 2_000), freight_fen=800), paid(12_799))
    if is_shipped:
        desk.give(shipped())
        desk.give(delivered())
    return desk


def test_an_order_that_is_paid_when_first_seen_is_like_one_that_is_paid_later() -> None:
    order = placed(line(1, 3, 9_999), line(2, 1, 2_000), freight_fen=800)
    payment = Payment(paid_at=order.occurred_at, paid_fen=12_799)
    at_once = RefundDesk(replace(order, payment=payment))
    assert at_once.state == small_order().state

    early = RefundDesk()
    early.request(freight=True, actor="channel:jd")
    early.give(replace(order, payment=payment))
    assert [event.amount_fen for event in early.of(RefundRequested)] == [12_799]


# ---- amounts ---------------------------------------------------------------------------------


def test_everything_left_with_freight_is_what_was_paid() -> None:
    desk = small_order(is_shipped=True)
    desk.request(freight=True)
    requested = desk.of(RefundRequested)[0]
    assert (requested.amount_fen, requested.freight_fen) == (12_799, 800)


def test_freight_goes_back_once_however_often_it_is_asked() -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 1), freight=True)
    desk.request("refund-2", freight=True)
    first, second = desk.of(RefundRequested)
    assert (first.freight_fen, second.freight_fen) == (800, 0)
    assert first.amount_fen + second.amount_fen == 12_799


def test_the_same_refund_id_gets_the_same_answer_and_no_second_case() -> None:
    desk = small_order(is_shipped=True)
    first = desk.request("refund-1", (1, 1))
    again = desk.request("refund-1", (1, 2), freight=True)
    assert (again.result_id, again.refusal) == (first.result_id, "")
    assert again.events == ()
    assert desk.state
    assert len(desk.state.cases) == 1


@pytest.mark.parametrize(
    ("lines", "kind", "reason"),
    [
        pytest.param(((3, 1),), "refund_only", "line_unknown", id="no such line"),
        pytest.param(((1, 4),), "refund_only", "quantity_above_left", id="too many"),
        pytest.param(((1, 0),), "refund_only", "quantity_not_positive", id="none"),
        pytest.param(((1, -1),), "refund_only", "quantity_not_positive", id="negative"),
        pytest.param(((1, 1), (1, 1)), "refund_only", "line_repeated", id="twice"),
        pytest.param(((1, 1),), "exchange", "kind_unknown", id="a kind we do not know"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_its_reason(
    lines: tuple[tuple[int, int], ...], kind: str, reason: str
) -> None:
    desk = small_order()
    assert desk.request("refund-1", *lines, kind=kind).refusal == reason
    assert reason in REASONS
    assert desk.events == []


def test_what_is_not_there_cannot_be_refunded() -> None:
    assert RefundDesk().request().refusal == "order_unknown"
    assert RefundDesk(shipped()).request().refusal == "order_unknown"
    assert RefundDesk(placed(line(1, 1, 100))).request().refusal == "not_paid"
    desk = small_order(is_shipped=True)
    desk.request(freight=True)
    assert desk.request("refund-2").refusal == "nothing_left"
    assert desk.approve("supervisor", refund_id="refund-9").refusal == "refund_unknown"


def test_a_gift_has_no_money_to_give_back() -> None:
    desk = RefundDesk(placed(line(1, 1, 100), line(2, 1, 0)), paid(100))
    assert desk.request("refund-1", (2, 1)).refusal == "nothing_left"


def test_a_payment_reported_anew_never_moves_shares_under_a_case() -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 1))
    before = desk.state
    desk.give(paid(20_000))
    assert desk.state == before


def test_a_channels_request_that_overtakes_its_order_is_decided_at_the_payment() -> None:
    desk = RefundDesk()
    early = desk.request("refund-1", (1, 2), actor="channel:jd")
    assert (early.refusal, early.result_id, early.events) == ("", "refund-1", ())
    desk.request("refund-1", (1, 2), actor="channel:jd")
    desk.request("refund-2", (1, 2), actor="channel:jd")
    desk.give(placed(line(1, 3, 9_999)))
    assert desk.events == []
    desk.give(paid(9_999))
    assert [event.refund_id for event in desk.of(RefundRequested)] == ["refund-1"]
    assert desk.case().amount_fen == 6_666
    refused = desk.of(RefundRefused)[0]
    assert (refused.refund_id, refused.reason) == ("refund-2", "quantity_above_left")
    assert desk.state
    assert desk.state.early == ()


def test_what_is_asked_back_of_an_order_paid_at_the_door_is_decided_once_it_is_paid() -> None:
    ordered = placed(line(1, 3, 0, unit_price_fen=3_333))
    at_the_door = Payment(paid_at=NOON, paid_fen=0, collect_fen=9_999)
    desk = RefundDesk(replace(ordered, payment=at_the_door), shipped(), delivered())
    waits = desk.request("refund-1", (1, 2), actor="channel:jd")
    assert (waits.refusal, waits.result_id, desk.events) == ("", "refund-1", [])
    desk.give(paid(9_999))
    assert [event.refund_id for event in desk.of(RefundRequested)] == ["refund-1"]
    assert desk.case().amount_fen == 6_666


def test_a_request_between_an_order_and_its_payment_leaves_the_shares_as_they_were_announced() -> (
    None
):
    desk = RefundDesk(placed(line(1, 1, 9_000), line(2, 1, 1_000), freight_fen=800))
    desk.request("refund-1", (1, 1), actor="channel:jd")
    desk.give(paid(10_800))
    assert desk.case().amount_fen == 9_000
    desk.request("refund-2", freight=True)
    assert (desk.case("refund-2").amount_fen, desk.case("refund-2").freight_fen) == (1_800, 800)


def test_a_channels_request_that_the_books_cannot_take_is_told_to_a_person() -> None:
    """Its buyer withdrew the first when the money had gone, and asks again: no case is opened, and none waits unseen."""
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 3), actor="channel:jd")
    desk.payout()
    before = desk.state
    again = desk.request("refund-2", (1, 3), actor="channel:jd")
    assert (again.refusal, again.result_id) == ("", "quantity_above_left")
    [refused] = desk.of(RefundRefused)
    assert (refused.refund_id, refused.actor) == ("refund-2", "refunds")
    assert refused.reason == "quantity_above_left"
    assert desk.state == before
    # Who asks for it at a desk reads the answer there.
    assert desk.request("refund-3", (1, 3)).refusal == "quantity_above_left"
    assert len(desk.of(RefundRefused)) == 1


# ---- goods before money ----------------------------------------------------------------------


def test_a_whole_unshipped_order_is_paid_only_once_it_is_cancelled() -> None:
    desk = small_order()
    desk.request(freight=True)
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.give(cancelled())
    assert desk.stands() is CaseState.PAYING
    desk.payout()
    settled = desk.of(RefundSettled)[0]
    assert (settled.shipped, settled.order_fully_refunded, settled.restock) == (False, True, ())


def test_all_the_money_is_the_whole_order_even_when_a_gift_stays() -> None:
    desk = RefundDesk(placed(line(1, 1, 100), line(2, 1, 0)), paid(100))
    desk.request("refund-1", (1, 1))
    assert desk.stands() is CaseState.AWAITING_GOODS


def test_an_order_that_ships_instead_waits_for_its_goods() -> None:
    desk = small_order()
    desk.request(freight=True)
    desk.give(shipped())
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned(good=True)
    assert desk.stands() is CaseState.PAYING
    desk.payout()
    assert desk.of(RefundSettled)[0].restock == (
        RestockLine(sku="SKU-1", quantity=3),
        RestockLine(sku="SKU-2", quantity=1),
    )


def test_an_order_cancelled_before_the_request_is_paid_at_once() -> None:
    desk = small_order()
    desk.give(cancelled())
    desk.request()
    assert desk.stands() is CaseState.PAYING


def test_a_part_of_an_unshipped_order_is_paid_right_after_approval() -> None:
    desk = small_order()
    desk.request("refund-1", (1, 2))
    assert desk.stands() is CaseState.PAYING


def test_a_refund_without_return_on_shipped_goods_is_paid_at_once_and_restocks_nothing() -> None:
    desk = small_order(is_shipped=True)
    desk.request()
    assert desk.stands() is CaseState.PAYING
    desk.payout()
    settled = desk.of(RefundSettled)[0]
    assert (settled.restock, settled.shipped) == ((), True)
    assert not settled.order_fully_refunded, "the freight was not asked for"


@pytest.mark.parametrize(
    ("good", "restock"),
    [(True, (RestockLine(sku="SKU-1", quantity=2),)), (False, ())],
)
def test_returned_goods_are_restocked_only_when_they_are_good(
    good: bool, restock: tuple[RestockLine, ...]
) -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 2), kind="return_and_refund")
    assert desk.stands() is CaseState.AWAITING_GOODS
    desk.returned(good=good)
    desk.payout()
    assert desk.of(RefundSettled)[0].restock == restock


@pytest.mark.parametrize(("good", "reason"), [(True, None), (False, "验收单 YS-7，外箱压坏")])
def test_who_saw_what_came_back_when_and_on_what_grounds_is_kept_and_told_once(
    good: bool, reason: str | None
) -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 2), kind="return_and_refund")
    desk.pass_days(2)
    desk.returned(good=good, reason=reason)
    came = NOON + timedelta(days=2)
    assert desk.of(ReturnConfirmed) == [
        ReturnConfirmed(
            order_id=ORDER,
            version=0,
            occurred_at=came,
            refund_id="refund-1",
            lines=(ReturnedLine(line_no=1, sku="SKU-1", quantity=2),),
            good=good,
            actor="warehouse-1",
            reason=reason or "",
        )
    ]
    check = desk.case().goods_check
    assert check == GoodsCheck(actor="warehouse-1", reason=reason or "", checked_at=came)
    desk.pass_days(1)
    again = desk.returned(good=good, reason="又一次")
    assert (again.refusal, again.events, desk.case().goods_check) == ("", (), check)
    assert desk.returned(good=not good).refusal == "goods_already_checked"
    desk.payout()
    assert desk.case().goods_check == check


def test_goods_may_come_back_before_the_approval_does() -> None:
    desk = RefundDesk(placed(line(1, 1, 18_000)), paid(18_000), shipped(), delivered())
    desk.request(kind="return_and_refund")
    desk.returned()
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    desk.approve("supervisor")
    assert desk.stands() is CaseState.PAYING


def test_a_return_that_cannot_be_is_refused() -> None:
    desk = small_order()
    desk.request("refund-1", (1, 1))
    assert desk.returned().refusal == "no_return_expected"
    desk.request("refund-2", (1, 1), kind="return_and_refund")
    assert desk.returned("refund-2").refusal == "not_shipped"
    desk.give(shipped())
    assert desk.returned("refund-2", good=True).refusal == ""
    assert desk.returned("refund-2", good=True).effects == ()
    assert desk.returned("refund-2", good=False).refusal == "goods_already_checked"


# ---- ends ------------------------------------------------------------------------------------


def test_a_refused_case_gives_back_what_it_held() -> None:
    desk = RefundDesk(placed(line(1, 1, 18_000)), paid(18_000), shipped())
    desk.request()
    assert desk.refuse("finance").refusal == "role_not_needed"
    assert desk.refuse("supervisor").refusal == ""
    assert desk.of(RefundRefused)[0].reason == "理由不足"
    assert desk.refuse("supervisor").events == ()
    assert desk.request("refund-2").refusal == ""
    assert desk.approve("supervisor").refusal == "already_ended"


def test_money_on_its_way_cannot_be_refused() -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 1))
    assert desk.refuse().refusal == "already_paying"


def test_a_failed_payout_gives_back_what_it_held_and_stays_failed() -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 3))
    desk.payout("failed")
    assert desk.stands() is CaseState.FAILED
    assert desk.of(RefundFailed)[0].reason == "ACQ.TRADE_STATUS_ERROR"
    assert desk.payout("settled").refusal == "not_paying"
    desk.request("refund-2", (1, 3))
    assert desk.case("refund-2").amount_fen == 9_999


def test_the_gateways_word_counts_once() -> None:
    desk = small_order(is_shipped=True)
    desk.request("refund-1", (1, 1))
    desk.payout()
    assert desk.payout().events == ()
    assert desk.payout("failed").refusal == "not_paying"
    assert len(desk.of(RefundSettled)) == 1


def test_what_the_channel_paid_back_itself_is_not_paid_twice() -> None:
    desk = RefundDesk(placed(line(1, 2, 18_000)), paid(18_000))
    desk.request("refund-1", (1, 1))
    desk.give(channel_closed(refunded=False))
    assert desk.stands() is CaseState.PAYING
    desk.request("refund-2", (1, 1), kind="return_and_refund")
    desk.give(channel_closed(refunded=True))
    assert desk.stands("refund-2") is CaseState.REFUSED
    assert desk.of(RefundRefused)[-1].reason == "refunded_by_channel"
    assert desk.request("refund-3").refusal == "refunded_by_channel"


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_channels_request_ends_with_its_own_refund_whichever_comes_first(
    overtaken: bool,
) -> None:
    desk = RefundDesk(placed(line(1, 2, 18_000)), paid(18_000), shipped(ORDER, (1, 2)))

    def ask() -> None:
        for _ in range(2):
            asked = desk.request("refund-1", kind="return_and_refund", actor="channel:groupbuy")
            assert (asked.refusal, asked.result_id) == ("", "refund-1")

    if not overtaken:
        ask()
    desk.give(channel_closed(refunded=True))
    if overtaken:
        ask()
    assert desk.stands() is CaseState.REFUSED
    assert [type(event) for event in desk.events] == [RefundRequested, RefundRefused]
    [refused] = desk.of(RefundRefused)
    assert (refused.actor, refused.reason) == ("orders", "refunded_by_channel")
    assert desk.state is not None
    assert desk.changes[-1].case == desk.state.case("refund-1")


def test_news_that_overtake_their_order_are_kept_for_it() -> None:
    desk = RefundDesk(shipped(), delivered(), placed(line(1, 1, 100)), paid(100))
    desk.request()
    assert desk.stands() is CaseState.PAYING
    early = RefundDesk(cancelled(), placed(line(1, 1, 100)), paid(100))
    early.request()
    assert early.stands() is CaseState.PAYING


def test_what_had_left_without_us_when_we_first_saw_it_has_left() -> None:
    desk = RefundDesk(replace(placed(line(1, 1, 100)), hold="shipped_elsewhere"), paid(100))
    assert desk.state is not None
    assert (desk.state.shipped, desk.state.delivered_at) == (True, None)
    desk.request()
    assert not desk.case().whole_unshipped


def test_what_was_handed_over_at_a_till_has_left_and_arrived_when_it_was_sold() -> None:
    sale = replace(placed(line(1, 1, 14_999)), channel="pos", handed_over=True)
    desk = RefundDesk(sale, paid(14_999))
    assert desk.state is not None
    assert (desk.state.shipped, desk.state.delivered_at) == (True, NOON)
    desk.pass_days(8)
    desk.request(kind="return_and_refund")
    assert desk.case().tier == "supervisor"
