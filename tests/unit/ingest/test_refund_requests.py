"""What refunds is asked for when a channel's buyer asks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.events.commands_refunds import RefundRequestLine
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.refund_requests import refund_command

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
KIT = (("l1", 2), ("l1", 1), ("l2", 5))
"""The first line of the channel is two of ours."""


def asked(line_id: str, amount_fen: int) -> Aftersale:
    return Aftersale(
        refund_no="R1",
        order_no="4001",
        line_id=line_id,
        state=LineRefundState.REQUESTED,
        raw_state="",
        amount_fen=amount_fen,
        goods_come_back=False,
        reason="",
        modified_at=NOON,
        version="",
        phase="",
    )


@pytest.mark.parametrize(
    ("lines", "line_id", "amount_fen", "numbers", "sum_fen", "freight"),
    [
        (KIT, "l1", 990, ((1, 2), (2, 1)), 990, False),
        (KIT, "l1", 0, ((1, 2), (2, 1)), None, False),
        (KIT, "", 990, (), 990, True),
        (KIT[:2], "l1", 990, (), 990, True),
        (KIT[:2], "l1", 0, (), None, True),
    ],
)
def test_it_names_the_lines_and_the_sum_that_the_channel_names(
    lines: tuple[tuple[str, int], ...],
    line_id: str,
    amount_fen: int,
    numbers: tuple[tuple[int, int], ...],
    sum_fen: int | None,
    freight: bool,
) -> None:
    known = KnownOrder(
        order_id="TB1", channel="taobao", shop="s1", channel_order_no="4001", lines=lines
    )
    command = refund_command(asked(line_id, amount_fen), "id", known, NOON)
    assert command is not None
    assert command.lines == tuple(
        RefundRequestLine(line_no=number, quantity=pieces) for number, pieces in numbers
    )
    assert (command.amount_fen, command.include_freight) == (sum_fen, freight)
