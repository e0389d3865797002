"""A buyer's cancellation is agreed to while the goods are here, and refused once the parcel has left."""

from __future__ import annotations

import pytest

from schemas.events.refunds import RefundRefused, RefundSettled
from services.refunds.domain.model import CaseState
from services.refunds.domain.rules import TOO_LATE
from tests.unit.refunds.desk import RefundDesk, cancelled, line, paid, placed, shipped

SMALL, LARGE = 9_900, 2_000_000


def asked(
    paid_fen: int,
    *lines: tuple[int, int],
    actor: str = "channel:taobao",
    kind: str = "refund_only",
    refuses_late: bool = True,
) -> RefundDesk:
    order = placed(line(1, 1, paid_fen // 2), line(2, 1, paid_fen - paid_fen // 2))
    desk = RefundDesk(order, paid(paid_fen), refuses_late=refuses_late)
    desk.request("refund-1", *lines, actor=actor, kind=kind)
    return desk


@pytest.mark.parametrize("paid_fen", [SMALL, LARGE], ids=["approved", "not approved yet"])
def test_a_parcel_that_has_left_refuses_it_once_with_words_for_the_buyer(paid_fen: int) -> None:
    desk = asked(paid_fen)
    desk.give(shipped())
    desk.give(shipped())
    (refused,) = desk.of(RefundRefused)
    assert (refused.refund_id, refused.actor, refused.reason) == ("refund-1", "parcel", TOO_LATE)
    assert (desk.stands(), desk.changes[-1].case.state) == (CaseState.REFUSED, CaseState.REFUSED)
    assert not desk.request("refund-2", kind="return_and_refund").refusal, (
        "it may be asked for anew"
    )


def test_while_the_goods_are_here_it_is_paid_when_the_order_is_cancelled() -> None:
    desk = asked(SMALL)
    desk.give(cancelled())
    desk.payout()
    assert len(desk.of(RefundSettled)) == 1
    desk.give(shipped())
    assert desk.of(RefundRefused) == []


@pytest.mark.parametrize(
    "desk",
    [
        asked(SMALL, actor="agent-1"),
        asked(SMALL, kind="return_and_refund"),
        asked(SMALL, (1, 1)),
        asked(SMALL, refuses_late=False),
    ],
    ids=["our own", "a return", "a part", "switched off"],
)
def test_what_is_no_buyers_cancellation_stands(desk: RefundDesk) -> None:
    before = desk.stands()
    desk.give(shipped())
    assert desk.of(RefundRefused) == []
    assert desk.stands() is before


def test_what_is_being_paid_is_not_refused() -> None:
    desk = asked(SMALL)
    desk.give(cancelled())
    assert desk.stands() is CaseState.PAYING
    desk.give(shipped())
    assert desk.of(RefundRefused) == []
