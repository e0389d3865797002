"""The checker finds each kind of disagreement between us and the outside world, and nothing where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from demo.checker import check, summary
from demo.snapshots import (
    End,
    Inside,
    InsideParcel,
    InsideRefund,
    KeptOrder,
    Outside,
    OutsideClaim,
    OutsideRefund,
)
from tests.unit.demo.worlds import (
    INSIDE,
    OUTSIDE,
    changed_at,
    inside_order,
    inside_with,
    outside_order,
    outside_with,
    reserved,
    waybill,
)


def _waybill(waybill_no: str, order_no: str, **changed: Any) -> Outside:
    """With one waybill more."""
    return replace(OUTSIDE, waybills=(*OUTSIDE.waybills, waybill(waybill_no, order_no, **changed)))


def _split(order_no: str, waybill_no: str) -> tuple[Outside, Inside]:
    """The worlds with a further parcel of an order, which has left."""
    parcel = InsideParcel(
        order_id=f"TB{order_no}",
        parcel_id=f"TB{order_no}-2",
        stage="shipped",
        waybill_no=waybill_no,
    )
    outside = _waybill(waybill_no, order_no, parcel_id=parcel.parcel_id)
    return (
        replace(outside, carried=OUTSIDE.carried | {waybill_no}),
        replace(INSIDE, parcels=(*INSIDE.parcels, parcel)),
    )


def _kept(order_id: str, order_no: str, **changed: str) -> Inside:
    """With one order more in `orders`."""
    kept = KeptOrder(order_id=order_id, channel="taobao", shop="taobao-1", order_no=order_no)
    return replace(INSIDE, kept_orders=(*INSIDE.kept_orders, replace(kept, **changed)))


def _again(order_no: str, refund_id: str, **inside: Any) -> tuple[Outside, Inside]:
    """The worlds with one refund more, which gateway and books agree about."""
    moved = OutsideRefund(
        request_no=refund_id, trade_no=f"taobao:{order_no}", amount_fen=400, moved=1
    )
    case = InsideRefund(
        order_id=f"TB{order_no}",
        refund_id=refund_id,
        state="settled",
        amount_fen=400,
        requested_by="channel:taobao",
    )
    return (
        replace(OUTSIDE, refunds=(*OUTSIDE.refunds, moved)),
        replace(INSIDE, refunds=(*INSIDE.refunds, case), **inside),
    )


PLANTED = [
    ("an order is lost at the door", OUTSIDE, replace(INSIDE, orders=INSIDE.orders[1:]), "orders: ('taobao', 'taobao-1', '1') never arrived"),
    ("an order is lost behind the door", OUTSIDE, inside_with(0, order_id=""), "orders: ('taobao', 'taobao-1', '1') never arrived"),
    ("an order is lost before orders", OUTSIDE, inside_with(0, state=""), "orders: TB1 is unknown to orders"),
    ("a payment is lost", OUTSIDE, inside_with(0, paid_fen=0), "orders: TB1 paid 0 fen, the platform says 1000"),
    ("an older snapshot stands", OUTSIDE, inside_with(0, channel_state="shipped"), "contents: TB1 is known as shipped, the platform says finished"),
    ("a good order is in quarantine", OUTSIDE, inside_with(0, order_id="", quarantined=True), "orders: ('taobao', 'taobao-1', '1') is in quarantine without a cause"),
    ("an order is there twice", OUTSIDE, replace(INSIDE, orders=(*INSIDE.orders, inside_order("1", order_id="TB9"))), "orders: ('taobao', 'taobao-1', '1') stands twice"),
    ("two orders share an id", OUTSIDE, inside_with(1, order_id="TB1"), "orders: TB1 stands for two orders"),
    ("an order is made up", OUTSIDE, replace(INSIDE, orders=(*INSIDE.orders, inside_order("9"))), "orders: ('taobao', 'taobao-1', '9') exists on no platform"),
    ("orders has a second order of one sale", OUTSIDE, _kept("TB9", "1"), "orders: ('taobao', 'taobao-1', '1') stands twice in orders"),
    ("orders has an order that ingest never gave it", OUTSIDE, _kept("TB9", "9"), "orders: TB9 is in orders and unknown to ingest"),
    ("facts have come of an order that nobody has", OUTSIDE, _kept("TB9", "", channel="", shop=""), "orders: TB9 is in orders and unknown to ingest"),
    ("orders takes an order for another", OUTSIDE, replace(INSIDE, kept_orders=changed_at(INSIDE.kept_orders, 0, order_no="4")), "orders: TB1 is ('taobao', 'taobao-1', '4') in orders and ('taobao', 'taobao-1', '1') in ingest"),
    ("a reservation of nobody's", OUTSIDE, reserved("TB9", "held"), "reservations: TB9 is a reservation of no order"),
    ("an order that is paid for has ended", outside_with(2, state="paid"), replace(INSIDE, refunds=changed_at(INSIDE.refunds, 1, state="refused")), "orders: TB3 is cancelled, paid for and not given back"),
    ("a reservation is lost", OUTSIDE, replace(INSIDE, reservations={"TB1": "shipped", "TB2": "shipped", "TB3": "cancelled"}), "reservations: TB5 has no reservation"),
    ("a cancelled order holds stock", OUTSIDE, reserved("TB3", "held"), "reservations: TB3 is cancelled and still holds stock"),
    ("an order on its way has lost its hold", OUTSIDE, replace(inside_with(4, state="preparing"), reservations={**INSIDE.reservations, "TB5": "expired"}), "reservations: TB5 is preparing and its reservation expired"),
    ("a hand-over is not booked", OUTSIDE, reserved("TB1", "held"), "reservations: TB1 has left and its reservation is held"),
    ("the news of a hold is lost", OUTSIDE, inside_with(4, state="awaiting_review", waiting_for=frozenset({"stock"})), "reservations: TB5 waits for the stock it holds"),
    ("a buyer's claim is lost", OUTSIDE, replace(INSIDE, claims={}), "claims: taobao C2 of 2 is no refund"),
    ("a claim's refund is lost", OUTSIDE, replace(INSIDE, claims={("taobao", "C2"): "refund-9"}), "claims: taobao C2 of 2 is no refund"),
    ("a claim is paid under two refunds", *_again("2", "refund-2b", earlier={("taobao", "C2"): ("refund-2b",)}), "claims: taobao C2 of 2 is paid under refund-2, refund-2b"),
    ("a claim is paid again under a made-up id", *_again("2", "refund-2b"), "claims: refund-2b of TB2 is settled and nobody asked for it"),
    ("money for a claim nobody made", *_again("1", "refund-9", claims={**INSIDE.claims, ("taobao", "C9"): "refund-9"}), "claims: taobao C9 was made on no platform"),
    ("two claims share a refund", replace(OUTSIDE, claims=(*OUTSIDE.claims, OutsideClaim(channel="taobao", order_no="2", claim_no="C3"))), replace(INSIDE, claims={**INSIDE.claims, ("taobao", "C3"): "refund-2"}), "claims: refund-2 is the refund of 2 claims"),
    ("another amount than was claimed", replace(OUTSIDE, claims=changed_at(OUTSIDE.claims, 0, amount_fen=399)), INSIDE, "claims: taobao C2 of 2 asked for 399 fen and got 400"),
    ("less than was claimed", replace(OUTSIDE, claims=changed_at(OUTSIDE.claims, 0, amount_fen=401)), INSIDE, "claims: taobao C2 of 2 asked for 401 fen and got 400"),
    ("a parcel leaves for a cancelled order", OUTSIDE, inside_with(0, state="cancelled"), "parcels: TB1 left while cancelled"),
    ("an order is shipped without a parcel", OUTSIDE, replace(INSIDE, parcels=INSIDE.parcels[:1]), "parcels: TB2 is completed without a parcel that left"),
    ("a platform hears of two parcels", outside_with(0, shipped_waybills=("W1", "W2")), INSIDE, "parcels: TB1 was told to ship twice"),
    ("a platform hears another number", outside_with(0, shipped_waybills=("W7",)), INSIDE, "parcels: TB1 was told another waybill"),
    ("a platform hears nothing", outside_with(0, state="paid", shipped_waybills=()), INSIDE, "parcels: TB1 left and the channel waits"),
    ("a waybill is made up", replace(OUTSIDE, waybills=OUTSIDE.waybills[1:]), INSIDE, "parcels: W1 is unknown to the carrier"),
    ("a parcel has two waybills", _waybill("W3", "1"), INSIDE, "parcels: TB1-1 has 2 waybills"),
    ("an order has two parcels with waybills", _waybill("W3", "1", parcel_id="TB1-9"), INSIDE, "parcels: 2 waybills stand for 1, which has 1 parcels"),
    ("a parcel leaves and is not there", replace(OUTSIDE, carried=frozenset({"W2"})), INSIDE, "parcels: W1 left and the carrier never had it"),
    ("a platform hears of a parcel that has not left", outside_with(2, shipped_waybills=("W3",)), INSIDE, "parcels: TB3 was told of W3, which has not left"),
    ("a platform is told again for nothing", outside_with(0, told_again=1), INSIDE, "parcels: taobao was told 1 times what it had been told, and 0 answers may be lost"),
    ("a further parcel leaves for a cancelled order", *_split("3", "W3"), "parcels: TB3 left while cancelled"),
    ("money moves twice", replace(OUTSIDE, refunds=changed_at(OUTSIDE.refunds, 0, moved=2)), INSIDE, "money: refund-2 moved money 2 times"),
    ("money moves for nothing", OUTSIDE, replace(INSIDE, refunds=INSIDE.refunds[:1]), "money: refund-3 moved 1000 fen, we hold nothing"),
    ("another amount moves", replace(OUTSIDE, refunds=changed_at(OUTSIDE.refunds, 0, amount_fen=401)), INSIDE, "money: refund-2 moved 401 fen, we hold settled 400"),
    ("what moved is held to have failed", OUTSIDE, replace(INSIDE, refunds=changed_at(INSIDE.refunds, 0, state="failed")), "money: refund-2 moved 400 fen, we hold failed 400"),
    ("money never moves", replace(OUTSIDE, refunds=OUTSIDE.refunds[1:]), INSIDE, "money: refund-2 is settled and no money moved"),
    ("more goes back than was paid", OUTSIDE, replace(INSIDE, refunds=changed_at(INSIDE.refunds, 0, amount_fen=1001)), "money: TB2 got 1001 fen back of 1000"),
    ("stock is oversold", OUTSIDE, replace(INSIDE, stock={**INSIDE.stock, "oversold_units": 1}), "stock: oversold_units = 1"),
    ("a receipt is booked twice", OUTSIDE, replace(INSIDE, units_received=200, units_on_hand=196), "stock: 200 units booked of 100"),
    ("a deduction is not booked", OUTSIDE, replace(INSIDE, units_deducted={"CL01-01": 2}, units_on_hand=98), "stock: 4 units of CL01-01 shipped by the orders, 2 deducted"),
    ("another SKU left", OUTSIDE, replace(INSIDE, units_deducted={"CL01-01": 2, "CL01-02": 2}), "stock: 0 units of CL01-02 shipped by the orders, 2 deducted"),
    ("on hand and books differ", OUTSIDE, replace(INSIDE, units_on_hand=95), "stock: 95 on hand, books say 96"),
    ("a dead letter lies about", OUTSIDE, replace(INSIDE, dead_letters={"orders: unknown_sku": 1}), "pipeline: 1 dead letters of orders: unknown_sku"),
    ("an event is not published", OUTSIDE, replace(INSIDE, unpublished={"orders since 09:30": 2}), "pipeline: 2 outbox rows unpublished of orders since 09:30"),
    ("an event is parked", OUTSIDE, replace(INSIDE, parked={"insight": 3}), "pipeline: 3 events parked of insight"),
]  # fmt: skip


def _lines(outside: Outside, inside: Inside) -> list[str]:
    return list(summary(check(outside, inside), most=100))


def test_two_snapshots_that_agree_give_no_finding_and_each_check_has_looked() -> None:
    report = check(OUTSIDE, INSIDE)

    assert report.clean, report.findings
    assert report.unfinished == ()
    assert all(report.looked_at.values()), report.looked_at


@pytest.mark.parametrize(
    ("outside", "inside", "finding"),
    [planted[1:] for planted in PLANTED],
    ids=[planted[0] for planted in PLANTED],
)
def test_each_planted_disagreement_is_found(outside: Outside, inside: Inside, finding: str) -> None:
    assert finding in _lines(outside, inside)


def test_having_looked_at_nothing_is_a_finding() -> None:
    empty = Outside(
        orders=(),
        claims=(),
        waybills=(),
        carried=frozenset(),
        refunds=(),
        stock_units=0,
        lost_answers={},
    )
    nothing = replace(
        INSIDE,
        orders=(),
        kept_orders=(),
        claims={},
        reservations={},
        parcels=(),
        refunds=(),
        units_received=0,
        units_deducted={},
        units_on_hand=0,
    )

    assert _lines(empty, nothing) == ["orders: looked at nothing"]


@pytest.mark.parametrize(
    ("check_of", "blind"),
    [
        ("contents", replace(INSIDE, orders=tuple(replace(o, channel_state="") for o in INSIDE.orders))),
        ("reservations", replace(INSIDE, reservations={})),
        ("parcels", replace(INSIDE, parcels=())),
        ("refunds", replace(INSIDE, refunds=())),
        ("units", replace(INSIDE, units_received=0)),
    ],
)  # fmt: skip
def test_a_check_that_looked_at_nothing_of_what_there_was_is_a_finding(
    check_of: str, blind: Inside
) -> None:
    assert f"{check_of}: looked at nothing" in _lines(OUTSIDE, blind)
    assert not check(OUTSIDE, blind).saw_everything


def test_the_three_headline_figures_count_what_is_wrong() -> None:
    lost = check(OUTSIDE, replace(INSIDE, orders=INSIDE.orders[1:]))
    moved_twice = check(replace(OUTSIDE, refunds=changed_at(OUTSIDE.refunds, 0, moved=2)), INSIDE)
    oversold = check(replace(OUTSIDE, stock_units=3), INSIDE)

    assert lost.unaccounted_orders == 1
    assert moved_twice.money_difference_fen == 400
    assert oversold.oversold_units == 1


@pytest.mark.parametrize(
    ("state", "waiting_for", "unfinished"),
    [
        ("awaiting_print", {"waybill"}, True),
        ("preparing", {"handover"}, True),
        ("preparing", {"handover", "hold_address"}, False),
        ("awaiting_review", set(), True),
        ("awaiting_review", {"stock"}, True),
        ("awaiting_review", {"stock_short"}, False),
        ("awaiting_review", {"risk_review"}, False),
        ("awaiting_payment", {"payment"}, False),
    ],
)
def test_work_that_waits_for_no_person_is_unfinished(
    state: str, waiting_for: set[str], unfinished: bool
) -> None:
    report = check(OUTSIDE, inside_with(4, state=state, waiting_for=frozenset(waiting_for)))

    assert bool(report.unfinished) is unfinished


def test_a_refund_that_has_not_ended_is_unfinished() -> None:
    paying = replace(INSIDE, refunds=changed_at(INSIDE.refunds, 0, state="paying"))

    assert check(OUTSIDE, paying).unfinished == ("refund-2 paying",)


def test_pieces_of_a_bundle_are_counted_as_ours() -> None:
    opened = replace(
        inside_with(0, mapped_units={"CL01-01": 3}),
        units_deducted={"CL01-01": 5},
        units_on_hand=95,
        units_received=100,
    )
    assert _lines(OUTSIDE, opened) == []
    assert "stock: 5 units of CL01-01 shipped by the orders, 4 deducted" in _lines(
        OUTSIDE, replace(opened, units_deducted={"CL01-01": 4}, units_on_hand=96)
    )


def test_a_payment_that_was_paid_back_before_we_saw_the_order_is_not_lost() -> None:
    outside = outside_with(2, state="closed", paid_fen=1000)
    paid_back = inside_with(2, paid_fen=0, channel_state="closed_refunded")

    assert not [line for line in _lines(outside, paid_back) if line.startswith("orders: TB3")]
    lost = inside_with(2, paid_fen=0, channel_state="cancelled")
    assert "orders: TB3 paid 0 fen, the platform says 1000" in _lines(outside, lost)


def test_what_a_platform_tells_nobody_or_cannot_be_told_is_no_disagreement() -> None:
    unlisted = outside_order("6", state="unpaid", paid_fen=0, listed=False)
    waits = outside_order("1", state="closed", takes_parcels=False)
    receipt = OutsideClaim(
        channel="taobao", order_no="1", claim_no="R1", shop="taobao-1", asks=False
    )
    outside = replace(
        OUTSIDE,
        orders=(waits, *OUTSIDE.orders[1:], unlisted),
        claims=(*OUTSIDE.claims, receipt),
    )
    told = replace(INSIDE, orders=(*INSIDE.orders, inside_order("R1", order_id="", state="")))

    assert _lines(outside, INSIDE) == []
    assert "taobao-1', 'R1') exists on no platform" not in str(_lines(outside, told))
    assert "exists on no platform" in str(_lines(OUTSIDE, told))
    listed = replace(outside, orders=(*outside.orders[:-1], replace(unlisted, listed=True)))
    assert "never arrived" in str(_lines(listed, INSIDE))
    expected = (replace(waits, takes_parcels=True, state="paid"), *outside.orders[1:])
    assert "left and the channel waits" in str(_lines(replace(outside, orders=expected), INSIDE))


def test_a_split_order_has_a_waybill_for_each_of_its_parcels_and_its_platform_hears_of_all() -> (
    None
):
    outside, inside = _split("1", "W3")
    told = changed_at(outside.orders, 0, shipped_waybills=("W1", "W3"))

    assert _lines(replace(outside, orders=told), inside) == []
    assert "parcels: TB1 was told another waybill" in _lines(outside, inside)
    void = replace(OUTSIDE.waybills[0], waybill_no="W0", parcel_id="TB1-0", discarded=True)
    assert _lines(replace(OUTSIDE, waybills=(*OUTSIDE.waybills, void)), INSIDE) == []


def test_a_platform_may_be_told_again_as_often_as_an_answer_may_have_been_lost() -> None:
    again = outside_with(0, told_again=2)
    lost = replace(again, lost_answers={"taobao": 1, "jd": 5})

    assert "1 answers may be lost" in str(_lines(lost, INSIDE))
    assert _lines(replace(lost, lost_answers={"taobao": 2}), INSIDE) == []
    assert _lines(again, replace(INSIDE, disturbances=1)) == []
    # Of several parcels a platform is told together.
    outside, inside = _split("1", "W3")
    told = changed_at(outside.orders, 0, shipped_waybills=("W1", "W3"), told_again=1)
    assert _lines(replace(outside, orders=told), inside) == []


def test_an_order_that_left_may_be_on_hold_while_its_buyer_asks() -> None:
    line = "contents: TB2 is known as paid_on_hold, the platform says finished"
    for status, found in (("open", False), ("refused", True)):
        outside = replace(OUTSIDE, claims=changed_at(OUTSIDE.claims, 0, status=status))
        assert (line in _lines(outside, inside_with(1, channel_state="paid_on_hold"))) is found


def test_a_claim_waits_with_a_payment_that_is_in_quarantine() -> None:
    paid_unread = replace(inside_with(1, news_set_aside=True), claims={})
    contradicted = outside_with(1, expected="contradiction:address_missing")
    assert [line for line in _lines(contradicted, paid_unread) if "C2" in line] == []
    without_cause = "claims: taobao C2 of 2 is set aside without a cause"
    assert without_cause in _lines(OUTSIDE, paid_unread)
    assert "claims: taobao C2 of 2 is no refund" in _lines(OUTSIDE, replace(INSIDE, claims={}))


def test_what_the_channel_gave_back_needs_no_gateway_and_bears_none() -> None:
    there = InsideRefund(
        order_id="TB2", refund_id="refund-c2", state="settled", amount_fen=600, paid_elsewhere=True
    )
    inside = replace(INSIDE, refunds=(*INSIDE.refunds, there))
    assert [line for line in _lines(OUTSIDE, inside) if line.startswith("money")] == []
    paid_too = OutsideRefund(request_no="refund-c2", trade_no="t:2", amount_fen=600, moved=1)
    twice = replace(OUTSIDE, refunds=(*OUTSIDE.refunds, paid_too))
    assert "money: refund-c2 moved 600 fen, we hold settled 600 elsewhere" in _lines(twice, inside)


def test_money_of_both_is_counted_to_the_fen_and_named() -> None:
    """The channel gives back what claim C2 is of; our gateway had paid before, or has not."""
    [claim] = OUTSIDE.claims
    there = replace(
        claim, status="agreed", answered_by="shop", amount_fen=400, shown_open_at_ms=1, shown_ended_at_ms=2
    )  # fmt: skip
    end = {("taobao", "C2"): End(heard_at_ms=3)}
    by_both = replace(OUTSIDE, claims=(there,))
    told = replace(INSIDE, ends=end, beyond={"refund-2": 400}, doubted=frozenset({"refund-2"}))
    report = check(by_both, told)
    assert report.clean, report.findings
    assert (report.money_difference_fen, report.paid_by_both_fen) == (0, 400)
    had = "money: refund-2 had 400 fen by the gateway and 400 by its platform, the books say"
    for beyond, fen in (({}, 400), ({"refund-2": 399}, 799)):
        uncounted = check(by_both, replace(told, beyond=beyond))
        assert f"{had} {fen}" in list(summary(uncounted))
        assert (uncounted.money_difference_fen, uncounted.paid_by_both_fen) == (800 - fen, 0)
    only_there = replace(by_both, refunds=OUTSIDE.refunds[1:])
    counted = changed_at(INSIDE.refunds, 0, paid_elsewhere=True)
    report = check(only_there, replace(INSIDE, ends=end, refunds=counted))
    assert report.clean, report.findings
    assert (report.money_difference_fen, report.paid_by_both_fen) == (0, 0)
    for wrong, fen in (
        (changed_at(counted, 0, amount_fen=399), 1),
        (changed_at(counted, 0, state="refused"), 400),
    ):
        report = check(only_there, replace(INSIDE, ends=end, refunds=wrong))
        assert (report.clean, report.money_difference_fen) == (False, fen)


def test_what_the_books_count_until_a_person_has_looked_is_no_difference() -> None:
    heard_twice = {"status": "agreed", "answered_by": "merchant", "amount_fen": 400}
    claims = changed_at(OUTSIDE.claims, 0, agreements_heard=2, **heard_twice)
    doubted = replace(INSIDE, beyond={"refund-2": 400}, doubted=frozenset({"refund-2"}))
    report = check(replace(OUTSIDE, claims=claims), doubted)
    assert (report.findings, report.money_difference_fen, report.paid_by_both_fen) == ((), 0, 0)
    once = changed_at(claims, 0, agreements_heard=1)
    assert check(replace(OUTSIDE, claims=once), doubted).money_difference_fen == 400


def test_what_we_told_the_channel_is_not_its_own_payment() -> None:
    """Counted as paid there, though the channel only says what we told it, and our gateway paid nothing."""
    claims = changed_at(OUTSIDE.claims, 0, status="agreed", answered_by="merchant", amount_fen=400)
    outside = replace(OUTSIDE, claims=claims, refunds=OUTSIDE.refunds[1:])
    report = check(
        outside, replace(INSIDE, refunds=changed_at(INSIDE.refunds, 0, paid_elsewhere=True))
    )
    assert report.money_difference_fen == 400


def test_what_was_over_without_money_need_not_have_become_a_refund() -> None:
    unseen = OutsideClaim(channel="taobao", order_no="2", claim_no="C9")
    missing = "claims: taobao C9 of 2 is no refund"
    for status, found in (("open", True), ("agreed", True), ("refused", False)):
        ended = replace(unseen, status=status, answered_by="shop" if status == "refused" else "")
        outside = replace(OUTSIDE, claims=(*OUTSIDE.claims, ended))
        assert (missing in _lines(outside, INSIDE)) is found


def test_what_a_till_sold_and_took_back_needs_no_parcel_and_no_gateway() -> None:
    """Order 2 left over the counter, whether or not the books had it, and a part of it came back."""
    receipt = OutsideClaim(channel="taobao", order_no="2", claim_no="R1", asks=False)
    outside = replace(
        OUTSIDE, claims=(*OUTSIDE.claims, receipt), waybills=OUTSIDE.waybills[:1],
        orders=changed_at(OUTSIDE.orders, 1, shipped_waybills=(), takes_parcels=False),
    )  # fmt: skip
    at_counter = InsideRefund(
        order_id="TB2", refund_id="refund-r1", state="settled", amount_fen=600, paid_elsewhere=True
    )
    inside = replace(
        inside_with(1, handed_over=True),
        parcels=INSIDE.parcels[:1],
        claims={**INSIDE.claims, ("taobao", "R1"): "refund-r1"},
        refunds=(*INSIDE.refunds, at_counter),
    )
    assert _lines(outside, inside) == []
    unbooked = replace(
        inside, reservations={**INSIDE.reservations, "TB2": "short"}, units_deducted={"CL01-01": 2},
        units_on_hand=98,
    )  # fmt: skip
    assert _lines(outside, unbooked) == []
    held = replace(inside, reservations={**INSIDE.reservations, "TB2": "held"})
    assert "reservations: TB2 has left and its reservation is held" in _lines(outside, held)
    lost = replace(inside, refunds=INSIDE.refunds)
    assert "claims: taobao R1 of 2 is no refund" in _lines(outside, lost)
    too_much = replace(inside, refunds=(*INSIDE.refunds, replace(at_counter, amount_fen=601)))
    assert "money: TB2 got 1001 fen back of 1000" in _lines(outside, too_much)


def test_what_had_left_without_us_needs_no_parcel_and_leaves_no_books() -> None:
    """Order 2 was shipped when we first saw it."""
    outside = replace(
        OUTSIDE, waybills=OUTSIDE.waybills[:1],
        orders=changed_at(OUTSIDE.orders, 1, shipped_waybills=(), takes_parcels=False),
    )  # fmt: skip
    inside = replace(
        inside_with(1, left_elsewhere=True), parcels=INSIDE.parcels[:1],
        units_deducted={"CL01-01": 2}, units_on_hand=98,
    )  # fmt: skip
    assert _lines(outside, inside) == []
    held = replace(inside, reservations={**INSIDE.reservations, "TB2": "held"})
    assert "reservations: TB2 has left and its reservation is held" in _lines(outside, held)


def test_a_parcel_may_wait_where_the_platform_keeps_the_request_that_we_refused() -> None:
    claim = OutsideClaim(channel="taobao", order_no="1", claim_no="C1")
    outside = replace(
        outside_with(0, state="paid", shipped_waybills=()), claims=(*OUTSIDE.claims, claim)
    )
    case = InsideRefund(order_id="TB1", refund_id="refund-1", state="refused", amount_fen=400)
    inside = replace(
        inside_with(0, waiting_for=frozenset({"delivery"}), channel_state="awaiting_shipment"),
        claims={**INSIDE.claims, ("taobao", "C1"): "refund-1"},
        refunds=(*INSIDE.refunds, case),
    )
    waits = "parcels: TB1 left and the channel waits"
    assert waits not in _lines(outside, inside)
    over = replace(outside, claims=(*OUTSIDE.claims, replace(claim, status="refused")))
    assert waits in _lines(over, inside)
    going_on = replace(inside, refunds=(*INSIDE.refunds, replace(case, state="awaiting_approval")))
    assert waits in _lines(outside, going_on)


@pytest.mark.parametrize(
    ("count", "moving", "found"), [(20, 0, True), (19, 0, False), (40, 1, False)]
)
def test_a_channel_of_which_no_order_gets_past_people_is_a_finding(
    count: int, moving: int, found: bool
) -> None:
    stuck = [
        inside_order(
            f"x{number}",
            channel="xiaohongshu",
            state="awaiting_review",
            waiting_for=frozenset({"risk_review", "no_receiver"}),
        )
        for number in range(count)
    ]
    gone = [inside_order(f"z{number}", channel="xiaohongshu") for number in range(moving)]
    lines = _lines(OUTSIDE, replace(INSIDE, orders=(*INSIDE.orders, *stuck, *gone)))
    expected = "orders: each order of xiaohongshu waits for a person: no_receiver, risk_review"
    assert (expected in lines) is found
