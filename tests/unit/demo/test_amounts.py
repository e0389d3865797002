"""What a buyer gets for a claim is what was claimed, to the fen."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from demo.amounts import check_amounts
from demo.snapshots import Inside, InsideRefund, Outside, OutsideClaim
from tests.unit.demo.worlds import INSIDE, OUTSIDE

CLAIM = OutsideClaim(channel="taobao", order_no="2", claim_no="C2", amount_fen=400, status="agreed")


def worlds(channel: str, *amounts: tuple[int, int], **claimed: Any) -> tuple[Outside, Inside]:
    """Order 2 with claims of (asked for, paid) fen; `claimed` changes the first claim."""
    claims = [
        replace(CLAIM, channel=channel, claim_no=f"C{number}", amount_fen=fen)
        for number, (fen, _) in enumerate(amounts)
    ]
    claims[0] = replace(claims[0], **claimed)
    refunds = tuple(
        InsideRefund(order_id="TB2", refund_id=f"refund-{number}", state="settled", amount_fen=fen)
        for number, (_, fen) in enumerate(amounts)
    )
    asked = {(channel, f"C{number}"): f"refund-{number}" for number in range(len(amounts))}
    orders = tuple(replace(order, channel=channel) for order in OUTSIDE.orders)
    return (
        replace(OUTSIDE, orders=orders, claims=tuple(claims)),
        replace(INSIDE, claims=asked, refunds=refunds),
    )


@pytest.mark.parametrize(
    ("channel", "amounts", "claimed", "found"),
    [
        ("taobao", [(400, 400), (100, 100)], {}, []),
        ("taobao", [(199, 200), (201, 200)], {}, ["taobao C0 of 2 asked for 199 fen and got 200", "taobao C1 of 2 asked for 201 fen and got 200"]),
        # Shares of lines that the platform never states differ by the odd fen; their sum does not.
        ("jd", [(199, 200), (201, 200)], {}, []),
        ("jd", [(199, 200), (201, 201)], {}, ["jd 2 asked for 400 fen and got 401"]),
        ("pdd", [(400, 399)], {}, ["pdd 2 asked for 400 fen and got 399"]),
        # Withdrawn when its money had gone, and claimed again with another line: only that is left.
        ("xiaohongshu", [(400, 400), (1000, 600)], {"status": "withdrawn", "answered_by": "buyer"}, []),
        ("xiaohongshu", [(400, 400), (1000, 600)], {}, ["xiaohongshu C1 of 2 asked for 1000 fen and got 600"]),
        ("xiaohongshu", [(400, 400), (500, 600)], {"status": "withdrawn", "answered_by": "buyer"}, ["xiaohongshu C1 of 2 asked for 500 fen and got 600"]),
        ("taobao", [(399, 400)], {"answered_by": "shop"}, []),
        # Its amounts contradict each other there: order 4.
        ("taobao", [(399, 400)], {"order_no": "4"}, []),
    ],
)  # fmt: skip
def test_what_was_paid_for_a_claim_is_compared(
    channel: str, amounts: list[tuple[int, int]], claimed: dict[str, Any], found: list[str]
) -> None:
    findings = check_amounts(*worlds(channel, *amounts, **claimed))
    assert [finding.detail for finding in findings] == found


def test_what_another_paid_or_nobody_has_is_not_compared() -> None:
    outside, inside = worlds("taobao", (399, 400))
    for changed in ({"paid_elsewhere": True}, {"state": "refused"}):
        other = replace(inside, refunds=(replace(inside.refunds[0], **changed),))
        assert list(check_amounts(outside, other)) == []
