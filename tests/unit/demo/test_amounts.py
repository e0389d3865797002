"""What a buyer gets for a claim is what was claimed, to the fen."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from demo.amounts import Otherwise, check_amounts
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
    compared = check_amounts(*worlds(channel, *amounts, **claimed))
    assert [finding.detail for finding in compared.findings] == found
    assert (sum(compared.otherwise.values()), compared.otherwise_fen) == (0, 0)


@pytest.mark.parametrize(
    ("channel", "amounts", "freight_fen", "how", "fen"),
    [
        ("taobao", [(400, 500)], 100, Otherwise.FREIGHT, 100),
        ("taobao", [(500, 400)], 100, Otherwise.FREIGHT, 100),
        ("pdd", [(400, 500)], 100, Otherwise.FREIGHT, 100),
        ("taobao", [(400, 501)], 100, None, 0),
        ("taobao", [(400, 500)], 0, None, 0),
        # The whole of order 2 was 1000.
        ("jd", [(400, 1000)], 0, Otherwise.WHOLE_ORDER, 600),
        ("jd", [(400, 1000)], 100, Otherwise.WHOLE_ORDER, 600),
        ("jd", [(400, 999)], 0, None, 0),
        ("taobao", [(400, 1000)], 0, None, 0),
    ],
)
def test_what_is_known_to_be_paid_otherwise_is_counted_and_nothing_else(
    channel: str, amounts: list[tuple[int, int]], freight_fen: int, how: Otherwise | None, fen: int
) -> None:
    outside, inside = worlds(channel, *amounts, in_part=True)
    orders = tuple(replace(order, freight_fen=freight_fen) for order in outside.orders)

    compared = check_amounts(replace(outside, orders=orders), inside)

    assert bool(compared.findings) is (how is None)
    assert {kind for kind, count in compared.otherwise.items() if count} == ({how} - {None})
    assert compared.otherwise_fen == fen


def test_the_whole_order_is_right_where_all_of_it_was_claimed() -> None:
    compared = check_amounts(*worlds("jd", (400, 1000)))
    assert [finding.detail for finding in compared.findings] == [
        "jd 2 asked for 400 fen and got 1000"
    ]


def test_what_another_paid_or_nobody_has_is_not_compared() -> None:
    outside, inside = worlds("taobao", (399, 400))
    for changed in ({"paid_elsewhere": True}, {"state": "refused"}):
        other = replace(inside, refunds=(replace(inside.refunds[0], **changed),))
        assert check_amounts(outside, other).findings == ()
