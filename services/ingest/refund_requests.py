"""What a channel's after-sales request is in our orders and lines. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.commands_refunds import (
    RefundedThere,
    RefundedThereLine,
    RefundRequestLine,
    RequestRefund,
)
from services.ingest.channels import Aftersale
from services.ingest.domain.snapshots import KnownOrder


def refund_command(
    aftersale: Aftersale, refund_id: str, known: KnownOrder, issued_at: datetime
) -> RequestRefund | None:
    """The command for one request; None while its line is not known to us, or has no SKU of ours yet."""
    lines: tuple[RefundRequestLine, ...] = ()
    if aftersale.line_id:
        numbers = [
            RefundRequestLine(line_no=number, quantity=pieces)
            for number, (line_id, pieces) in enumerate(known.lines, start=1)
            if line_id == aftersale.line_id
        ]
        if not numbers:
            return None
        # A request for the only line is a request for the whole order, with the freight where no sum is told.
        only = len({line_id for line_id, _ in known.lines}) == 1
        if known.waiting is not None and not only:
            return None
        lines = () if only else tuple(numbers)
    return RequestRefund(
        order_id=known.order_id,
        command_id=refund_id,
        issued_at=issued_at,
        actor=f"channel:{known.channel}",
        refund_id=refund_id,
        kind="return_and_refund" if aftersale.goods_come_back else "refund_only",
        lines=lines,
        include_freight=not lines,
        damaged=False,
        reason="channel_request",
        amount_fen=aftersale.amount_fen or None,
    )


def refunded_there(aftersale: Aftersale, known: KnownOrder, at: datetime) -> RefundedThere | None:
    """What the channel gave back of it; None as long as it is no command either. No amount: the channel names none."""
    asked = refund_command(aftersale, "", known, at)
    if asked is None:
        return None
    return RefundedThere(
        amount_fen=aftersale.amount_fen or None,
        kind=asked.kind,
        lines=tuple(
            RefundedThereLine(line_no=one.line_no, quantity=one.quantity) for one in asked.lines
        ),
        include_freight=asked.include_freight,
    )
