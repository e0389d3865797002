"""Each claim of a buyer has exactly one outcome, and what is wrong with one is found."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from demo.claims import ON_ITS_WAY_MS, ClaimsEnded, Outcome, claims_ended
from demo.snapshots import (
    End,
    Inside,
    InsideOrder,
    InsideRefund,
    Outside,
    OutsideClaim,
    OutsideOrder,
    OutsideRefund,
)

SEEN_MS, DECIDED_MS, TOLD_MS, HEARD_MS = 1_000, 1_500, 2_000, 2_400
KEY = ("taobao", "C1")
ORDER = InsideOrder(
    channel="taobao",
    shop="taobao-1",
    order_no="1",
    order_id="TB1",
    quarantined=False,
    state="shipped",
    paid_fen=1000,
)
OUTSIDE = Outside(
    orders=(
        OutsideOrder(
            channel="taobao",
            shop="taobao-1",
            order_no="1",
            state="finished",
            expected="ok",
            paid_fen=1000,
            shipped_waybills=("W1",),
            units={"CL01-01": 1},
        ),
    ),
    claims=(),
    waybills=(),
    carried=frozenset(),
    refunds=(),
    stock_units=0,
    lost_answers={},
)
INSIDE = Inside(
    orders=(ORDER,),
    kept_orders=(),
    claims={},
    earlier={},
    ends={},
    not_opened=frozenset(),
    reservations={"TB1": "shipped"},
    parcels=(),
    refunds=(),
    beyond={},
    doubted=frozenset(),
    stock={},
    units_received=0,
    units_deducted={},
    units_returned=0,
    units_on_hand=0,
    dead_letters={},
    unpublished={},
    parked={},
)


ANSWERED_BY = {"open": "", "withdrawn": "buyer"}


def claim(status: str, **changed: Any) -> OutsideClaim:
    """What nobody has withdrawn was answered by a call of ours, unless it says otherwise."""
    shown_ms = 0 if status == "open" else TOLD_MS
    made = OutsideClaim(
        channel="taobao",
        order_no="1",
        claim_no="C1",
        status=status,
        amount_fen=400,
        answered_by=ANSWERED_BY.get(status, "merchant"),
        shown_open_at_ms=SEEN_MS,
        shown_ended_at_ms=shown_ms,
    )
    return replace(made, **changed)


def ended(
    asked: OutsideClaim,
    state: str = "",
    reason: str = "",
    *,
    heard: str | None = None,
    decided_at_ms: int = DECIDED_MS,
    moved: int | None = None,
    asked_at_ms: int = DECIDED_MS,
    elsewhere: bool = False,
    beyond_fen: int = 0,
    doubted: bool = False,
    orders: tuple[InsideOrder, ...] = (ORDER,),
    expected: str = "ok",
) -> ClaimsEnded:
    """`state`: of our case, "" where there is none; `heard`: what refunds said of the claim's end, None where nothing."""
    case = InsideRefund(
        order_id="TB1",
        refund_id="refund-1",
        state=state,
        amount_fen=400,
        end_reason=reason,
        paid_elsewhere=elsewhere,
        decided_at_ms=decided_at_ms,
    )
    payout = OutsideRefund(
        request_no="refund-1",
        trade_no="taobao:1",
        amount_fen=400,
        moved=int(state == "settled" and not elsewhere) if moved is None else moved,
        asked_at_ms=asked_at_ms,
    )
    inside = replace(
        INSIDE,
        orders=orders,
        claims={KEY: "refund-1"} if state or beyond_fen else {},
        refunds=(case,) if state else (),
        beyond={"refund-1": beyond_fen} if beyond_fen else {},
        doubted=frozenset({"refund-1"}) if doubted else frozenset(),
        ends=({} if heard is None else {KEY: End(heard_at_ms=HEARD_MS, refusal=heard)}),
    )
    there = (replace(OUTSIDE.orders[0], expected=expected),)
    return claims_ended(replace(OUTSIDE, orders=there, claims=(asked,), refunds=(payout,)), inside)


THERE_REFUSED = claim("refused", answered_by="shop")
THERE_PAID = claim("agreed", answered_by="shop")
UNSEEN = claim("withdrawn", shown_open_at_ms=0)
GONE = claim("withdrawn")
PAYING, PAID = "already_paying", "already_ended"


@pytest.mark.parametrize(
    ("asked", "state", "reason", "heard", "outcome"),
    [
        (claim("agreed"), "settled", "", None, Outcome.SETTLED),
        # The platform has not heard of it, or does not take it any more.
        (claim("open"), "settled", "", None, Outcome.SETTLED),
        (claim("refused"), "refused", "包裹已发出", None, Outcome.REFUSED),
        (claim("open"), "refused", "包裹已发出", None, Outcome.REFUSED),
        (UNSEEN, "", "", None, Outcome.WITHDRAWN_UNSEEN),
        (claim("refused", answered_by="shop", shown_open_at_ms=0), "", "", None, Outcome.REFUSED_UNSEEN),
        (THERE_REFUSED, "", "", "", Outcome.REFUSED_THERE),
        (THERE_REFUSED, "refused", "refused_there", "", Outcome.REFUSED_THERE),
        # Kuaishou has one number for what is closed without money, by whomever.
        (THERE_REFUSED, "refused", "withdrawn", "", Outcome.REFUSED_THERE),
        (THERE_REFUSED, "settled", "", PAYING, Outcome.REFUSED_THERE_PAID_BEFORE),
        (THERE_REFUSED, "paying", "", PAYING, Outcome.UNDER_WAY),
        (GONE, "refused", "withdrawn", "", Outcome.WITHDRAWN),
        (GONE, "refused", "包裹已发出", "", Outcome.WITHDRAWN),
        (GONE, "", "", "", Outcome.WITHDRAWN),
        (GONE, "settled", "", PAYING, Outcome.WITHDRAWN_PAID_BEFORE),
        (GONE, "settled", "", PAID, Outcome.WITHDRAWN_PAID_BEFORE),
        (GONE, "paying", "", PAYING, Outcome.UNDER_WAY),
        (claim("open"), "awaiting_approval", "", None, Outcome.UNDER_WAY),
        # Nobody asks us in a shop that answers by itself, but for what we read meanwhile.
        (claim("agreed", asks=False), "", "", None, Outcome.ANSWERED_BY_SHOP),
        (claim("agreed", asks=False), "refused", "refunded_by_channel", None, Outcome.ANSWERED_BY_SHOP),
        (claim("agreed", asks=False), "settled", "", None, Outcome.PAID_THERE_TOO),
        (claim("withdrawn", asks=False), "", "", None, Outcome.ANSWERED_BY_SHOP),
        (claim("withdrawn", asks=False), "refused", "withdrawn", "", Outcome.WITHDRAWN),
    ],
)  # fmt: skip
def test_a_claim_has_one_outcome(
    asked: OutsideClaim, state: str, reason: str, heard: str | None, outcome: Outcome
) -> None:
    found = ended(asked, state, reason, heard=heard)
    assert found.findings == ()
    assert {name for name, count in found.outcomes.items() if count} == {outcome}
    assert sum(found.outcomes.values()) == 1
    assert found.looked_at == (outcome is not Outcome.ANSWERED_BY_SHOP)


LATER = {"decided_at_ms": HEARD_MS + 1}
TWICE = {"beyond_fen": 400, "doubted": True}
AFTERWARDS = {"asked_at_ms": HEARD_MS + ON_ITS_WAY_MS + 1}


@pytest.mark.parametrize(
    ("asked", "state", "heard", "more", "wrong"),
    [
        # A claim is lost.
        (claim("open"), "", None, {}, "is no refund"),
        (claim("agreed"), "", None, {}, "is no refund"),
        (claim("open"), "", "", {}, "is no refund"),
        # That its buyer withdrew it is no excuse once an answer has shown it open: nobody knew to end it.
        (GONE, "", None, {}, "was withdrawn and refunds was not told"),
        (GONE, "settled", None, {}, "was withdrawn and refunds was not told"),
        (GONE, "awaiting_goods", None, {}, "was withdrawn and refunds was not told"),
        (UNSEEN, "settled", "", {}, "is a refund and was never shown open"),
        # The news is taken and ignored.
        (GONE, "settled", "", {}, "was paid after refunds had been told that it was withdrawn"),
        (GONE, "paying", "", {}, "is paying after refunds had been told that it was withdrawn"),
        (GONE, "awaiting_approval", "", {}, "is awaiting_approval after refunds had been told that it was withdrawn"),
        (GONE, "settled", "refund_unknown", {}, "was paid after refunds had been told that it was withdrawn"),
        # It says that it was too late, and somebody agreed afterwards.
        (GONE, "settled", PAYING, LATER, "was paid after refunds had been told that it was withdrawn"),
        # It ends, and is paid all the same.
        (GONE, "refused", "", {"reason": "withdrawn", "moved": 1}, "ended unpaid and money moved"),
        (claim("refused"), "settled", None, {}, "is refused there and paid"),
        (claim("agreed"), "refused", None, {"reason": "包裹已发出"}, "is agreed to there and refused here"),
        (claim("open"), "refused", "", {"reason": "withdrawn"}, "ended as withdrawn and is open"),
        (claim("open"), "refused", None, {}, "is refused without a reason"),
        (claim("open"), "failed", None, {}, "failed at the gateway"),
        (GONE, "failed", PAYING, {}, "failed at the gateway"),
        # A clerk's word is lost, or taken and ignored.
        (THERE_REFUSED, "", None, {}, "was refused there and refunds was not told"),
        (THERE_REFUSED, "awaiting_approval", "", {}, "is awaiting_approval after refunds had been told that it was refused there"),
        (THERE_REFUSED, "settled", "", {}, "was paid after refunds had been told that it was refused there"),
        (THERE_REFUSED, "settled", PAYING, LATER, "was paid after refunds had been told that it was refused there"),
        (THERE_REFUSED, "refused", "", {"reason": "refused_there", "moved": 1}, "ended unpaid and money moved"),
        (THERE_PAID, "", None, {}, "was refunded there and refunds was not told"),
        (THERE_PAID, "settled", None, {}, "was refunded there and refunds was not told"),
        (THERE_PAID, "settled", "request_over", {}, "was refunded there and refunds answered request_over"),
        (THERE_PAID, "awaiting_goods", "", {}, "is awaiting_goods after refunds had been told that it was refunded there"),
        (THERE_PAID, "", "", {}, "is refunded there and not in the books"),
        (THERE_PAID, "refused", "", {"reason": "refunded_by_channel"}, "is refunded there and not in the books"),
        (THERE_PAID, "settled", "", {"moved": 0}, "is refunded there and held to be paid here"),
        (THERE_PAID, "paying", "", {}, "is paid though refunds has been told"),
        (THERE_PAID, "settled", "", {}, "was paid by both and nobody is told"),
        (THERE_PAID, "settled", "", {"elsewhere": True, "moved": 1}, "was paid by both and nobody is told"),
        (THERE_PAID, "settled", "", TWICE | {"doubted": False}, "has 400 fen that the books have no room for, and nobody is told"),
        (THERE_PAID, "settled", "", TWICE | AFTERWARDS, "was paid after refunds had been told that it was refunded there"),
        # A person looks for money that nobody paid twice.
        (claim("agreed"), "settled", None, TWICE, "was paid once and a person is told of twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_claim_is_found(
    asked: OutsideClaim, state: str, heard: str | None, more: dict[str, Any], wrong: str
) -> None:
    found = ended(asked, state, heard=heard, **more)
    assert [finding.detail for finding in found.findings] == [f"taobao C1 of 1 {wrong}"]
    assert found.outcomes[Outcome.WRONG] == found.looked_at == 1


BY_BOTH = Outcome.PAID_BY_BOTH


@pytest.mark.parametrize(
    ("state", "more", "outcome"),
    [
        ("settled", {"elsewhere": True}, Outcome.REFUNDED_THERE),
        # Its order's other cases have some of its money: a person is told of the rest.
        ("settled", {"elsewhere": True, "beyond_fen": 100, "doubted": True}, Outcome.REFUNDED_THERE),
        ("", TWICE, BY_BOTH),
        ("settled", TWICE, BY_BOTH),
        ("settled", TWICE | {"elsewhere": True, "moved": 1}, BY_BOTH),
        ("settled", TWICE | {"asked_at_ms": HEARD_MS + ON_ITS_WAY_MS}, BY_BOTH),
        ("paying", {"doubted": True}, Outcome.UNDER_WAY),
    ],
)  # fmt: skip
def test_what_the_platform_paid_by_itself(
    state: str, more: dict[str, Any], outcome: Outcome
) -> None:
    for asked in (THERE_PAID, replace(THERE_PAID, shown_open_at_ms=0)):
        found = ended(asked, state, heard="", **more)
        assert found.findings == ()
        assert found.outcomes[outcome] == sum(found.outcomes.values()) == 1
        assert found.paid_there_fen == {"refund-1": 400}
        assert found.back_office_heard_max_ms == HEARD_MS - TOLD_MS


def test_where_the_shops_own_people_answer_every_claim_both_may_pay_too() -> None:
    theirs = claim("agreed", answered_by="shop", asks=False)
    for doubted, beyond_fen, outcome, booked in (
        (False, 0, Outcome.PAID_THERE_TOO, {}),
        (True, 400, BY_BOTH, {"refund-1": 400}),
    ):
        found = ended(theirs, "settled", heard="", doubted=doubted, beyond_fen=beyond_fen)
        assert (found.outcomes[outcome], found.findings) == (1, ())
        assert found.paid_there_fen == booked


def test_a_lost_answer_may_let_a_person_look_for_money_that_nobody_paid_twice() -> None:
    heard_twice = claim("agreed", agreements_heard=2)
    found = ended(heard_twice, "settled", beyond_fen=400, doubted=True)
    assert (found.outcomes[Outcome.DOUBTED_IN_VAIN], found.findings) == (1, ())
    assert found.doubted_in_vain == {"refund-1"}
    assert ended(heard_twice, "settled").outcomes[Outcome.SETTLED] == 1


def test_what_an_order_has_had_twice_holds_its_other_claims() -> None:
    twice = InsideRefund(
        order_id="TB1",
        refund_id="refund-0",
        state="settled",
        amount_fen=400,
        requested_by="客服甲",
    )
    waits = replace(twice, refund_id="refund-1", state="awaiting_goods", requested_by="")
    inside = replace(
        INSIDE,
        claims={KEY: "refund-1"},
        refunds=(twice, waits),
        beyond={"refund-0": 400},
        doubted=frozenset({"refund-0"}),
    )
    outside = replace(OUTSIDE, claims=(claim("open"),))
    assert claims_ended(outside, inside).outcomes[Outcome.HELD_BY_DOUBT] == 1
    for going_on in (
        replace(inside, doubted=frozenset()),
        replace(inside, beyond={}),
        replace(inside, beyond={"refund-0": 200}),
        replace(inside, refunds=(twice, replace(waits, state="paying"))),
    ):
        assert claims_ended(outside, going_on).outcomes[Outcome.UNDER_WAY] == 1


def test_a_claim_waits_with_what_is_set_aside_unless_it_is_a_refund_all_the_same() -> None:
    for order in (
        replace(ORDER, order_id="", quarantined=True),
        replace(ORDER, news_set_aside=True),
    ):
        waits = ended(claim("open"), orders=(order,), expected="contradiction:address_missing")
        assert (waits.outcomes[Outcome.SET_ASIDE], waits.looked_at) == (1, 0)
        paid = ended(claim("agreed"), "settled", orders=(order,))
        assert (paid.outcomes[Outcome.SETTLED], paid.looked_at) == (1, 1)
        for status in ("open", "agreed", "withdrawn"):
            [finding] = ended(claim(status), orders=(order,)).findings
            assert finding.detail == "taobao C1 of 1 is set aside without a cause"


def test_a_claim_that_the_books_could_not_take_was_left_to_a_person_after_a_payment() -> None:
    earlier = InsideRefund(
        order_id="TB1",
        refund_id="refund-0",
        state="settled",
        amount_fen=400,
        requested_by="客服甲",
    )
    inside = replace(
        INSIDE,
        claims={KEY: "refund-1"},
        refunds=(earlier,),
        not_opened=frozenset({"refund-1"}),
    )
    outside = replace(OUTSIDE, claims=(claim("open"),))
    assert claims_ended(outside, inside).outcomes[Outcome.NOT_OPENED] == 1
    for wrong in (
        replace(inside, not_opened=frozenset()),
        replace(inside, refunds=(replace(earlier, state="refused"),)),
        replace(inside, refunds=(replace(earlier, order_id="TB2"),)),
    ):
        [finding] = claims_ended(outside, wrong).findings
        assert finding.detail == "taobao C1 of 1 is no refund"


@pytest.mark.parametrize("status", ["open", "withdrawn"])
def test_only_what_a_platform_contradicts_itself_about_may_fail_at_the_gateway(status: str) -> None:
    failed = InsideRefund(order_id="TB1", refund_id="refund-1", state="failed", amount_fen=400)
    too_late = {KEY: End(heard_at_ms=HEARD_MS, refusal=PAID)}
    inside = replace(INSIDE, claims={KEY: "refund-1"}, refunds=(failed,), ends=too_late)
    contradicted = replace(OUTSIDE.orders[0], expected="contradiction:amount_mismatch")
    outside = replace(OUTSIDE, orders=(contradicted,), claims=(claim(status),))
    assert claims_ended(outside, inside).outcomes[Outcome.FAILED] == 1


def test_what_a_store_paid_at_its_counter_is_settled() -> None:
    paid = InsideRefund(
        order_id="TB1", refund_id="refund-1", state="settled", amount_fen=400, paid_elsewhere=True
    )
    inside = replace(INSIDE, claims={KEY: "refund-1"}, refunds=(paid,))
    outside = replace(OUTSIDE, claims=(claim("agreed", asks=False),))
    assert claims_ended(outside, inside).outcomes[Outcome.SETTLED] == 1


def test_how_long_the_news_of_a_withdrawal_was_on_its_way() -> None:
    assert ended(GONE, "refused", "withdrawn", heard="").withdrawal_heard_max_ms == 400
    assert ended(UNSEEN).withdrawal_heard_max_ms == 0
